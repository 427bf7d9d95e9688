//! What an operator may ask for.

use serde::{Deserialize, Serialize};

use super::action::OpId;
use super::member::Side;

/// A request that the core decides about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Tells its answer from others.
    pub id: u64,
    /// What is asked.
    pub verb: Verb,
    /// Answer as if, and do nothing.
    pub dry_run: bool,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields say by their names what they are")]
pub enum Verb {
    /// Make the other member (or the one named) the writer, as planned.
    Switchover {
        to: Option<Side>,
        accept_own_rows: bool,
    },
    /// Promote the standby now, whatever the writer says.
    Failover { to: Side, accept_loss: bool },
    /// Nobody promotes.
    Pause {
        until_ms: Option<u64>,
        reason: String,
    },
    /// Lift the operator's pause.
    Resume,
    /// Role changes so far no longer count against flapping.
    Ack,
    /// Stop a thread of the link that this member holds, until then.
    Hold {
        side: Side,
        thread: Thread,
        until_ms: u64,
        reason: String,
    },
    /// End a hold.
    Release { side: Side, thread: Thread },
}

/// A replication thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Thread {
    /// The receiver.
    Receiver,
    /// The applier.
    Applier,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The request's.
    pub id: u64,
    /// Granted, with its operation where one began, or refused.
    pub result: Result<Granted, Refusal>,
}

/// A request was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The operation that began.
    pub op: Option<OpId>,
    /// In words.
    pub text: String,
}

/// A request was refused: every guard in its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// In words.
    pub text: String,
    /// The guards that failed.
    pub guards: Vec<Guard>,
}

/// One condition of a role change, with its value and its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Its stable name.
    pub name: String,
    /// It holds.
    pub ok: bool,
    /// What was seen.
    pub value: String,
    /// What is asked for.
    pub limit: String,
    /// What to do or type where it fails.
    pub remedy: String,
}
