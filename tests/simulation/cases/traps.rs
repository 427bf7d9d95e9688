//! The servers' traps and the daemon's own troubles, one at a time.

use dualmasterd::model::action::ActionKind;
use dualmasterd::model::member::Side;
use dualmasterd::model::server::Family;

use super::{SEEDS, SWITCHOVER, each, healthy, recovers, tail, writer};
use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::{MS, SECOND, World};

fn planned(world: &World, kind: ActionKind) -> u32 {
    world.planned.get(&kind).copied().unwrap_or(0)
}

/// Nobody was killed and no role changed.
fn nothing_moved(world: &mut World, old: Side) {
    recovers(world, 30 * SECOND);
    assert_eq!(writer(world), old, "{}", tail(world));
    assert_eq!(planned(world, ActionKind::Kill), 0, "{}", tail(world));
}

#[test]
fn a_host_or_a_daemon_that_stands_still_kills_nobody() {
    for stands in [Fault::HostStands, Fault::DaemonStands] {
        each(|world| {
            let old = writer(world);
            for span in [400 * MS, 1_500 * MS, 6 * SECOND] {
                world.fault(stands(span));
                world.run(span + SECOND);
            }
            nothing_moved(world, old);
        });
    }
}

#[test]
fn late_and_lost_looks_kill_nobody() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::LooksLate(4 * SECOND));
        world.run(4 * SECOND);
        world.fault(Fault::LooksLost(old, 4 * SECOND));
        world.run(2 * SECOND);
        world.fault(Fault::LooksLost(old.peer(), 4 * SECOND));
        world.run(4 * SECOND);
        nothing_moved(world, old);
    });
}

#[test]
fn a_slow_disk_kills_nobody() {
    each(|world| {
        let old = writer(world);
        for side in [old, old.peer()] {
            world.fault(Fault::DiskTakes(side, 300 * MS));
            world.run(4 * SECOND);
            world.fault(Fault::DiskTakes(side, 0));
        }
        nothing_moved(world, old);
    });
}

#[test]
fn a_disk_of_the_writer_that_does_not_answer() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::DiskStuck(old));
        world.run(4 * SECOND);
        assert_eq!(writer(world), old.peer(), "{}", tail(world));
        world.fault(Fault::DiskFreed(old));
        recovers(world, 30 * SECOND);
    });
}

#[test]
fn a_backlog_is_applied_before_the_open() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::ApplyTakes(old.peer(), 60 * MS));
        world.run(3 * SECOND);
        world.fault(Fault::Killed(old));
        recovers(world, 60 * SECOND);
        assert_eq!(writer(world), old.peer(), "{}", tail(world));
    });
}

#[test]
fn half_a_transaction_is_rolled_back_before_the_open() {
    each(|world| {
        world.latency = 20 * MS;
        for _ in 0..4 {
            let old = writer(world);
            let wait = world.rng.within(0, 60 * MS);
            world.run(wait);
            world.fault(Fault::Killed(old));
            recovers(world, 20 * SECOND);
        }
    });
}

#[test]
fn a_third_replica_makes_the_standby_unproven() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::ThirdReplica(old));
        world.run(2 * SECOND);
        // The peer gets nothing more, and the third acknowledges.
        world.fault(Fault::Frozen(old.peer()));
        world.run(3 * SECOND);
        world.fault(Fault::Thawed(old.peer()));
        world.fault(Fault::Killed(old));
        recovers(world, 30 * SECOND);
    });
}

/// The writer counts one client, and it is not the peer.
#[test]
fn a_third_replica_acknowledges_for_nobody() {
    each(|world| {
        let old = writer(world);
        let fetches_only = Fault::Plain(old.peer());
        world.fault(fetches_only);
        world.fault(Fault::ThirdReplica(old));
        world.run(6 * SECOND);
        world.fault(Fault::Frozen(old.peer()));
        world.run(300 * MS);
        world.fault(Fault::Killed(old));
        world.run(100 * MS);
        world.fault(Fault::Thawed(old.peer()));
        world.fault(Fault::ThirdGone(old));
        recovers(world, 30 * SECOND);
    });
}

#[test]
fn a_prepared_xa_transaction_refuses_the_switchover() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::XaPrepared(old));
        world.run(SECOND);
        world.request(SWITCHOVER);
        world.run(SECOND);
        assert_eq!(writer(world), old, "{}", tail(world));
        recovers(world, 10 * SECOND);
    });
}

#[test]
fn a_state_file_that_cannot_be_written_opens_nobody() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::StoreFails(3 * SECOND));
        world.fault(Fault::Killed(old));
        world.run(2 * SECOND);
        // A write that failed may be found by the next start all the same; nobody relies on it.
        let next = world.servers[old.peer()].life.as_ref();
        assert!(next.is_some_and(|life| !life.writable), "{}", tail(world));
        recovers(world, 20 * SECOND);
        assert_eq!(writer(world), old.peer(), "{}", tail(world));
    });
}

#[test]
fn a_clock_that_jumps_moves_nothing() {
    each(|world| {
        let old = writer(world);
        for by in [3_600_000, -7_200_000] {
            world.fault(Fault::ClockJumps(by));
            world.run(3 * SECOND);
        }
        nothing_moved(world, old);
    });
}

#[test]
fn a_deleted_redirect_is_put_back() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::RedirectDeleted);
        nothing_moved(world, old);
    });
}

/// MariaDB: the writer's next transaction has the number of the FLUSH. The reader is ended to forget it.
#[test]
fn a_flush_on_the_reader_is_forgotten() {
    for seed in SEEDS {
        let mut world = healthy(policy(Family::Mariadb), seed);
        let old = writer(&world);
        for _ in 0..3 {
            world.fault(Fault::Flushed(old.peer()));
            world.run(200 * MS);
        }
        let forgets = |world: &World| planned(world, ActionKind::Forget) > 0;
        assert!(world.run_until(5 * SECOND, forgets), "{}", tail(&world));
        recovers(&mut world, 30 * SECOND);
        assert_eq!(planned(&world, ActionKind::Forget), 1, "{}", tail(&world));
        assert_eq!(writer(&world), old, "{}", tail(&world));
    }
}

/// The writer has received the FLUSH; as reader it does not apply what its peer has forgotten.
#[test]
fn roles_change_after_a_reader_has_forgotten() {
    for seed in SEEDS {
        let mut world = healthy(policy(Family::Mariadb), seed);
        let old = writer(&world);
        world.fault(Fault::Flushed(old.peer()));
        let forgets = |world: &World| planned(world, ActionKind::Forget) > 0;
        assert!(world.run_until(5 * SECOND, forgets), "{}", tail(&world));
        recovers(&mut world, 30 * SECOND);
        world.request(SWITCHOVER);
        world.run(2 * SECOND);
        recovers(&mut world, 10 * SECOND);
        assert_eq!(writer(&world), old.peer(), "{}", tail(&world));
    }
}

/// The daemon dies at any moment of it.
#[test]
fn a_daemon_that_dies_while_the_reader_forgets() {
    for seed in 0..60 {
        let mut world = healthy(policy(Family::Mariadb), seed);
        let old = writer(&world);
        world.fault(Fault::Flushed(old.peer()));
        world.run(SECOND);
        for _ in 0..3 {
            let wait = world.rng.within(0, 400 * MS);
            world.run(wait);
            world.fault(Fault::DaemonKilled);
        }
        recovers(&mut world, 40 * SECOND);
        assert_eq!(writer(&world), old, "{}", tail(&world));
    }
}
