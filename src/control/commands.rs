//! The words of the socket: one [`Frame`] per line in, one [`Answer`] per line out.

use serde::{Deserialize, Serialize};

use super::report::{MemberSessions, OperationReport, PairReport};
use crate::model::request::{Guard, Thread};

/// The version of these words. A daemon refuses frames of another one.
pub const PROTOCOL: u32 = 1;

/// One request, as it stands on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// [`PROTOCOL`] of the client.
    pub version: u32,
    /// What is asked.
    pub command: Command,
}

/// What is asked. A `pair` left out is the only pair there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The reports of one pair, or of all.
    List {
        /// Whose.
        pair: Option<String>,
    },
    /// The same, for `explain`.
    Explain {
        /// Whose.
        pair: Option<String>,
    },
    /// The last operations, newest first.
    History {
        /// Whose.
        pair: Option<String>,
        /// As many at most.
        n: usize,
    },
    /// One operation with its steps.
    Show {
        /// Whose.
        pair: Option<String>,
        /// Its number.
        op: u64,
    },
    /// Answered when the operation has ended or the time is up, with the operation as it then is.
    Watch {
        /// Whose.
        pair: Option<String>,
        /// Its number.
        op: u64,
        /// How long to wait at most, in milliseconds; an hour is the longest.
        timeout_ms: u64,
    },
    /// The sessions of both members.
    Processlist {
        /// Whose.
        pair: Option<String>,
    },
    /// Make another member the writer, as planned.
    Switchover {
        /// Which pair's.
        pair: Option<String>,
        /// The next writer; the reader where left out.
        to: Option<String>,
        /// The reader's own transactions become the truth.
        accept_own_rows: bool,
        /// Answer as if, and do nothing.
        dry_run: bool,
    },
    /// Promote the standby now.
    Failover {
        /// Which pair's.
        pair: Option<String>,
        /// The next writer; the reader where left out.
        candidate: Option<String>,
        /// What the standby lacks is lost.
        accept_loss: bool,
        /// Answer as if, and do nothing.
        dry_run: bool,
    },
    /// Nobody promotes.
    Pause {
        /// Which pair's.
        pair: Option<String>,
        /// For how long, in milliseconds; until `resume` where left out.
        for_ms: Option<u64>,
        /// Why.
        reason: String,
    },
    /// Lift the operator's pause.
    Resume {
        /// Which pair's.
        pair: Option<String>,
    },
    /// Role changes so far no longer count against flapping.
    Ack {
        /// Which pair's.
        pair: Option<String>,
    },
    /// Stop threads of a link for a while.
    Hold {
        /// Which pair's.
        pair: Option<String>,
        /// The member that holds the link; the reader where left out.
        member: Option<String>,
        /// Which thread; both where left out.
        thread: Option<Thread>,
        /// For how long, in milliseconds.
        for_ms: u64,
        /// Why.
        reason: String,
    },
    /// End holds.
    Release {
        /// Which pair's.
        pair: Option<String>,
        /// Of which member; of both where left out.
        member: Option<String>,
        /// Of which thread; of both where left out.
        thread: Option<Thread>,
    },
    /// Read the configuration again.
    Reload {},
    /// The daemon's version.
    Version {},
}

impl Command {
    /// It only looks: everybody who can open the socket may ask.
    pub fn reads_only(&self) -> bool {
        match self {
            Self::List { .. }
            | Self::Explain { .. }
            | Self::History { .. }
            | Self::Show { .. }
            | Self::Watch { .. }
            | Self::Version {} => true,
            // A process list shows statements with other people's data.
            Self::Processlist { .. }
            | Self::Switchover { .. }
            | Self::Failover { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::Ack { .. }
            | Self::Hold { .. }
            | Self::Release { .. }
            | Self::Reload {} => false,
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `list` and `explain`.
    Pairs(Vec<PairReport>),
    /// To `history`.
    Operations(Vec<OperationReport>),
    /// To `show` and `watch`.
    Operation(OperationReport),
    /// To `processlist`.
    Sessions(Vec<MemberSessions>),
    /// A verb was granted.
    Granted {
        /// The pair.
        pair: String,
        /// The operation that began, to be watched.
        op: Option<u64>,
        /// In words.
        text: String,
    },
    /// A verb was refused for now, with every guard in its way.
    Refused {
        /// In words.
        text: String,
        /// The guards that failed.
        guards: Vec<Guard>,
    },
    /// To `reload`.
    Reloaded {
        /// What changed, in words.
        text: String,
    },
    /// To `version`.
    Version {
        /// The daemon's version.
        daemon: String,
        /// Its [`PROTOCOL`].
        protocol: u32,
    },
    /// It could not be answered.
    Failed {
        /// Why, for programs.
        code: Failure,
        /// Why, in words.
        text: String,
    },
}

/// Why a request could not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It is not a request of this protocol.
    Malformed,
    /// It is of another protocol version.
    Version,
    /// No such pair, member or operation, or several where one must be named.
    Unknown,
    /// This user may not.
    Denied,
    /// The daemon is too busy, or its loop does not answer.
    Unavailable,
    /// The configuration on disk is bad; the old one stays.
    BadConfig,
}
