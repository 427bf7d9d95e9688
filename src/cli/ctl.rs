//! The command line of `dualmasterctl`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::span;
use crate::control::commands::Command;
use crate::model::request::Thread;

/// Looks at dual-master pairs and steers them.
#[derive(Debug, Parser)]
#[command(name = "dualmasterctl", version, max_term_width = 100)]
pub struct Ctl {
    /// The daemon's control socket
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/run/dualmasterd/control.sock"
    )]
    pub socket: PathBuf,
    /// How answers look
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Say nothing where all went well
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// No colours; NO_COLOR in the environment does the same
    #[arg(long, global = true)]
    pub no_color: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// How answers look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Pretty,
    /// For programs
    Json,
}

/// The pair meant.
#[derive(Debug, Clone, Default, Args)]
pub struct Pair {
    /// The pair; may be left out where there is one
    pub pair: Option<String>,
}

/// How to wait for the end of an operation.
#[derive(Debug, Clone, Args)]
pub struct Waiting {
    /// Return as soon as the operation has begun
    #[arg(long)]
    pub no_wait: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = span::parse)]
    pub wait: Duration,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Members, roles, links, lag, and whether the reader could take over now
    #[command(visible_alias = "status")]
    List {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
        /// Exit with 3 where a pair is not healthy
        #[arg(long)]
        check: bool,
        /// Look again and again: a live table on a terminal, elsewhere a line for each change
        #[arg(
            short,
            long,
            value_name = "EVERY",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "1s",
            value_parser = span::parse,
            conflicts_with = "check"
        )]
        watch: Option<Duration>,
    },
    /// Every guard of a failover and every finding, with what to do
    Explain {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
    },
    /// Make the reader the writer, as planned; undone where it does not go through in time
    Switchover {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
        /// The next writer [default: the reader]
        #[arg(long, value_name = "MEMBER")]
        to: Option<String>,
        /// Rows written on the reader by others become the truth
        #[arg(long)]
        accept_own_rows: bool,
        /// Say what would happen, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// How to wait
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Hand the writer's role to the peer, if this member has it: before its server is stopped
    StepDown {
        /// The member, as PAIR.MEMBER
        server: String,
        /// How to wait
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Promote the reader now; the writer is killed if it lives
    Failover {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
        /// The next writer [default: the reader]
        #[arg(long, value_name = "MEMBER")]
        candidate: Option<String>,
        /// What the candidate lacks is lost
        #[arg(long)]
        accept_loss: bool,
        /// Say what would happen, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask for the pair's name
        #[arg(long)]
        force: bool,
        /// How to wait
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Nobody promotes until `resume`
    Pause {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
        /// It ends by itself after this time
        #[arg(long = "for", value_name = "SPAN", value_parser = span::parse)]
        span: Option<Duration>,
        /// Why
        #[arg(long, default_value = "by an operator")]
        reason: String,
    },
    /// End a pause
    Resume {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
    },
    /// Let automatic failovers happen again after too many of them
    Ack {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
    },
    /// The last operations
    History {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
        /// As many at most
        #[arg(short, default_value_t = 20)]
        n: usize,
        /// One operation with its steps
        #[arg(long, value_name = "NUMBER")]
        op: Option<u64>,
    },
    /// The sessions of both servers
    Processlist {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
    },
    /// Stop and start replication threads on purpose
    Link {
        /// What to do
        #[command(subcommand)]
        verb: LinkVerb,
    },
    /// Read the configuration again; a bad one changes nothing
    Reload,
    /// The versions of this program and of the daemon
    Version,
}

/// What to do to a link.
#[derive(Debug, Subcommand)]
pub enum LinkVerb {
    /// Stop a member's replication threads for a while
    Hold {
        /// The member whose threads they are [default: the reader]
        member: Option<String>,
        /// The pair; may be left out where there is one
        #[arg(long)]
        pair: Option<String>,
        /// Which thread
        #[arg(long, value_enum, default_value_t)]
        thread: WhichThread,
        /// They are started again after this time
        #[arg(long = "for", value_name = "SPAN", value_parser = span::parse)]
        span: Duration,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Start them again
    Release {
        /// The member whose threads they are [default: both]
        member: Option<String>,
        /// The pair; may be left out where there is one
        #[arg(long)]
        pair: Option<String>,
        /// Which thread
        #[arg(long, value_enum, default_value_t)]
        thread: WhichThread,
    },
    /// Both links with their threads and holds
    List {
        /// Which pair
        #[command(flatten)]
        pair: Pair,
    },
}

/// Which replication thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum WhichThread {
    /// The one that fetches
    Receiver,
    /// The one that applies
    Applier,
    /// Both
    #[default]
    Both,
}

impl WhichThread {
    fn one(self) -> Option<Thread> {
        match self {
            Self::Receiver => Some(Thread::Receiver),
            Self::Applier => Some(Thread::Applier),
            Self::Both => None,
        }
    }
}

impl Verb {
    /// The first command to send.
    pub fn command(&self) -> Command {
        match self {
            Self::List { pair, .. } => Command::List {
                pair: pair.pair.clone(),
            },
            Self::Explain { pair } => Command::Explain {
                pair: pair.pair.clone(),
            },
            Self::Switchover {
                pair,
                to,
                accept_own_rows,
                dry_run,
                ..
            } => Command::Switchover {
                pair: pair.pair.clone(),
                to: to.clone(),
                accept_own_rows: *accept_own_rows,
                dry_run: *dry_run,
            },
            // Which command follows depends on who is the writer.
            Self::StepDown { server, .. } => Command::List {
                pair: Some(split_server(server).0.to_owned()),
            },
            Self::Failover {
                pair,
                candidate,
                accept_loss,
                dry_run,
                ..
            } => Command::Failover {
                pair: pair.pair.clone(),
                candidate: candidate.clone(),
                accept_loss: *accept_loss,
                dry_run: *dry_run,
            },
            Self::Pause { pair, span, reason } => Command::Pause {
                pair: pair.pair.clone(),
                for_ms: span.map(span::millis),
                reason: reason.clone(),
            },
            Self::Resume { pair } => Command::Resume {
                pair: pair.pair.clone(),
            },
            Self::Ack { pair } => Command::Ack {
                pair: pair.pair.clone(),
            },
            Self::History {
                pair, op: Some(op), ..
            } => Command::Show {
                pair: pair.pair.clone(),
                op: *op,
            },
            Self::History { pair, n, op: None } => Command::History {
                pair: pair.pair.clone(),
                n: *n,
            },
            Self::Processlist { pair } => Command::Processlist {
                pair: pair.pair.clone(),
            },
            Self::Link { verb } => verb.command(),
            Self::Reload => Command::Reload {},
            Self::Version => Command::Version {},
        }
    }

    /// How to wait for the operation that this begins, where it begins one: a dry run does not.
    pub fn waiting(&self) -> Option<&Waiting> {
        match self {
            Self::Switchover {
                waiting, dry_run, ..
            }
            | Self::Failover {
                waiting, dry_run, ..
            } => Some(waiting).filter(|waiting| !waiting.no_wait && !dry_run),
            Self::StepDown { waiting, .. } => Some(waiting).filter(|waiting| !waiting.no_wait),
            Self::List { .. }
            | Self::Explain { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::Ack { .. }
            | Self::History { .. }
            | Self::Processlist { .. }
            | Self::Link { .. }
            | Self::Reload
            | Self::Version => None,
        }
    }
}

/// The pair and the member of `PAIR.MEMBER`; neither name has a point.
pub fn split_server(server: &str) -> (&str, &str) {
    server.split_once('.').unwrap_or((server, ""))
}

impl LinkVerb {
    fn command(&self) -> Command {
        match self {
            Self::Hold {
                member,
                pair,
                thread,
                span,
                reason,
            } => Command::Hold {
                pair: pair.clone(),
                member: member.clone(),
                thread: thread.one(),
                for_ms: span::millis(*span),
                reason: reason.clone(),
            },
            Self::Release {
                member,
                pair,
                thread,
            } => Command::Release {
                pair: pair.clone(),
                member: member.clone(),
                thread: thread.one(),
            },
            Self::List { pair } => Command::List {
                pair: pair.pair.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn command(line: &str) -> Command {
        let words = std::iter::once("dualmasterctl").chain(line.split(' '));
        Ctl::try_parse_from(words).unwrap().verb.command()
    }

    #[test]
    fn the_command_line_is_sound() {
        Ctl::command().debug_assert();
    }

    #[test]
    fn verbs_become_commands() {
        let orders = || Some("orders".to_owned());
        assert_eq!(command("status orders"), Command::List { pair: orders() });
        assert_eq!(
            command("pause orders --for 2h --reason upgrade"),
            Command::Pause {
                pair: orders(),
                for_ms: Some(7_200_000),
                reason: "upgrade".to_owned()
            }
        );
        assert_eq!(
            command("link hold --for 1h --reason backup"),
            Command::Hold {
                pair: None,
                member: None,
                thread: None,
                for_ms: 3_600_000,
                reason: "backup".to_owned()
            }
        );
        assert_eq!(
            command("link release db2 --thread applier"),
            Command::Release {
                pair: None,
                member: Some("db2".to_owned()),
                thread: Some(Thread::Applier)
            }
        );
        assert_eq!(
            command("history --op 7"),
            Command::Show { pair: None, op: 7 }
        );
    }

    #[test]
    fn a_watch_has_an_interval_of_its_own() {
        for (line, every) in [("list -w", 1000), ("list --watch=200ms orders", 200)] {
            let words = std::iter::once("dualmasterctl").chain(line.split(' '));
            let verb = Ctl::try_parse_from(words).unwrap().verb;
            let every = Some(Duration::from_millis(every));
            assert!(
                matches!(verb, Verb::List { watch, .. } if watch == every),
                "{line}"
            );
        }
    }

    #[test]
    fn a_dry_run_is_not_waited_for() {
        let waits = |line: &str| {
            let words = std::iter::once("dualmasterctl").chain(line.split(' '));
            Ctl::try_parse_from(words).unwrap().verb.waiting().is_some()
        };
        assert!(waits("switchover"));
        assert!(!waits("switchover --dry-run"));
        assert!(!waits("failover --no-wait"));
    }

    #[test]
    fn a_span_without_a_unit_is_a_usage_error() {
        let line = ["dualmasterctl", "pause", "--for", "90"];
        let error = Ctl::try_parse_from(line).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("needs a unit"), "{error}");
    }
}
