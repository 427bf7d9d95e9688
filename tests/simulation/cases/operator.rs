//! What people do, and what the daemon remembers of it.

use dualmasterd::model::member::Side;
use dualmasterd::model::request::Verb;

use super::{FAMILIES, SWITCHOVER, each, healthy, recovers, tail, writer};
use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::server::Content;
use crate::world::store::StateFile;
use crate::world::{MS, SECOND};

#[test]
fn a_clean_stop_pauses_and_the_start_lifts_it() {
    each(|world| {
        let old = writer(world);
        world.stop_daemon();
        assert!(
            world.run_until(5 * SECOND, |world| world.daemon.is_none()),
            "{}",
            tail(world)
        );
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
            world.run_until(10 * SECOND, |world| world.daemon.is_none()),
            "{}",
            tail(world)
        );
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
        world.request(SWITCHOVER);
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
        let copy = world.state.clone();
        world.fault(Fault::Killed(old));
        recovers(world, 15 * SECOND);
        world.daemon_ends();
        let none = StateFile::default();
        world.state = if world.rng.one_in(2) { copy } else { none };
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
