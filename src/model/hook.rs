//! What a hook is called for.

use serde::{Deserialize, Serialize};

use super::gtid::GtidSet;
use super::member::Side;
use super::policy::HookEvent;

/// One call of the programs of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HookCall {
    /// What happens.
    pub event: HookEvent,
    /// What led to it.
    pub command: HookCommand,
    /// The old writer, where a role changes.
    pub from: Option<Side>,
    /// The new writer, or the member concerned.
    pub to: Side,
    /// Why, in words.
    pub reason: String,
    /// What `to` had executed when it was last looked at.
    pub gtid: GtidSet,
    /// How many acknowledged transactions `to` lacks; `None` where nobody can know.
    pub lost: Option<u64>,
}

/// What leads to a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookCommand {
    /// A planned exchange of the roles.
    Switchover,
    /// An operator's order that the standby take over.
    Failover,
    /// The daemon by itself.
    Auto,
}

impl HookCommand {
    /// Its name in `DM_COMMAND`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Switchover => "switchover",
            Self::Failover => "failover",
            Self::Auto => "auto",
        }
    }
}
