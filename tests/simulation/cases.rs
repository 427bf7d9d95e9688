//! One story at a time.

use dualmasterd::model::member::Side;
use dualmasterd::model::policy::{Durability, Policy};
use dualmasterd::model::request::Verb;
use dualmasterd::model::server::Family;

use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::server::Content;
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

/// Nothing is planned for a healthy pair, and no timer asks again and again.
fn is_left_alone(world: &mut World) {
    let total = |world: &World| world.planned.values().sum::<u32>();
    let idle = |world: &World| world.daemon.as_ref().map_or(0, |daemon| daemon.idle_wakes);
    let (planned, wakes) = (total(world), idle(world));
    world.run(SECOND);
    let (planned, wakes) = (total(world) - planned, idle(world) - wakes);
    if world.policy.prefer.is_none() && (planned > 0 || wakes > 4) {
        world.violated(format!(
            "{planned} actions and {wakes} decisions by timer within a second of health"
        ));
    }
}

pub fn finish(world: &mut World, healthy: bool) {
    if healthy {
        world.run(3 * SECOND);
        is_left_alone(world);
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

#[test]
fn a_switchover_that_cannot_close_the_writer_is_undone() {
    each(|world| {
        let old = writer(world);
        // The reader acknowledges nothing: read_only waits behind the commits.
        world.fault(Fault::Mute(old.peer()));
        world.run(60 * MS);
        world.request(Verb::Switchover {
            to: None,
            accept_own_rows: false,
        });
        world.run(200 * MS);
        let daemon = world.daemon.as_ref().unwrap();
        let ended = daemon.memory.last_op.as_ref().expect("it ended");
        assert!(ended.result.is_err(), "{ended:?}");
        recovers(world, 30 * SECOND);
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
fn a_clean_stop_pauses_and_the_start_lifts_it() {
    each(|world| {
        let old = writer(world);
        world.stop_daemon();
        assert!(
            world.run_until(5 * SECOND, |world| world.daemon.as_ref().unwrap().may_exit),
            "{}",
            tail(world)
        );
        world.daemon_ends();
        let life = world.servers[old].life.as_ref().unwrap();
        assert!(life.writable && life.source_on && life.timeout_ms == 10_000);
        let at = world.now;
        world.run(2 * SECOND);
        assert!(world.last_ack > at + SECOND);
        world.daemon_starts();
        recovers(world, 10 * SECOND);
        assert_eq!(writer(world), old);
        let timeout = world.servers[old].life.as_ref().unwrap().timeout_ms;
        assert_eq!(timeout, 4_294_967_295);
    });
}

#[test]
fn a_clean_stop_with_a_dead_writer_or_reader_ends() {
    each(|world| {
        let side = world.rng.pick(&Side::BOTH);
        world.fault(Fault::Killed(side));
        let wait = world.rng.pick(&[0, 3 * MS, 20 * MS, 200 * MS]);
        world.run(wait);
        world.stop_daemon();
        assert!(
            world.run_until(10 * SECOND, |world| world.daemon.as_ref().unwrap().may_exit),
            "{}",
            tail(world)
        );
        world.daemon_ends();
        world.run(SECOND);
        world.daemon_starts();
        recovers(world, 30 * SECOND);
    });
}

#[test]
fn a_paused_pair_promotes_nobody_and_switches_by_order() {
    each(|world| {
        let old = writer(world);
        world.request(Verb::Pause {
            until_ms: None,
            reason: "test".into(),
        });
        world.run(SECOND);
        world.fault(Fault::Killed(old));
        world.run(5 * SECOND);
        assert_eq!(writer(world), old, "{}", tail(world));
        world.run(10 * SECOND);
        world.request(Verb::Switchover {
            to: None,
            accept_own_rows: false,
        });
        world.run(3 * SECOND);
        assert_eq!(writer(world), old.peer(), "{}", tail(world));
        world.request(Verb::Resume);
        recovers(world, 10 * SECOND);
    });
}

#[test]
fn a_stray_on_the_reader_never_reaches_the_writer() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::OpenedByHand(old.peer()));
        world.fault(Fault::Stray(old.peer()));
        world.run(4 * SECOND);
        let stray = |content: &Content| matches!(content, Content::Stray(_));
        assert!(
            !world.servers[old].has.values().any(stray),
            "{}",
            tail(world)
        );
        assert!(!world.servers[old.peer()].life.as_ref().unwrap().writable);
        // It bars the reader from taking over: the same writer is started again.
        world.fault(Fault::Killed(old));
        world.run(10 * SECOND);
        assert_eq!(writer(world), old, "{}", tail(world));
        assert!(world.last_ack > world.now - SECOND, "{}", tail(world));
        world.fault(Fault::StrayUndone(old.peer()));
        recovers(world, 90 * SECOND);
    });
}

#[test]
fn an_old_state_file_is_corrected_by_the_heartbeat() {
    each(|world| {
        let old = writer(world);
        let copy = world.disk.clone();
        world.fault(Fault::Killed(old));
        recovers(world, 15 * SECOND);
        world.daemon_ends();
        world.disk = if world.rng.one_in(2) { copy } else { None };
        world.daemon_starts();
        recovers(world, 15 * SECOND);
        assert_eq!(writer(world), old.peer(), "{}", tail(world));
    });
}

#[test]
fn a_flapping_pair_stops_moving_until_ack() {
    for family in FAMILIES {
        let mut policy = policy(family);
        policy.flap.changes = 2;
        let mut world = healthy(policy, 1);
        for _ in 0..2 {
            let old = writer(&world);
            world.fault(Fault::Killed(old));
            recovers(&mut world, 15 * SECOND);
            assert_eq!(writer(&world), old.peer());
        }
        let old = writer(&world);
        world.fault(Fault::Killed(old));
        recovers(&mut world, 15 * SECOND);
        assert_eq!(writer(&world), old, "{}", tail(&world));
        world.request(Verb::Ack);
        world.run(SECOND);
        world.fault(Fault::Killed(old));
        recovers(&mut world, 15 * SECOND);
        assert_eq!(writer(&world), old.peer(), "{}", tail(&world));
    }
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
        world.request(Verb::Switchover {
            to: None,
            accept_own_rows: false,
        });
    });
}

#[test]
fn the_daemon_is_killed_at_every_step_of_a_readers_loss() {
    killed_at_every_step(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old.peer()));
    });
}
