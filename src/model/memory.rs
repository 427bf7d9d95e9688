//! What a decision remembers for the next one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::OpId;
use super::gtid::GtidSet;
use super::hook::HookCall;
use super::incarnation::{BootId, Incarnation};
use super::member::{Both, Side};
use super::register::Register;
use super::time::Timestamp;

/// Everything remembered. Only [`Durable`] survives the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Memory {
    /// What must not be forgotten.
    pub durable: Durable,
    /// The writer machine.
    pub state: State,
    /// How far in_sync has been earned.
    pub earning: Earning,
    /// Proofs of in_sync that stayed out, in a row.
    #[serde(default)]
    pub unproven: u32,
    /// When commits of the writer were last seen to wait for an acknowledgement: a heartbeat that hung
    /// until then was explained by it.
    #[serde(default)]
    pub waited_at: Timestamp,
    /// Restarts of threads that had stopped with an error, in a row.
    #[serde(default)]
    pub restarts: Both<Restarts>,
    /// What a returning member has been seen to have, and since when.
    #[serde(default)]
    pub stood: Both<Option<Stood>>,
    /// Hooks that wait for their turn, oldest first.
    #[serde(default)]
    pub hooks: Vec<PendingHook>,
    /// The link of this member broke, and has not run since: the hook was run.
    #[serde(default)]
    pub link_broken: Both<bool>,
    /// Up to where each member's binary logs are needed by its peer.
    #[serde(default)]
    pub binlogs: Both<BinlogMarks>,
    /// When the register was last moved by this daemon.
    #[serde(default)]
    pub moved_at: Timestamp,
    /// Since when this daemon has seen the life that [`Durable::lives`] names.
    pub lives_since: Both<Timestamp>,
    /// How often each member was started without success or died soon after, in a row.
    pub starts: Both<Starts>,
    /// Since when the pair has been healthy and in sync, for failback.
    pub healthy_since: Option<Timestamp>,
    /// Since when the reader has been fit for its endpoint.
    pub reader_fit_since: Option<Timestamp>,
    /// The gate or the writer's own sessions have to be closed again until then, after a role change.
    pub sweep_until: Option<Timestamp>,
    /// The last operation that ended, for whoever waits for it.
    pub last_op: Option<OpEnded>,
}

/// What is stored: a promise rests on each field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Durable {
    /// The boot in which the timestamps below were taken.
    pub boot: BootId,
    /// Which servers the sides are, since a writer was first chosen: everything here is kept by side.
    #[serde(default)]
    pub members: Option<Both<Identity>>,
    /// The right to write; `None` until a writer was first chosen.
    pub register: Option<Register>,
    /// Nobody promotes.
    pub pause: Option<Pause>,
    /// Threads stopped on purpose.
    pub holds: Both<Holds>,
    /// The last life of each server that was seen.
    pub lives: Both<Option<Incarnation>>,
    /// Begin record: this life of the server is killed by us.
    pub killed: Both<Option<Incarnation>>,
    /// How a member that was deposed by its death may come back.
    pub rejoin: Both<Option<Rejoin>>,
    /// A link that must not run, and why.
    pub quarantine: Both<Option<Quarantine>>,
    /// What each member made while it was writer: its own transactions beyond these are strays.
    pub line: Both<GtidSet>,
    /// Transactions that a reader made itself and that change no row, by its binary log.
    #[serde(default)]
    pub harmless: Both<GtidSet>,
    /// Role changes, newest last, at most [`Durable::CHANGES_KEPT`].
    pub changes: Vec<RoleChange>,
    /// The number of the last operation.
    pub last_op: u64,
    /// The application's account was created.
    pub app_created: bool,
    /// The epoch whose writer has taken over the scheduled events.
    #[serde(default)]
    pub events_epoch: u64,
}

impl Durable {
    /// As many role changes are kept.
    pub const CHANGES_KEPT: usize = 64;
}

/// Which server a side is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Its name in the configuration.
    pub name: String,
    /// Its `server_id`, by which its transactions and its heartbeat are known.
    pub server_id: u32,
}

/// Nobody promotes until this is lifted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pause {
    /// Who asked for it.
    pub by: PausedBy,
    /// Why, in the operator's words.
    pub reason: String,
    /// It ends by itself then, in milliseconds since 1970.
    pub until_ms: Option<u64>,
}

/// Who paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    /// An operator: lifted by `resume` alone.
    Operator,
    /// The daemon's own clean stop: lifted by its next start.
    CleanStop,
}

/// Threads of a member's link that are stopped on purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holds {
    /// The receiver.
    pub receiver: Option<Held>,
    /// The applier.
    pub applier: Option<Held>,
}

/// A thread stopped on purpose, with its owner's reason and its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held {
    /// Why.
    pub reason: String,
    /// Until then, in milliseconds since 1970.
    pub until_ms: u64,
}

