//! What to do next: a pure function of what is wanted, what is remembered and what is seen.

use serde::{Deserialize, Serialize};

use crate::model::action::Step;
use crate::model::finding::Finding;
use crate::model::member::Side;
use crate::model::memory::Memory;
use crate::model::request::Reply;
use crate::model::time::Timestamp;

/// Everything that follows from one view of the world.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to remember; the durable part is stored before anything that needs it.
    pub memory: Memory,
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// What to do now.
    pub plan: Vec<Step>,
    /// Answers to operators.
    pub replies: Vec<Reply>,
    /// What the observers are to ask.
    pub watch: Watch,
    /// When to decide again though nothing has changed.
    pub wake_at: Timestamp,
}

/// What the observers are to ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The member that gets the writer's probes: local write and heartbeat, with this epoch.
    pub heartbeat: Option<(Side, u64)>,
    /// Look again at once after each action: an operation is under way.
    pub hurry: bool,
}
