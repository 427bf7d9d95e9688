//! What the core may know of the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::member::{Both, Side};
use super::memory::Identity;
use super::server::Family;

/// What an acknowledged write is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Never lost: a commit waits for the standby, however long; going on alone is a recorded decision.
    Lossless,
    /// The server falls back to asynchronous by itself after [`Policy::ack_timeout`]; a standby out of
    /// sync may be promoted within [`Policy::max_lag`], and the loss is listed.
    Available,
}

/// Who decides about an unplanned role change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Automation {
    /// The daemon.
    Automatic,
    /// The operator, by `dualmasterctl failover`.
    Manual,
}

/// One member, as the core needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPolicy {
    /// Its name in the configuration.
    pub name: String,
    /// The address at which its peer reaches it.
    pub host: String,
    /// The port at which clients and the peer reach it.
    pub port: u16,
    /// Its `server_id`.
    pub server_id: u32,
}

impl MemberPolicy {
    /// By what the store knows it again.
    pub fn identity(&self) -> Identity {
        Identity {
            name: self.name.clone(),
            server_id: self.server_id,
        }
    }
}

/// Limits of the hang table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HangPolicy {
    /// Time between two probes of one kind.
    pub interval: Duration,
    /// A probe without an answer for this long is stuck.
    pub limit: Duration,
    /// The limit is multiplied by this where the process used a good share of a core meanwhile.
    pub busy_factor: u32,
    /// That share of a core, in percent.
    pub busy_percent: u32,
    /// A writer that refuses logins for this long is gone.
    pub refusal: Duration,
}

/// Limits of a planned switchover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchPolicy {
    /// How long `read_only` may wait for running statements before everything is undone.
    pub close_budget: Duration,
    /// From the first effect to the register's move; past it everything is undone.
    pub deadline: Duration,
    /// The reader may be behind by this many transactions at the start.
    pub max_gap: u64,
}

/// Anti-flapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapPolicy {
    /// After this many unplanned role changes within the window, automatic moves stop until `ack`; 0: never.
    pub changes: u32,
    /// The window.
    pub window: Duration,
}

/// The endpoint that clients use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointPolicy {
    /// A redirect is configured.
    pub redirect: bool,
    /// A second port leads to the reader.
    pub reader_port: bool,
    /// The reader's port leads to the writer when the reader is behind by more than this.
    pub reader_lag: Duration,
}

/// What a pair is to be and how it may be kept so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The pair's name.
    pub pair: String,
    /// Family of both servers.
    pub family: Family,
    /// The members.
    pub members: Both<MemberPolicy>,
    /// What an acknowledged write is worth.
    pub durability: Durability,
    /// Who decides about an unplanned role change.
    pub automation: Automation,
    /// The member that takes its role back once it is healthy again, if any.
    pub prefer: Option<Side>,
    /// How long it must have been healthy and in sync before that.
    pub failback_after: Duration,
    /// How far a standby out of sync may be behind and yet be promoted; `available` only.
    pub max_lag: Duration,
    /// How long a commit waits for the standby; `available` only.
    pub ack_timeout: Duration,
    /// Hang detection.
    pub hang: HangPolicy,
    /// Planned switchover.
    pub switchover: SwitchPolicy,
    /// Anti-flapping.
    pub flap: FlapPolicy,
    /// The endpoint.
    pub endpoint: EndpointPolicy,
    /// Hooks that must succeed before a role change; names of events.
    pub gating_hooks: Vec<HookEvent>,
    /// Scheduled events run at the writer; where false, the scheduler is left alone.
    pub events: bool,
    /// How long binary logs are kept at the least; longer while the peer may lack them.
    pub binlog_keep: Duration,
    /// An application account and schema are to be created on the writer.
    pub app: bool,
}

/// The moments at which hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookEvent {
    /// Before an unplanned role change.
    PreFailover,
    /// After an unplanned role change.
    PostFailover,
    /// An unplanned role change could not be made.
    PostUnsuccessfulFailover,
    /// Before a planned switchover.
    PreSwitchover,
    /// After a planned switchover.
    PostSwitchover,
    /// A replication thread broke.
    OnLinkBroken,
}

impl HookEvent {
    /// Its name in the configuration and in `DM_EVENT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreFailover => "pre_failover",
            Self::PostFailover => "post_failover",
            Self::PostUnsuccessfulFailover => "post_unsuccessful_failover",
            Self::PreSwitchover => "pre_switchover",
            Self::PostSwitchover => "post_switchover",
            Self::OnLinkBroken => "on_link_broken",
        }
    }
}

impl Policy {
    /// A member's name.
    pub fn name(&self, side: Side) -> &str {
        &self.members[side].name
    }
}
