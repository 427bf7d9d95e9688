//! Random schedules: a healthy pair, a handful of faults and orders at random moments, then peace.
//!
//! `SIM_SEED=mariadb:17` runs one schedule again, with `SIM_LOG=1` all that happens is printed.

use std::time::Duration;

use dualmasterd::model::member::Side;
use dualmasterd::model::policy::{Durability, HookEvent, Policy};
use dualmasterd::model::request::{Thread, Verb};
use dualmasterd::model::server::Family;

use crate::cases::finish;
use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::rng::Rng;
use crate::world::{Event, MS, SECOND, World};

/// Schedules of each test; `SIM_SCHEDULES` asks for more.
const SCHEDULES: u64 = 150;
/// Everything must be well again within this time after the last fault.
const PEACE: u64 = 60 * SECOND;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Fault(Fault),
    /// A fault, and its end after this time.
    Passing(Fault, Fault, u64),
    Switchover,
    Pause,
    Resume,
    Hold(Side, Thread),
    Release(Side, Thread),
    Slow,
    /// Root opens the reader, and perhaps writes there.
    ReaderOpened,
    Stray,
}

fn happening(rng: &mut Rng) -> Happening {
    let side = rng.pick(&Side::BOTH);
    let thread = rng.pick(&[Thread::Receiver, Thread::Applier]);
    let for_a_while = rng.pick(&[50 * MS, 300 * MS, 1_500 * MS, 4 * SECOND]);
    match rng.within(0, 21) {
        0..=4 => Happening::Fault(Fault::Killed(side)),
        5 | 6 => Happening::Passing(Fault::Frozen(side), Fault::Thawed(side), for_a_while),
        7 => Happening::Fault(Fault::Stopped(side)),
        8 => Happening::Fault(Fault::HostReboots),
        9..=11 => Happening::Fault(Fault::DaemonKilled),
        12 => Happening::Fault(Fault::ApplierStopped(side)),
        13 => Happening::Fault(Fault::ReceiverStopped(side)),
        14 => Happening::Fault(Fault::Mute(side)),
        15 => Happening::Pause,
        16 => Happening::Hold(side, thread),
        17 => Happening::Fault(Fault::ClosedByHand(side)),
        18 => Happening::Slow,
        19 => Happening::ReaderOpened,
        20 => Happening::Stray,
        _ => Happening::Switchover,
    }
}

impl World {
    fn let_happen(&mut self, what: Happening) {
        match what {
            Happening::Fault(fault) => self.fault(fault),
            Happening::Passing(fault, end, span) => {
                self.fault(fault);
                self.after(span, Event::Fault(end));
            }
            Happening::Switchover => {
                self.request(Verb::Switchover {
                    to: None,
                    accept_own_rows: false,
                });
            }
            Happening::Pause => {
                self.request(Verb::Pause {
                    until_ms: None,
                    reason: "test".into(),
                });
            }
            Happening::Resume => {
                self.request(Verb::Resume);
            }
            Happening::Hold(side, thread) => {
                self.request(Verb::Hold {
                    side,
                    thread,
                    until_ms: self.wall_ms() + 8_000,
                    reason: "test".into(),
                });
            }
            Happening::Release(side, thread) => {
                self.request(Verb::Release { side, thread });
            }
            Happening::ReaderOpened | Happening::Stray => {
                let register = self.disk.as_ref().and_then(|disk| disk.register.as_ref());
                if let Some(reader) = register.map(|register| register.writer.peer()) {
                    let stray = matches!(what, Happening::Stray);
                    let fault = if stray {
                        Fault::Stray(reader)
                    } else {
                        Fault::OpenedByHand(reader)
                    };
                    self.fault(fault);
                }
            }
            Happening::Slow => self.latency = self.rng.pick(&[MS / 4, 5 * MS, 50 * MS]),
        }
    }
}

