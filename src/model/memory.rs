//! What a decision remembers for the next one.

mod durable;
mod state;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::OpId;
use super::gtid::GtidSet;
use super::hook::HookCall;
use super::incarnation::Incarnation;
use super::member::{Both, Side};
use super::time::Timestamp;

pub use self::durable::{
    Durable, Held, Holds, Identity, Pause, PausedBy, Quarantine, Rejoin, RoleChange,
};
pub use self::state::{Promotion, Stage, State, Switch, Why};

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
    /// When a session was last seen to hold a lock that makes the writer's writes wait: answers that stayed out
    /// until then come soon after.
    #[serde(default)]
    pub blocked_at: Timestamp,
    /// Since when the register's writer has been lost.
    #[serde(default)]
    pub lost_since: Option<Timestamp>,
    /// Restarts of threads that had stopped with an error, in a row.
    #[serde(default)]
    pub restarts: Both<Restarts>,
    /// What a returning member has been seen to have, and since when.
    #[serde(default)]
    pub stood: Both<Option<Stood>>,
    /// What a reader has that was made by neither member, and that its writer lacks.
    #[serde(default)]
    pub foreign: Both<GtidSet>,
    /// Since when the writer has held prepared XA transactions.
    #[serde(default)]
    pub xa_since: Option<Timestamp>,
    /// What a standby had executed whose applier a lock of somebody else keeps waiting, and since when.
    #[serde(default)]
    pub held_up: Option<(GtidSet, Timestamp)>,
    /// Hooks that wait for their turn, oldest first.
    #[serde(default)]
    pub hooks: Vec<PendingHook>,
    /// The link of this member broke, and has not run since: the hook was run.
    #[serde(default)]
    pub link_broken: Both<bool>,
    /// Up to where each member's binary logs are needed by its peer.
    #[serde(default)]
    pub binlogs: Both<BinlogMarks>,
    /// Both members were dead at once, and the register's writer has not answered since.
    #[serde(default)]
    pub both_died: bool,
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

/// What a member was seen to have: all of it, or a reader's own.
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
            blocked_at: Timestamp::BOOT,
            lost_since: None,
            restarts: Both::default(),
            stood: Both::default(),
            foreign: Both::default(),
            held_up: None,
            xa_since: None,
            hooks: Vec::new(),
            link_broken: Both::default(),
            binlogs: Both::default(),
            both_died: false,
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
