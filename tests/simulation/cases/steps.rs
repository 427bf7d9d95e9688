//! The daemon is killed at the begin of every action of a story.

use super::{FAMILIES, SWITCHOVER, healthy, recovers, writer};
use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::{SECOND, World};

/// The daemon is killed right at the begin of the n-th action of a story, for every n.
fn killed_at_every_step(story: impl Fn(&mut World)) {
    for family in FAMILIES {
        for n in 1..60 {
            let mut world = healthy(policy(family), n);
            world.die_at_action = Some(u32::try_from(n).unwrap());
            story(&mut world);
            world.run(8 * SECOND);
            let reached = world.die_at_action.is_none();
            world.die_at_action = None;
            recovers(&mut world, 40 * SECOND);
            if !reached {
                break;
            }
        }
    }
}

#[test]
fn the_daemon_is_killed_at_every_step_of_a_failover() {
    killed_at_every_step(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old));
    });
}

#[test]
fn the_daemon_is_killed_at_every_step_of_a_hang() {
    killed_at_every_step(|world| {
        let old = writer(world);
        world.fault(Fault::Frozen(old));
    });
}

#[test]
fn the_daemon_is_killed_at_every_step_of_a_switchover() {
    killed_at_every_step(|world| {
        world.request(SWITCHOVER);
    });
}

#[test]
fn the_daemon_is_killed_at_every_step_of_a_readers_loss() {
    killed_at_every_step(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old.peer()));
    });
}
