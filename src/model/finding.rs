//! What is wrong or worth knowing, named before anything is done about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::member::Side;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Part of normal life.
    Info,
    /// The pair serves, and something should be looked at.
    Warning,
    /// Clients are, or a failover would be, hurt.
    Error,
}

/// The kinds of findings: the stable names that journal, metrics, `explain` and scenarios share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "`Finding::meaning` says what each means, for people as well"
)]
pub enum Kind {
    WriterProcessExited,
    ReaderProcessExited,
    WriterHung,
    WriterRefuses,
    WriterBusy,
    WritesBlocked,
    ReaderIll,
    HostStalled,
    LinkBroken,
    LinkConnecting,
    LinkMissing,
    LinkHeld,
    LinkQuarantined,
    ReaderLagging,
    ReaderHasOwnRows,
    NotInSync,
    SecondSemiSyncClient,
    UnsafeSettings,
    StrayOnWriter,
    WriterClosedByHand,
    BothWritable,
    StoreIsOld,
    StoreFails,
    EndpointWrong,
    EndpointAnswersWrong,
    BinlogsKept,
    DiskNearlyFull,
    DatadirForeign,
    DatadirOtherVersion,
    SocketGone,
    AccountsPassReadOnly,
    BinaryUnusable,
    PortTaken,
    ConfigEdited,
    RestartPending,
    ServerDoesNotStart,
    ServerStarting,
    LoginRefused,
    ActionFailed,
    Holding,
    Paused,
    Flapping,
    TailRemoved,
    HookFailed,
    PreparedXa,
    ConfigRefused,
    DiskFull,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// At which member, if at one.
    pub side: Option<Side>,
    /// The details, in words: values, limits, the server's own text.
    pub detail: String,
}

impl Finding {
    /// A finding at a member.
    pub fn at(side: Side, kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            side: Some(side),
            detail: detail.into(),
        }
    }

    /// A finding of the whole pair.
    pub fn of_pair(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            side: None,
            detail: detail.into(),
        }
    }
}

impl Kind {
    /// How much it matters.
    pub const fn severity(self) -> Severity {
        self.entry().0
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.entry().1
    }

