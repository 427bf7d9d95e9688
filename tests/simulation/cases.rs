//! One story at a time.

use dualmasterd::model::member::Side;
use dualmasterd::model::policy::Policy;
use dualmasterd::model::request::Verb;
use dualmasterd::model::server::Family;

use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::{MS, SECOND, World};

const FAMILIES: [Family; 2] = [Family::Mariadb, Family::Mysql];
const SEEDS: std::ops::Range<u64> = 1..6;

/// A pair that has just become healthy.
pub fn healthy(policy: Policy, seed: u64) -> World {
    let mut world = World::new(policy, seed);
    assert!(
        world.run_until(30 * SECOND, |world| world.unhealthy().is_none()),
        "seed {seed}: it never became healthy: {:?} {:?}\n{}",
        world.unhealthy(),
        world.broken,
        tail(&world)
    );
    world.run(SECOND);
    world
}

pub fn tail(world: &World) -> String {
    let lines = &world.log;
    lines[lines.len().saturating_sub(150)..].join("\n")
}

/// Healthy within this time, both sides equal, and nothing lost.
pub fn recovers(world: &mut World, within: u64) {
    let healthy = world.run_until(within, |world| world.unhealthy().is_none());
    finish(world, healthy);
}

pub fn finish(world: &mut World, healthy: bool) {
    if healthy {
        world.run(3 * SECOND);
        let again = world.unhealthy();
        if again.is_some() {
            let text = format!("it did not stay healthy: {again:?}");
            world.violated(text);
        }
        world.clients_write(false);
        world.run(200 * MS);
        world.check_equal_but_heartbeats();
        world.clients_write(true);
        world.run(100 * MS);
    }
    assert!(
        healthy && world.broken.is_none(),
        "{} seed {}: {:?}; unhealthy: {:?}\n{}",
        world.family(),
        world.seed,
        world.broken,
        world.unhealthy(),
        tail(world)
    );
}

/// The same story for both families and a few seeds.
fn each(story: impl Fn(&mut World)) {
    for family in FAMILIES {
        for seed in SEEDS {
            let mut world = healthy(policy(family), seed);
            story(&mut world);
        }
    }
}

fn writer(world: &World) -> Side {
    world
        .disk
        .as_ref()
        .unwrap()
        .register
        .as_ref()
        .unwrap()
        .writer
}

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
        let at = world.now;
        world.fault(Fault::Killed(old));
        assert!(
            world.run_until(SECOND, |world| world.endpoint.writer == Some(old.peer())),
            "{}",
            tail(world)
        );
        assert!(
            world.now - at < 60 * MS,
            "took {} ms\n{}",
            (world.now - at) / MS,
            tail(world)
        );
        recovers(world, 15 * SECOND);
    });
}

#[test]
fn a_killed_reader_returns() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old.peer()));
        let at = world.now;
        assert!(
            world.run_until(SECOND, |world| world.last_ack > at + 20 * MS),
            "{}",
            tail(world)
        );
        assert!(
            world.now - at < 100 * MS,
            "writes stalled {} ms",
            (world.now - at) / MS
        );
        recovers(world, 15 * SECOND);
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
        let at = world.now;
        world.fault(Fault::Frozen(old));
        assert!(
            world.run_until(3 * SECOND, |world| world.endpoint.writer
                == Some(old.peer())),
            "{}",
            tail(world)
        );
        assert!(
            world.now - at < 1_600 * MS,
            "took {} ms",
            (world.now - at) / MS
        );
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
        let at = world.now;
        world.fault(Fault::Frozen(old.peer()));
        assert!(
            world.run_until(3 * SECOND, |world| world.last_ack > at + 500 * MS),
            "{}",
            tail(world)
        );
        assert!(
            world.now - at < 1_600 * MS,
            "writes stalled {} ms",
            (world.now - at) / MS
        );
        world.run(3 * SECOND);
        world.fault(Fault::Thawed(old.peer()));
        recovers(world, 20 * SECOND);
        assert_eq!(writer(world), old);
    });
}

#[test]
fn a_switchover() {
    each(|world| {
        for _ in 0..3 {
            let old = writer(world);
            let at = world.now;
            world.request(Verb::Switchover {
                to: None,
                accept_own_rows: false,
            });
            assert!(
                world.run_until(3 * SECOND, |world| world.endpoint.writer
                    == Some(old.peer())),
                "{}",
                tail(world)
            );
            assert!(
                world.now - at < 450 * MS,
                "took {} ms\n{}",
                (world.now - at) / MS,
                tail(world)
            );
            recovers(world, 5 * SECOND);
            assert_eq!(writer(world), old.peer());
        }
    });
}
