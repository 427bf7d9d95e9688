//! A schedule: what befalls a healthy pair, and when, as data. Everything in it comes from one seed.

use std::time::Duration;

use dualmasterd::model::member::Side;
use dualmasterd::model::policy::{Durability, HookEvent, Policy};
use dualmasterd::model::request::{Thread, Verb};
use dualmasterd::model::server::Family;

use crate::support::policy;
use crate::world::fault::Fault;
use crate::world::rng::Rng;
use crate::world::{Event, MS, SECOND, Time, World};

/// What happens to one pair.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub family: Family,
    pub seed: u64,
    /// Each after so long from the one before, in microseconds.
    pub happenings: Vec<(Time, Happening)>,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Fault(Fault),
    /// A fault, and its end after this time in microseconds.
    Passing(Fault, Fault, Time),
    Switchover,
    Failover(Side),
    Pause,
    Resume,
    Ack,
    Hold(Side, Thread),
    Release(Side, Thread),
    /// The daemon is stopped in order, and started again later.
    CleanStop,
    /// The wire between the servers takes this long, in microseconds.
    Latency(Time),
    /// Root opens the reader.
    ReaderOpened,
    /// Root writes on the reader.
    Stray,
    /// Root flushes tables on the reader. MySQL's pair keeps that where it is.
    Flush,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn of(family: Family, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0xdead_beef);
        let count = rng.within(1, 6);
        let happenings = (0..count).map(|_| {
            let wait = rng.pick(&[0, 2 * MS, 7 * MS, 40 * MS, 300 * MS, 2 * SECOND, 5 * SECOND]);
            let jitter = rng.within(0, wait / 2);
            (wait + jitter, happening(&mut rng))
        });
        Self {
            family,
            seed,
            happenings: happenings.collect(),
        }
    }

    /// Every kind of pair has its turn.
    pub fn policy(&self) -> Policy {
        let mut policy = policy(self.family);
        match self.seed % 8 {
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
}

fn happening(rng: &mut Rng) -> Happening {
    let side = rng.pick(&Side::BOTH);
    let thread = rng.pick(&[Thread::Receiver, Thread::Applier]);
    let span = rng.pick(&[50 * MS, 300 * MS, 1_500 * MS, 4 * SECOND]);
    let passing = |fault, end| Happening::Passing(fault, end, span);
    let age = rng.pick(&[5 * MS, 300 * MS, 3 * SECOND, 12 * SECOND]);
    match rng.within(0, 51) {
        0..=4 => Happening::Fault(Fault::Killed(side)),
        5 => Happening::Fault(Fault::BothKilled),
        6 | 7 => passing(Fault::Frozen(side), Fault::Thawed(side)),
        8 => Happening::Fault(Fault::Stopped(side)),
        9 => Happening::Fault(Fault::HostReboots),
        10..=12 => Happening::Fault(Fault::DaemonKilled),
        13 => Happening::Fault(Fault::ApplierStopped(side)),
        14 => Happening::Fault(Fault::ReceiverStopped(side)),
        15 => Happening::Fault(rng.pick(&[Fault::Mute(side), Fault::Plain(side)])),
        16 => Happening::Pause,
        17 => Happening::Resume,
        18 => Happening::Hold(side, thread),
        19 => Happening::Fault(Fault::ClosedByHand(side)),
        20 => Happening::Latency(rng.pick(&[MS / 4, 5 * MS, 50 * MS])),
        21 => Happening::ReaderOpened,
        22 => rng.pick(&[Happening::Stray, Happening::Flush]),
        23 => passing(Fault::DiskStuck(side), Fault::DiskFreed(side)),
        24 => passing(Fault::DiskTakes(side, 150 * MS), Fault::DiskTakes(side, 0)),
        25 | 26 => passing(Fault::ApplyTakes(side, 30 * MS), Fault::ApplyTakes(side, 0)),
        27 => passing(Fault::ThirdReplica(side), Fault::ThirdGone(side)),
        28 => Happening::Fault(Fault::XaPrepared(side)),
        29 => Happening::Fault(Fault::ClockJumps(rng.pick(&[-3_600_000, 3_600_000]))),
        30 => Happening::Fault(Fault::RedirectDeleted),
        31 => Happening::Fault(Fault::HostStands(span)),
        32 => Happening::Fault(Fault::DaemonStands(span)),
        33 => Happening::Fault(Fault::LooksLate(span)),
        34 => Happening::Fault(Fault::LooksLost(side, span)),
        35 => Happening::Fault(Fault::StoreSlow(span)),
        36 => Happening::Fault(Fault::StoreFails(span)),
        37 => Happening::CleanStop,
        38 => rng.pick(&[Happening::Failover(side), Happening::Ack]),
        39 => passing(Fault::DiskFull(side), Fault::DiskEmptied(side)),
        40 => passing(Fault::DiskFails(side), Fault::DiskMended(side)),
        41 | 42 => passing(Fault::Locked(side), Fault::Unlocked(side)),
        43 => Happening::Fault(Fault::ProcessesLate(span)),
        44 => Happening::Fault(Fault::ProcessesLost(side, span)),
        45 => Happening::Fault(rng.pick(&[Fault::HooksFail(span), Fault::HooksSlow(span)])),
        46 => Happening::Fault(Fault::StatePutBack(age)),
        47 => Happening::Fault(Fault::StatePutBackBesideDead(side, age)),
        48 => Happening::Fault(Fault::RecoveryTakes(side, rng.pick(&[2, 20]) * SECOND)),
        _ => Happening::Switchover,
    }
}

impl World {
    pub fn let_happen(&mut self, what: Happening) {
        match what {
            Happening::Fault(fault) => self.fault(fault),
            Happening::Passing(fault, end, span) => {
                self.fault(fault);
                self.after(span, Event::Fault(end));
            }
            Happening::CleanStop => {
                self.stopped_daemon_returns = true;
                self.stop_daemon();
            }
            Happening::Latency(latency) => self.latency = latency,
            Happening::ReaderOpened | Happening::Stray | Happening::Flush => {
                let fault = match what {
                    Happening::Stray => Fault::Stray,
                    Happening::Flush if self.family() == Family::Mysql => return,
                    Happening::Flush => Fault::Flushed,
                    _ => Fault::OpenedByHand,
                };
                if let Some(reader) = self.stored_writer().map(Side::peer) {
                    self.fault(fault(reader));
                }
            }
            Happening::Switchover
            | Happening::Failover(_)
            | Happening::Pause
            | Happening::Resume
            | Happening::Ack
            | Happening::Hold(..)
            | Happening::Release(..) => {
                if let Some(verb) = self.verb(what) {
                    self.request(verb);
                }
            }
        }
    }

    /// What an operator types.
    fn verb(&self, what: Happening) -> Option<Verb> {
        let reason = || "test".to_owned();
        Some(match what {
            Happening::Switchover => Verb::Switchover {
                to: None,
                accept_own_rows: false,
            },
            Happening::Failover(to) => Verb::Failover {
                to,
                accept_loss: false,
            },
            Happening::Pause => Verb::Pause {
                until_ms: None,
                reason: reason(),
            },
            Happening::Resume => Verb::Resume,
            Happening::Ack => Verb::Ack,
            Happening::Hold(side, thread) => Verb::Hold {
                side,
                thread,
                until_ms: self.wall_ms() + 8_000,
                reason: reason(),
            },
            Happening::Release(side, thread) => Verb::Release { side, thread },
            _ => return None,
        })
    }
}