    /// What the operator may do; empty where nothing need be done.
    pub const fn remedy(self) -> &'static str {
        self.entry().2
    }

    const fn entry(self) -> (Severity, &'static str, &'static str) {
        use Severity::{Error, Warning};
        match self {
            Self::WriterProcessExited => (Error, "the writer's process is ending or gone", ""),
            Self::ReaderProcessExited => (Warning, "the reader's process is ending or gone", ""),
            Self::WriterHung => (
                Error,
                "the writer does not execute, and nothing else explains it",
                "",
            ),
            Self::WriterRefuses => (
                Error,
                "the writer's process lives but nobody can log in",
                "",
            ),
            Self::WriterBusy => (
                Warning,
                "the writer answers late but works",
                "look at its load",
            ),
            Self::WritesBlocked => (
                Warning,
                "a session holds a lock that makes every write wait",
                "end that session",
            ),
            Self::ReaderIll => (
                Warning,
                "commits wait for a reader that does not acknowledge",
                "",
            ),
            Self::HostStalled => (
                Warning,
                "both members or the daemon itself stood still: nobody is judged",
                "",
            ),
            Self::LinkBroken => (
                Error,
                "a replication thread stopped with an error",
                "read the error; repair the rows or `dualmasterctl link`",
            ),
            Self::LinkConnecting => (
                Warning,
                "a receiver cannot connect",
                "look at the peer and at the replication account",
            ),
            Self::LinkMissing => (Warning, "a link is not configured or points elsewhere", ""),
            Self::LinkHeld => (
                Warning,
                "a thread is stopped on purpose",
                "`dualmasterctl link release` ends it",
            ),
            Self::LinkQuarantined => (
                Error,
                "a member has transactions that its peer lacks and is kept apart",
                "compare them; re-seed this member",
            ),
            Self::ReaderLagging => (Warning, "the reader is behind", ""),
            Self::ReaderHasOwnRows => (
                Error,
                "the reader has transactions of its own",
                "compare them; a role change would make them the truth",
            ),
            Self::NotInSync => (
                Warning,
                "the reader may not take over: it is not proven complete",
                "",
            ),
            Self::SecondSemiSyncClient => (
                Error,
                "another replica acknowledges commits that the reader may lack",
                "switch semi-sync off at that replica",
            ),
            Self::UnsafeSettings => (
                Error,
                "a setting that lossless rests on is not set",
                "restore it",
            ),
            Self::StrayOnWriter => (
                Error,
                "transactions written on the reader wait behind the writer's gate",
                "undo them on the reader",
            ),
            Self::WriterClosedByHand => (Warning, "somebody made the writer read-only", ""),
            Self::BothWritable => (Error, "both members accept writes", ""),
            Self::StoreIsOld => (
                Error,
                "the stored register is older than the servers' heartbeat",
                "",
            ),
            Self::StoreFails => (
                Error,
                "the state file cannot be written: nobody is opened or degraded until it can",
                "look at its disk",
            ),
            Self::EndpointWrong => (Warning, "the endpoint does not lead where it must", ""),
            Self::EndpointAnswersWrong => (
                Error,
                "another server answers through the endpoint",
                "look at the host's nftables and addresses",
            ),
            Self::BinlogsKept => (
                Warning,
                "binary logs older than `binlog_keep` are kept: the peer may lack them",
                "bring the peer back, or look at the free space",
            ),
            Self::DiskNearlyFull => (Warning, "a file system is nearly full", "free space"),
            Self::DatadirForeign => (
                Error,
                "the datadir holds something that is not ours",
                "name an empty folder, or adopt the server",
            ),
            Self::DatadirOtherVersion => (
                Error,
                "the datadir was written by another server, or by a newer version than `binary` is",
                "name the `binary` that it belongs to, or another `datadir`; nothing in it was touched",
            ),
            Self::SocketGone => (
                Warning,
                "the file of the server's Unix socket was deleted: who connects through it gets no answer",
                "end the reader's server: it is started again with its socket; for the writer, switch over first",
            ),
            Self::AccountsPassReadOnly => (
                Warning,
                "accounts can write on a reader, or open it: what they write there never reaches the writer",
                "revoke that right from each (MariaDB: READ ONLY ADMIN; MySQL: SUPER, SYSTEM_VARIABLES_ADMIN); \
                 GRANT ALL ON *.* contains it: grant an application its own schemas",
            ),
            Self::BinaryUnusable => (
                Error,
                "the server binary cannot be run, or is older than what can be kept",
                "correct `binary` in the configuration",
            ),
            Self::PortTaken => (
                Error,
                "another process listens at the member's port",
                "end it, or choose another port",
            ),
            Self::ConfigEdited => (
                Warning,
                "the server's configuration file was edited by hand and is left alone",
                "move the edit into the member's `[mysqld]` table and delete the file",
            ),
            Self::RestartPending => (
                Warning,
                "settings wait for the server's next start",
                "end the reader's server: it is started again with them; for the writer, switch over first",
            ),
            Self::ServerDoesNotStart => (
                Error,
                "the server does not start",
                "read its last log lines",
            ),
            Self::ServerStarting => (
                Warning,
                "the server was started and has not answered yet: it may recover",
                "read its log; where it will not end, kill its process",
            ),
            Self::LoginRefused => (
                Error,
                "the daemon cannot log in",
                "look at the accounts and their passwords",
            ),
            Self::ActionFailed => (Warning, "an action failed and will be tried again", ""),
            Self::Holding => (Error, "no safe move", ""),
            Self::Paused => (
                Warning,
                "nobody promotes, by order",
                "`dualmasterctl resume`",
            ),
            Self::Flapping => (
                Error,
                "too many unplanned role changes: automatic moves stopped",
                "find the cause, then `dualmasterctl ack`",
            ),
            Self::TailRemoved => (
                Warning,
                "transactions that nobody acknowledged, or that change nothing, were saved and cut off",
                "read the saved file if somebody wants to know",
            ),
            Self::HookFailed => (Error, "a hook failed", "run it by hand"),
            Self::DiskFull => (
                Error,
                "a server's disk is full: writes wait, or the server ends",
                "free or add space: the server looks again once a minute, and goes on by itself",
            ),
            Self::ConfigRefused => (
                Error,
                "the configuration on disk is refused, the one before it stays in force",
                "correct it, then `dualmasterctl reload`",
            ),
            Self::PreparedXa => (
                Warning,
                "prepared XA transactions are open",
                "commit or roll them back",
            ),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
