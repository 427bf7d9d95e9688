//! What is stored, and outlives the daemon.

use serde::{Deserialize, Serialize};

use crate::model::action::OpId;
use crate::model::gtid::GtidSet;
use crate::model::incarnation::Incarnation;
use crate::model::member::{Both, Side};
use crate::model::register::Register;

/// What is stored: a promise rests on each field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Durable {
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

/// How a member that was deposed, or has transactions of its own to forget, may come back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rejoin {
    /// The life that was deposed or is to end; `None` where nobody saw it live.
    pub life: Option<Incarnation>,
    /// Whatever the new writer lacks was certainly not acknowledged: it may be cut off. The new writer
    /// was in sync, and the old one died by a signal that nobody can have followed an order with.
    pub cut: bool,
    /// The cut was done or found unnecessary; the server may start.
    pub cut_done: bool,
    /// It is a MariaDB reader: what is cut off changes nothing, and has long been committed.
    #[serde(default)]
    pub forget: bool,
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
