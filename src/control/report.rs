//! What an operator sees of a pair: plain data with names for people, the same for table and JSON.

mod counts;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::finding::Severity;
use crate::model::hook::HookCommand;
use crate::model::policy::{Automation, Durability};
use crate::model::request::Guard;
use crate::model::server::Family;
use crate::model::session::ListedSession;

pub use counts::{Counts, EventCount, HookCount, OperationCount, RefusedCount, Spread, StepCount};

/// One pair at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairReport {
    /// Its name.
    pub pair: String,
    /// Family of its servers.
    pub family: Family,
    /// What an acknowledged write is worth.
    pub durability: Durability,
    /// Who decides about an unplanned role change.
    pub automation: Automation,
    /// The writer machine's state.
    pub state: PairState,
    /// More about the state: why it holds, where an operation leads, who paused and until when.
    pub detail: Option<String>,
    /// The register's epoch; `None` until a writer was first chosen.
    pub epoch: Option<u64>,
    /// The register's writer.
    pub writer: Option<String>,
    /// The standby is proven to have everything acknowledged.
    pub in_sync: bool,
    /// Every guard of a failover holds now.
    pub failover_ready: bool,
    /// The members, in the order of the configuration.
    pub members: Vec<MemberReport>,
    /// Where clients are led; `None` where no endpoint is configured or it was not looked at yet.
    pub endpoint: Option<EndpointReport>,
    /// Automatic role changes are held back by anti-flapping until then, in milliseconds since 1970, or
    /// until `ack`.
    #[serde(default)]
    pub cooldown_until_ms: Option<u64>,
    /// What is wrong or worth knowing.
    pub findings: Vec<FindingReport>,
    /// The conditions of an automatic failover.
    pub guards: Vec<Guard>,
    /// The conditions of a planned switchover.
    pub switchover_guards: Vec<Guard>,
    /// Operations, oldest first, the one under way included.
    pub operations: Vec<OperationReport>,
    /// What the last failed or undone operation ran into.
    pub last_refusal: Option<String>,
    /// What happened since the daemon's start, counted.
    #[serde(default)]
    pub counts: Counts,
}

/// The writer machine's states, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairState {
    /// Looking.
    Settling,
    /// The register's writer serves.
    Serving,
    /// A planned switchover is under way.
    Switching,
    /// The standby takes over.
    Promoting,
    /// No safe move.
    Holding,
    /// Nobody promotes, by order.
    Paused,
    /// The daemon cannot keep it: nothing is looked at, and nothing done.
    NotKept,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberReport {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// What it does.
    pub state: MemberState,
    /// The address at which clients and its peer reach it.
    pub host: String,
    /// The port at which clients and its peer reach it.
    pub port: u16,
    /// Its `server_id`.
    pub server_id: u32,
    /// Its process.
    pub pid: Option<i32>,
    /// When that was started, in clock ticks since the boot: 100 make a second.
    #[serde(default)]
    pub started: Option<u64>,
    /// Its version.
    pub server_version: Option<String>,
    /// It refuses ordinary writes.
    pub read_only: Option<bool>,
    /// The thread that receives from its peer.
    pub receiver: ThreadState,
    /// The thread that applies what was received.
    pub applier: ThreadState,
    /// The server's error number where its receiver stopped with an error.
    #[serde(default)]
    pub receiver_errno: Option<u32>,
    /// The same of its applier.
    #[serde(default)]
    pub applier_errno: Option<u32>,
    /// How far it is behind by the heartbeat, in milliseconds; readers only.
    pub lag_ms: Option<u64>,
    /// The limit that `lag_ms` is held against, in milliseconds.
    pub lag_limit_ms: u64,
    /// Transactions of the writer that it has not executed; readers only.
    pub gtid_gap: Option<u64>,
    /// Transactions of its own that its peer lacks and that were not made while it was writer; readers
    /// only.
    #[serde(default)]
    pub own: Option<u64>,
    /// Threads stopped on purpose.
    pub holds: Vec<HoldReport>,
    /// Why the newest look, login or replication thread failed.
    pub last_error: Option<String>,
}

/// The role of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one that may take writes.
    Writer,
    /// The other one.
    Reader,
    /// No writer was chosen yet.
    Unknown,
}

/// What a member's server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// Nobody has looked yet.
    Unknown,
    /// No server process.
    Down,
    /// Its process is ending.
    Exiting,
    /// A signal stopped its process.
    Frozen,
    /// Its process waits in the kernel, nearly always for a disk.
    DiskWait,
    /// Its process runs, and it does not answer.
    Silent,
    /// It answers.
    Running,
}

