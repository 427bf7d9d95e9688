//! A failing schedule, told: what happened, what the daemon found and did, and the promise it broke.

use dualmasterd::model::policy::Policy;

use crate::schedule::Schedule;
use crate::shrink::shrunk;
use crate::world::World;
use crate::world::tale::Tale;

/// Lines of a story, the last ones where there are more.
const LINES: usize = 120;

/// The story of a failing schedule, made as small as it gets.
pub fn told(failing: &Schedule) -> String {
    let small = shrunk(failing);
    let ended = small.run(true);
    let name = small.family.to_string().to_lowercase();
    format!(
        "{name} seed {}: {}\n  a pair with {}; {} of {} happenings are needed: {:?}\n{}\n  \
         SIM_SEED={name}:{} SIM_LOG=1 runs the whole schedule and prints everything.\n",
        small.seed,
        ended.failed.unwrap_or_default(),
        kind_of_pair(&ended.world.policy),
        small.happenings.len(),
        failing.happenings.len(),
        small.happenings,
        of(&ended.world),
        small.seed,
    )
}

/// What a world's log tells.
pub fn of(world: &World) -> String {
    let all = std::env::var_os("SIM_LOG").is_some();
    let lines: Vec<_> = world
        .log
        .iter()
        .filter(|line| all || line.tale != Tale::Detail)
        .map(ToString::to_string)
        .collect();
    let first = if all {
        0
    } else {
        lines.len().saturating_sub(LINES)
    };
    lines[first..].join("\n")
}

fn kind_of_pair(policy: &Policy) -> String {
    let prefer = policy.prefer.map(|side| format!(", prefers {side}"));
    format!(
        "durability {:?}{}, flap limit {}, {} gating hooks",
        policy.durability,
        prefer.unwrap_or_default(),
        policy.flap.changes,
        policy.gating_hooks.len()
    )
}
