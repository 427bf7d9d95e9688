//! What to do next: a pure function of what is wanted, what is remembered and what is seen.

mod binlogs;
mod choose;
mod death;
mod endpoint;
mod events;
mod flap;
mod forget;
mod guard;
mod hooks;
mod instance;
mod link;
mod loss;
mod operation;
mod promote;
mod rejoin;
pub mod render;
mod requests;
mod serve;
mod stop;
mod strays;
mod switchover;
mod sync;
pub mod table;
mod turn;
mod writer;

use serde::{Deserialize, Serialize};

use crate::model::action::Step;
use crate::model::facts::Facts;
use crate::model::finding::{Finding, Kind};
use crate::model::member::Side;
use crate::model::memory::{Memory, Stage, State};
use crate::model::policy::Policy;
use crate::model::probe::Pace;
use crate::model::request::{Guard, Reply};
use crate::model::time::Timestamp;

use self::turn::Turn;

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
    /// The daemon may exit: what a clean stop leaves behind is in place.
    pub may_exit: bool,
    /// When to decide again though nothing has changed.
    pub wake_at: Timestamp,
}

/// What the observers are to ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The member that gets the writer's probes: local write and heartbeat, with this epoch.
    pub heartbeat: Option<(Side, u64)>,
    /// How often the servers are looked at.
    pub pace: Pace,
}

/// Decides.
pub fn decide(policy: &Policy, memory: &Memory, facts: &Facts) -> Decision {
    let mut turn = Turn::new(policy, memory, facts);
    if let Some(why) = &facts.config_refused {
        turn.find(Finding::of_pair(Kind::ConfigRefused, why.clone()));
    }
    instance::note_lives(&mut turn);
    requests::expire(&mut turn);
    requests::answer(&mut turn);
    let may_exit = writer::steps(&mut turn);
    finish(turn, may_exit)
}

/// What stands between the pair and an automatic failover now, and a planned switchover.
pub fn explain(policy: &Policy, memory: &Memory, facts: &Facts) -> Explanation {
    let turn = Turn::new(policy, memory, facts);
    let Some(standby) = memory.writer().map(Side::peer) else {
        return Explanation::default();
    };
    Explanation {
        failover: guard::failover(&turn, standby),
        switchover: guard::switchover(&turn, standby, false),
        lag_ms: endpoint::lag(&turn, standby).and_then(|lag| u64::try_from(lag.as_millis()).ok()),
        own: strays::all(&turn, standby).count(),
    }
}

/// Every guard of both kinds of role change, and the reader's lag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Guards of an automatic failover.
    pub failover: Vec<Guard>,
    /// Guards of a planned switchover.
    pub switchover: Vec<Guard>,
    /// How far the reader is behind the writer by heartbeat, in milliseconds.
    pub lag_ms: Option<u64>,
    /// The reader's own transactions that its peer lacks.
    pub own: u64,
}

fn finish(turn: Turn<'_>, may_exit: bool) -> Decision {
    let heartbeat = heartbeat(&turn);
    Decision {
        watch: Watch {
            heartbeat,
            pace: pace(&turn),
        },
        memory: turn.memory,
        findings: turn.findings,
        plan: turn.plan,
        replies: turn.replies,
        may_exit,
        wake_at: turn.wake_at,
    }
}

fn pace(turn: &Turn<'_>) -> Pace {
    match &turn.memory.state {
        State::Promoting(_) | State::Switching(_) => Pace::Urgent,
        State::Settling { .. } | State::Serving | State::Holding { .. } | State::Paused => {
            if turn.hurry {
                Pace::Attentive
            } else {
                Pace::Rest
            }
        }
    }
}

/// The open writer's heartbeat; none while a switchover needs its position to stand still.
fn heartbeat(turn: &Turn<'_>) -> Option<(Side, u64)> {
    let register = turn.register()?;
    let stands = match &turn.memory.state {
        State::Switching(switch) => {
            turn.memory.writer() != Some(switch.to) && switch.stage != Stage::Undoing
        }
        State::Settling { .. }
        | State::Serving
        | State::Promoting(_)
        | State::Holding { .. }
        | State::Paused => false,
    };
    (!stands && serve::is_open(turn, register.writer)).then_some((register.writer, register.epoch))
}
