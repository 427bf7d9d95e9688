//! What happened since the daemon's start, counted.

use serde::{Deserialize, Serialize};

use crate::model::hook::HookCommand;

/// Upper limits of the buckets of a [`Spread`], in microseconds: about two for each factor of two around
/// what a role change should take.
const LIMITS_US: [u64; 14] = [
    2_500, 5_000, 10_000, 15_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// Everything that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines of the log.
    pub events: Vec<EventCount>,
    /// Actions.
    pub steps: Vec<StepCount>,
    /// Role changes, every kind always.
    pub operations: Vec<OperationCount>,
    /// Runs of hooks.
    #[serde(default)]
    pub hooks: Vec<HookCount>,
    /// Guards that stood in the way of a role change.
    #[serde(default)]
    pub refused: Vec<RefusedCount>,
}

/// How often an event was logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCount {
    /// Its stable name.
    pub event: String,
    /// How often.
    pub count: u64,
}

/// How often an action ended so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCount {
    /// The action's stable name.
    pub action: String,
    /// The member it was done to.
    pub member: Option<String>,
    /// It succeeded.
    pub done: bool,
    /// How often.
    pub count: u64,
}

/// How often the hooks of an event ended so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCount {
    /// The event.
    pub event: String,
    /// They succeeded.
    pub done: bool,
    /// How often.
    pub count: u64,
}

/// How often a guard stood in the way of a role change: of one that an operator asked for, or of one that
/// the writer's loss called for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCount {
    /// The guard.
    pub guard: String,
    /// How often.
    pub count: u64,
}

/// Role changes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCount {
    /// What led to them.
    pub kind: HookCommand,
    /// The writer moved.
    pub moved: u64,
    /// It did not.
    pub undone: u64,
    /// From begin to end, of those that moved the writer.
    pub took: Spread,
    /// How long writes were refused; switchovers only.
    pub gap: Spread,
}

/// How durations spread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// All of them together, in microseconds.
    pub sum_us: u64,
    /// How many.
    pub count: u64,
    /// How many up to each limit and above the one before; limits in microseconds.
    pub buckets: Vec<(u64, u64)>,
}

impl Spread {
    /// Adds a duration, in microseconds.
    pub fn add(&mut self, us: u64) {
        self.sum_us = self.sum_us.saturating_add(us);
        self.count += 1;
        if let Some((_, count)) = self.buckets.iter_mut().find(|(limit, _)| us <= *limit) {
            *count += 1;
        }
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            sum_us: 0,
            count: 0,
            buckets: LIMITS_US.map(|limit| (limit, 0)).to_vec(),
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        let none = |kind| OperationCount {
            kind,
            moved: 0,
            undone: 0,
            took: Spread::default(),
            gap: Spread::default(),
        };
        Self {
            events: Vec::new(),
            steps: Vec::new(),
            operations: vec![
                none(HookCommand::Auto),
                none(HookCommand::Failover),
                none(HookCommand::Switchover),
            ],
            hooks: Vec::new(),
            refused: Vec::new(),
        }
    }
}