/// How the deposed writer may come back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rejoin {
    /// The life that was deposed; `None` where nobody saw it live.
    pub life: Option<Incarnation>,
    /// Whatever the new writer lacks was certainly not acknowledged: it may be cut off. The new writer
    /// was in sync, and the old one died by a signal that nobody can have followed an order with.
    pub cut: bool,
    /// The cut was done or found unnecessary; the server may start.
    pub cut_done: bool,
    /// What the new writer had when it was opened.
    pub known: GtidSet,
}

/// What a member that cannot change was seen to have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stood {
    /// The life that was looked at.
    pub life: Incarnation,
    /// Its transactions.
    pub executed: GtidSet,
    /// The first look that showed just these.
    pub since: Timestamp,
}

/// How far the peer of a member has followed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BinlogMarks {
    /// When this was first looked at.
    pub watched_since: Option<Timestamp>,
    /// The peer is to execute this.
    pub next: Option<BinlogMark>,
    /// The newest that the peer has executed.
    pub executed: Option<BinlogMark>,
}

/// What a member had at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BinlogMark {
    /// Its transactions.
    pub executed: GtidSet,
    /// The moment, or a little before it.
    pub at: Timestamp,
    /// The same by the wall clock, in milliseconds since 1970, which the files' times are by.
    pub wall_ms: u64,
}

/// Why a member's link must not run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quarantine {
    /// In words.
    pub why: String,
    /// Transactions that only this member has.
    pub exclusive: GtidSet,
}

/// One change of the writer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoleChange {
    /// The operation.
    pub op: OpId,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The new epoch.
    pub epoch: u64,
    /// The new writer.
    pub to: Side,
    /// By an operator's or the failback's plan, not by a failure.
    pub planned: bool,
    /// Why, in words.
    pub why: String,
    /// An operator has seen it: it no longer counts against flapping.
    pub acked: bool,
}

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

/// A hook that is to be run once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PendingHook {
    /// The operation it belongs to.
    pub op: Option<OpId>,
    /// What it is told.
    pub call: HookCall,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpEnded {
    /// Its number.
    pub op: OpId,
    /// Done, or undone for this reason.
    pub result: Result<String, String>,
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
            Self::Split { only_a, only_b } => write!(
                f,
                "each member has transactions that the other lacks: first {only_a}; second {only_b}. \
                 Compare them and re-seed one"
            ),
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

/// How far in_sync has been earned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields say by their names what they are")]
pub enum Earning {
    /// Not begun.
    No,
    /// The source side was asked on; it must be read back by a look sent after `since`, and a heartbeat
    /// sent after it must be acknowledged.
    Armed { since: Timestamp },
    /// All was read back; the writer's position, read after it, must be received.
    Receiving { position: GtidSet, read: Timestamp },
    /// It did not come in time: not tried again before.
    Waiting { until: Timestamp },
}

/// Starts of one member in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Starts {
    /// How many whose life did not last.
    pub count: u32,
    /// How many since it last answered.
    #[serde(default)]
    pub in_vain: u32,
    /// The last one.
    pub last: Timestamp,
}

/// How often each thread of a member's link was restarted after an error since it last ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Restarts {
    /// The receiver.
    pub receiver: u32,
    /// The applier.
    pub applier: u32,
}

impl Starts {
    /// When the next start may be tried: 0, 1, 5, 30, 60 s after the one before.
    pub fn next(&self) -> Timestamp {
        let wait = match self.count {
            0 => 0,
            1 => 1,
            2 => 5,
            3 => 30,
            _ => 60,
        };
        self.last + Duration::from_secs(wait)
    }
}

impl Memory {
    /// The memory of a daemon that starts with what it finds in its store.
    pub fn after_start(durable: Durable, now: Timestamp) -> Self {
        Self {
            durable,
            state: State::Settling { since: now },
            earning: Earning::No,
            unproven: 0,
            waited_at: Timestamp::BOOT,
            restarts: Both::default(),
            stood: Both::default(),
            hooks: Vec::new(),
            link_broken: Both::default(),
            binlogs: Both::default(),
            moved_at: Timestamp::BOOT,
            lives_since: Both::from_fn(|_| now),
            starts: Both::default(),
            healthy_since: None,
            reader_fit_since: None,
            sweep_until: None,
            last_op: None,
        }
    }

    /// Why the last operation that ended did not move the writer.
    pub fn last_failure(&self) -> Option<&str> {
        self.last_op
            .as_ref()?
            .result
            .as_ref()
            .err()
            .map(String::as_str)
    }

    /// The register's writer, once one was chosen.
    pub fn writer(&self) -> Option<Side> {
        self.durable
            .register
            .as_ref()
            .map(|register| register.writer)
    }
}