/// Every kind of pair has its turn.
fn policy_of(family: Family, seed: u64) -> Policy {
    let mut policy = policy(family);
    match seed % 8 {
        0 => policy.durability = Durability::Available,
        1 => {
            policy.prefer = Some(Side::A);
            policy.failback_after = Duration::from_secs(8);
        }
        2 => policy.flap.changes = 2,
        3 => policy.gating_hooks = vec![HookEvent::PreFailover, HookEvent::PreSwitchover],
        _ => {}
    }
    policy
}

/// One schedule.
fn schedule(family: Family, seed: u64) -> Result<Box<World>, Box<World>> {
    let mut world = Box::new(World::new(policy_of(family, seed), seed));
    let mut rng = Rng::new(seed ^ 0xdead_beef);
    if !world.run_until(20 * SECOND, |world| world.unhealthy().is_none()) {
        return Err(world);
    }
    for _ in 0..rng.within(1, 6) {
        let wait = rng.pick(&[0, 2 * MS, 7 * MS, 40 * MS, 300 * MS, 2 * SECOND, 5 * SECOND]);
        let jitter = rng.within(0, wait / 2);
        world.run(wait + jitter);
        let what = happening(&mut rng);
        world.let_happen(what);
    }
    // Peace.
    world.run(5 * SECOND);
    world.latency = MS / 2;
    world.let_happen(Happening::Resume);
    world.request(Verb::Ack);
    for side in Side::BOTH {
        world.fault(Fault::StrayUndone(side));
    }
    for side in Side::BOTH {
        for thread in [Thread::Receiver, Thread::Applier] {
            world.let_happen(Happening::Release(side, thread));
        }
    }
    world.run(10 * SECOND);
    for side in Side::BOTH {
        let disk = world.disk.as_ref();
        if disk.is_some_and(|disk| disk.quarantine[side].is_some()) {
            world.fault(Fault::Reseeded(side));
        }
    }
    let healthy = world.run_until(PEACE, |world| world.unhealthy().is_none());
    if !healthy || world.broken.is_some() {
        return Err(world);
    }
    Ok(world)
}

fn run(family: Family, seeds: std::ops::Range<u64>) {
    let mut decisions = 0;
    let mut failed = Vec::new();
    for seed in seeds {
        match schedule(family, seed) {
            Ok(mut world) => {
                finish(&mut world, true);
                decisions += world.decisions;
            }
            Err(world) => {
                failed.push(seed);
                println!(
                    "{family} seed {seed}: {:?}; {:?}",
                    world.broken,
                    world.unhealthy()
                );
                if std::env::var_os("SIM_SEED").is_some() {
                    println!("{}", world.log.join("\n"));
                }
            }
        }
    }
    println!("{family}: {decisions} decisions");
    assert!(
        failed.is_empty(),
        "{family}: {} seeds failed: {failed:?}",
        failed.len()
    );
}

/// The seeds, or the one that `SIM_SEED` names.
fn seeds(family: Family, part: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("SIM_SCHEDULES").ok();
    let count = asked
        .and_then(|count| count.parse().ok())
        .unwrap_or(SCHEDULES);
    let all = part * count..(part + 1) * count;
    match std::env::var("SIM_SEED") {
        Ok(one) => {
            let name = family.to_string().to_lowercase();
            let seed = one
                .strip_prefix(&format!("{name}:"))
                .and_then(|seed| seed.parse().ok());
            seed.filter(|_| part == 0)
                .map_or(0..0, |seed: u64| seed..seed + 1)
        }
        Err(_) => all,
    }
}

#[test]
fn mariadb_schedules() {
    run(Family::Mariadb, seeds(Family::Mariadb, 0));
}

#[test]
fn mariadb_schedules_continued() {
    run(Family::Mariadb, seeds(Family::Mariadb, 1));
}

#[test]
fn mysql_schedules() {
    run(Family::Mysql, seeds(Family::Mysql, 0));
}

#[test]
fn mysql_schedules_continued() {
    run(Family::Mysql, seeds(Family::Mysql, 1));
}