/// What a replication thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadState {
    /// Nobody has looked yet, or the server does not answer.
    Unknown,
    /// No link is configured.
    None,
    /// It runs.
    Running,
    /// It runs without a connection.
    Connecting,
    /// Stopped by an error.
    Broken,
    /// Stopped on purpose, with an expiry.
    Held,
    /// The writer's applier, stopped so that nothing written on the reader comes back by itself.
    Gated,
    /// Stopped because the members' data may differ.
    Quarantined,
    /// Stopped, and none of the above.
    Stopped,
}

/// A thread stopped on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReport {
    /// Which thread.
    pub thread: crate::model::request::Thread,
    /// Why, in the operator's words.
    pub reason: String,
    /// Until then, in milliseconds since 1970.
    pub until_ms: u64,
}

/// Where clients are led.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// The member behind the writer's port.
    pub writer: Option<String>,
    /// The member behind the reader's port.
    pub reader: Option<String>,
    /// Its address is on its interface.
    pub address: bool,
    /// `server_id` that last answered through the writer's port.
    pub answered: Option<u32>,
    /// Why it could not be looked at or connected through.
    pub error: Option<String>,
}

/// One finding, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingReport {
    /// Its stable name.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// At which member, if at one.
    pub member: Option<String>,
    /// What it means.
    pub meaning: String,
    /// Values, limits, the server's own text.
    pub detail: String,
    /// What to do; empty where nothing need be done.
    pub remedy: String,
}

/// One operation: a planned switchover or an unplanned failover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationReport {
    /// Its number.
    pub op: u64,
    /// What it is.
    pub kind: OperationKind,
    /// An operator ordered it, where it is a failover of this daemon's.
    #[serde(default)]
    pub ordered: bool,
    /// The writer before it.
    pub from: Option<String>,
    /// The writer it leads to.
    pub to: String,
    /// Why it was begun.
    pub why: String,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: u64,
    /// How it ended; `None` while it is under way.
    pub ended: Option<Ended>,
    /// Its steps, in the order in which they were begun; empty for operations of an earlier daemon.
    pub steps: Vec<StepReport>,
}

/// What an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Planned.
    Switchover,
    /// Unplanned, or ordered with `failover`.
    Failover,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The writer moved.
    pub moved: bool,
    /// In words.
    pub text: String,
    /// The epoch it began, where the writer moved.
    pub epoch: Option<u64>,
    /// From its begin until the new writer was open behind the endpoint, or until all was undone, in
    /// microseconds; unknown for operations of an earlier daemon.
    pub took_us: Option<u64>,
    /// How long writes were refused, from the first order to close until the new writer was open, in
    /// microseconds; switchovers only.
    pub write_gap_us: Option<u64>,
}

/// One step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The action's stable name.
    pub action: String,
    /// The member it was done to.
    pub member: Option<String>,
    /// When it was begun, in microseconds after the operation's begin.
    pub after_us: u64,
    /// How long it took, in microseconds; `None` while it is under way.
    pub took_us: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The sessions of one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSessions {
    /// The member's name.
    pub member: String,
    /// Its sessions, or why they could not be asked for.
    pub sessions: Result<Vec<ListedSession>, String>,
}

impl OperationReport {
    /// What led to it.
    pub fn command(&self) -> HookCommand {
        match (self.kind, self.ordered) {
            (OperationKind::Switchover, _) => HookCommand::Switchover,
            (OperationKind::Failover, true) => HookCommand::Failover,
            (OperationKind::Failover, false) => HookCommand::Auto,
        }
    }
}

impl PairReport {
    /// Nothing is the matter: the writer serves, the reader may take over, and no finding is an error.
    pub fn is_healthy(&self) -> bool {
        self.state == PairState::Serving
            && self.failover_ready
            && self.findings.iter().all(|f| f.severity < Severity::Error)
    }

    /// The member that is not the writer, once a writer was chosen.
    pub fn reader(&self) -> Option<&MemberReport> {
        self.members.iter().find(|m| m.role == Role::Reader)
    }
}

/// Gives an enum the words that JSON has for it, with spaces.
macro_rules! words {
    ($($kind:ident: $($variant:ident = $word:literal),+;)+) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }
    )+};
}

words! {
    PairState: Settling = "settling", Serving = "serving", Switching = "switching",
        Promoting = "promoting", Holding = "holding", Paused = "paused", NotKept = "not kept";
    Role: Writer = "writer", Reader = "reader", Unknown = "unknown";
    MemberState: Unknown = "unknown", Down = "down", Exiting = "exiting", Frozen = "frozen",
        DiskWait = "disk wait", Silent = "silent", Running = "running";
    ThreadState: Unknown = "?", None = "none", Running = "running", Connecting = "connecting",
        Broken = "broken", Held = "held", Gated = "gated", Quarantined = "quarantined",
        Stopped = "stopped";
    OperationKind: Switchover = "switchover", Failover = "failover";
}
