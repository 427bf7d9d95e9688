//! A member is lost, or seems to be.

use dualmasterd::model::policy::Durability;

use super::{FAMILIES, SEEDS, each, healthy, moves, recovers, serves, tail, writer};
use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::{MS, SECOND};

#[test]
fn a_fresh_pair_is_made_and_earns_in_sync() {
    each(|world| recovers(world, SECOND));
}

#[test]
fn a_healthy_pair_is_left_alone() {
    each(|world| {
        world.run(3 * SECOND);
        let (planned, decisions) = (world.planned.clone(), world.decisions);
        let idle = world.daemon.as_ref().unwrap().idle_wakes;
        world.run(10 * SECOND);
        assert_eq!(planned, world.planned, "{}", tail(world));
        let wakes = world.daemon.as_ref().unwrap().idle_wakes - idle;
        assert!(wakes <= 10, "{wakes} decisions that only a timer asked for");
        assert!(
            world.decisions - decisions < 400,
            "{} decisions",
            world.decisions - decisions
        );
    });
}

#[test]
fn a_killed_writer_is_replaced_and_returns() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old));
        moves(world, old.peer(), 60 * MS);
        recovers(world, 15 * SECOND);
    });
}

#[test]
fn a_killed_reader_returns() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old.peer()));
        serves(world, 20 * MS, 100 * MS);
        recovers(world, 15 * SECOND);
        assert_eq!(writer(world), old);
    });
}

#[test]
fn a_writer_that_dies_while_its_reader_recovers_is_started_again() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::RecoveryTakes(old.peer(), 60 * SECOND));
        world.fault(Fault::Killed(old.peer()));
        world.run(2 * SECOND);
        world.fault(Fault::Killed(old));
        world.run(8 * SECOND);
        serves(world, 0, 200 * MS);
        assert_eq!(writer(world), old);
    });
}

#[test]
fn both_killed() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old));
        world.fault(Fault::Killed(old.peer()));
        recovers(world, 30 * SECOND);
    });
}

#[test]
fn a_frozen_writer_is_replaced() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Frozen(old));
        moves(world, old.peer(), 1_600 * MS);
        recovers(world, 15 * SECOND);
    });
}

#[test]
fn a_short_freeze_moves_nothing() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Frozen(old));
        world.run(300 * MS);
        world.fault(Fault::Thawed(old));
        recovers(world, 5 * SECOND);
        assert_eq!(writer(world), old);
    });
}

#[test]
fn a_frozen_reader_never_fences_the_writer() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Frozen(old.peer()));
        serves(world, 500 * MS, 1_600 * MS);
        world.run(3 * SECOND);
        world.fault(Fault::Thawed(old.peer()));
        recovers(world, 20 * SECOND);
        assert_eq!(writer(world), old);
    });
}

#[test]
fn a_writer_told_to_stop_behind_our_back() {
    each(|world| {
        let old = writer(world);
        world.latency = world.rng.pick(&[MS, 20 * MS]);
        world.run(SECOND);
        world.fault(Fault::Stopped(old));
        recovers(world, 30 * SECOND);
    });
}

#[test]
fn the_host_reboots() {
    each(|world| {
        world.fault(Fault::HostReboots);
        recovers(world, 30 * SECOND);
    });
}

#[test]
fn available_goes_on_alone_and_is_in_sync_again() {
    for family in FAMILIES {
        for seed in SEEDS {
            let mut policy = policy(family);
            policy.durability = Durability::Available;
            let mut world = healthy(policy, seed);
            let old = writer(&world);
            world.fault(Fault::Frozen(old.peer()));
            world.run(5 * SECOND);
            assert!(world.last_ack > world.now - SECOND, "{}", tail(&world));
            world.fault(Fault::Thawed(old.peer()));
            recovers(&mut world, 20 * SECOND);
            assert_eq!(writer(&world), old);
            world.fault(Fault::Killed(old));
            recovers(&mut world, 20 * SECOND);
            assert_eq!(writer(&world), old.peer());
        }
    }
}
