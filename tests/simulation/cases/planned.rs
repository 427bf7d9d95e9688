//! Roles change as planned.

use dualmasterd::model::member::Side;

use super::{FAMILIES, SWITCHOVER, each, healthy, moves, recovers, tail, writer};
use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::{MS, SECOND};

#[test]
fn a_switchover() {
    each(|world| {
        for _ in 0..3 {
            let old = writer(world);
            world.request(SWITCHOVER);
            moves(world, old.peer(), 450 * MS);
            recovers(world, 5 * SECOND);
            assert_eq!(writer(world), old.peer());
        }
    });
}

#[test]
fn a_switchover_that_cannot_close_the_writer_is_undone() {
    each(|world| {
        let old = writer(world);
        // The reader acknowledges nothing: read_only waits behind the commits.
        world.fault(Fault::Mute(old.peer()));
        world.run(60 * MS);
        world.request(SWITCHOVER);
        world.run(200 * MS);
        let daemon = world.daemon.as_ref().unwrap();
        let ended = daemon.memory().last_op.as_ref().expect("it ended");
        assert!(ended.result.is_err(), "{ended:?}");
        recovers(world, 30 * SECOND);
        assert_eq!(writer(world), old);
    });
}

/// The old writer freezes anywhere in a switchover, and nobody thaws it.
#[test]
fn a_writer_that_freezes_in_a_switchover_is_replaced() {
    each(|world| {
        for _ in 0..3 {
            let old = writer(world);
            world.request(SWITCHOVER);
            let wait = world.rng.within(0, 40 * MS);
            world.run(wait);
            world.fault(Fault::Frozen(old));
            let at = world.now + 4 * SECOND;
            let served = world.run_until(8 * SECOND, |world| world.last_ack > at);
            assert!(served && writer(world) == old.peer(), "{}", tail(world));
            world.fault(Fault::Thawed(old));
            recovers(world, 20 * SECOND);
        }
    });
}

#[test]
fn a_preferred_member_takes_its_role_back() {
    for family in FAMILIES {
        let mut policy = policy(family);
        policy.prefer = Some(Side::A);
        policy.failback_after = std::time::Duration::from_secs(20);
        let mut world = healthy(policy, 1);
        assert_eq!(writer(&world), Side::A);
        world.fault(Fault::Killed(Side::A));
        recovers(&mut world, 15 * SECOND);
        assert_eq!(writer(&world), Side::B);
        world.run(25 * SECOND);
        recovers(&mut world, 5 * SECOND);
        assert_eq!(writer(&world), Side::A);
    }
}
