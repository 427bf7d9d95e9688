//! One schedule from a new pair to its end: health, faults, peace, health.

use dualmasterd::model::member::Side;
use dualmasterd::model::request::Thread;

use crate::cases::finish;
use crate::schedule::{Happening, Schedule};
use crate::world::fault::Fault;
use crate::world::{MS, SECOND, Time, World};

/// Everything must be well again within this time after the last fault.
const PEACE: Time = 60 * SECOND;

/// What a schedule came to.
pub struct Ended {
    pub world: World,
    /// Why it failed.
    pub failed: Option<String>,
}

impl Schedule {
    /// Runs it. `telling`: the story is kept.
    pub fn run(&self, telling: bool) -> Ended {
        let mut world = World::new(self.policy(), self.seed);
        world.telling = telling;
        let healthy = self.happens_in(&mut world);
        let failed = match (world.broken.clone(), healthy) {
            (None, true) => None,
            (Some(broken), _) => Some(broken),
            (None, false) => world
                .unhealthy()
                .map(|why| format!("it is not healthy again: {why}")),
        };
        Ended { world, failed }
    }

    fn happens_in(&self, world: &mut World) -> bool {
        if !world.run_until(20 * SECOND, |world| world.unhealthy().is_none()) {
            return false;
        }
        world.log.clear();
        for (wait, what) in &self.happenings {
            world.run(*wait);
            world.let_happen(*what);
        }
        world.run(5 * SECOND);
        peace(world);
        let calm = world.calm_begins();
        // Back at the member that it prefers, if it does: what moves later would not be a move for no reason.
        let at_home = |world: &World| {
            let preferred = world.policy.prefer;
            preferred.is_none_or(|side| world.stored_writer() == Some(side))
        };
        let healthy = world.run_until(PEACE, |world| world.unhealthy().is_none() && at_home(world));
        finish(world, healthy);
        world.check_calm(&calm);
        healthy
    }
}

/// No fault goes on, no operator's order stands, and people have put right what is theirs to put right.
fn peace(world: &mut World) {
    world.say(|| "peace: whatever went on ends, and people put right what is theirs".into());
    let telling = std::mem::replace(&mut world.telling, false);
    world.weather.clears();
    world.latency = MS / 2;
    if world.daemon.is_none() {
        // It comes back by itself; before, nobody takes an order.
        world.run(6 * SECOND);
    }
    world.let_happen(Happening::Resume);
    world.let_happen(Happening::Ack);
    for side in Side::BOTH {
        for end in [
            Fault::DiskTakes(side, 0),
            Fault::RecoveryTakes(side, 0),
            Fault::DiskEmptied(side),
            Fault::DiskMended(side),
            Fault::Unlocked(side),
            Fault::ApplyTakes(side, 0),
            Fault::ThirdGone(side),
            Fault::StrayUndone(side),
        ] {
            world.fault(end);
        }
        for thread in [Thread::Receiver, Thread::Applier] {
            world.let_happen(Happening::Release(side, thread));
        }
    }
    world.telling = telling;
    world.run(10 * SECOND);
    for side in Side::BOTH {
        let disk = world.state.durable();
        let apart = disk.is_some_and(|disk| disk.quarantine[side].is_some());
        if apart || world.has_rows_of_a_lost_record(side) {
            world.fault(Fault::Reseeded(side));
        }
    }
}
