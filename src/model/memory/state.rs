//! The writer machine's states, and what each carries.

use serde::{Deserialize, Serialize};

use crate::model::action::OpId;
use crate::model::gtid::GtidSet;
use crate::model::incarnation::Incarnation;
use crate::model::member::Side;
use crate::model::time::Timestamp;

/// The writer machine's states.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields say by their names what they are")]
pub enum State {
    /// Looking; nothing is done to roles before both members are known, or long enough unknown.
    Settling { since: Timestamp },
    /// The register's writer serves.
    Serving,
    /// A planned switchover before the register moves.
    Switching(Switch),
    /// The writer is gone or going; its standby takes over.
    Promoting(Promotion),
    /// No safe move.
    Holding { why: Why, since: Timestamp },
    /// Nobody promotes, by order.
    Paused,
}

/// A planned switchover under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Switch {
    /// Its number.
    pub op: OpId,
    /// The next writer.
    pub to: Side,
    /// When it began.
    pub since: Timestamp,
    /// From when on its deadline counts: its begin, or the end of the hooks that had to agree.
    pub clock: Timestamp,
    /// How far it has come.
    pub stage: Stage,
    /// Transactions of the next writer's own that were accepted with the request.
    #[serde(default)]
    pub accepted: GtidSet,
    /// Accounts that may write through read-only and came back when their sessions were ended, and when
    /// that was.
    #[serde(default)]
    pub returned: Option<(Vec<String>, Timestamp)>,
    /// The old writer's position, read after its last session ended, and when.
    pub position: Option<(GtidSet, Timestamp)>,
    /// Why it was asked for.
    pub why: String,
}

/// Stages of a switchover before the register moves: what has been proven so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing has been touched but the heartbeat; both members have to answer at once.
    Checking,
    /// The writer is asked to refuse writes.
    Closing,
    /// It refuses them; sessions are ended.
    Sweeping,
    /// Its position is read twice.
    Reading,
    /// The reader applies up to it.
    Draining,
    /// The reader's source side is armed and read back.
    Arming,
    /// Something failed: the old writer is opened again.
    Undoing,
}

/// An unplanned change under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Promotion {
    /// Its number.
    pub op: OpId,
    /// The standby that takes over.
    pub to: Side,
    /// Its life that this was decided on: what was proven of it is not true of another.
    pub life: Option<Incarnation>,
    /// When it began.
    pub since: Timestamp,
    /// Why.
    pub why: String,
    /// An operator ordered it.
    pub ordered: bool,
    /// The standby was proven to have everything that was acknowledged.
    pub proven: bool,
    /// An operator accepted that what the standby lacks is lost.
    pub accept_loss: bool,
    /// Since when the old writer has been known to execute nothing more.
    pub fenced: Option<Timestamp>,
}

/// Why there is no safe move.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields say by their names what they are")]
pub enum Why {
    /// Each member has transactions of the writers' line that the other lacks.
    Split { only_a: GtidSet, only_b: GtidSet },
    /// The writer cannot be started; `reason` begins with what keeps its standby from taking over.
    WriterDoesNotStart { reason: String },
    /// Several members accept writes and nothing tells which one may.
    BothWritable,
    /// The heartbeat of the register's own epoch names the other member.
    OtherWriter { epoch: u64, named: Side },
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Split { only_a, only_b } => {
                f.write_str("members have transactions that the other lacks:")?;
                for (of, only) in [("first", only_a), ("second", only_b)] {
                    if !only.is_empty() {
                        write!(f, " {of} {only};")?;
                    }
                }
                f.write_str(" compare them and re-seed one")
            }
            Self::WriterDoesNotStart { reason } => {
                write!(f, "the writer cannot be started: {reason}")
            }
            Self::BothWritable => f.write_str("both members accept writes; close one by hand"),
            Self::OtherWriter { epoch, named } => write!(
                f,
                "the heartbeat of epoch {epoch} names member {named} as writer, the stored register the \
                 other: put this pair's own state file back, or stop the daemon and move the file away: \
                 the heartbeat then decides"
            ),
        }
    }
}
