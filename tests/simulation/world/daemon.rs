//! The daemon: the real loop on the world's clock. What it orders is done here, what is seen goes in.

use dualmasterd::act::Ended;
use dualmasterd::daemon::rounds::Rounds;
use dualmasterd::decide::table::name;
use dualmasterd::model::facts::Facts;
use dualmasterd::model::finding::Finding;
use dualmasterd::model::memory::Memory;
use dualmasterd::model::request::{Reply, Request, Verb};
use dualmasterd::model::time::Timestamp;
use dualmasterd::observe::Seen;

use super::observe::Eyes;
use super::orders::{Order, Orders};
use super::store::Storing;
use super::tale::Tale;
use super::{Event, MS, Time, World};

/// The running daemon.
pub struct Daemon {
    pub rounds: Rounds,
    pub eyes: Eyes,
    pub storing: Storing,
    pub findings: Vec<Finding>,
    pub replies: Vec<Reply>,
    /// The epoch that those who act were told.
    pub epoch: u64,
    /// Decisions that a decision asked for, and nothing that was seen.
    pub idle_wakes: u64,
    /// Something calls for a round.
    dirty: bool,
    /// When the timer rings.
    wake: Option<Time>,
    /// When the last decision wanted to be asked again.
    wake_at: Timestamp,
    requests: u64,
}

impl Daemon {
    pub fn memory(&self) -> &Memory {
        self.rounds.memory()
    }

    pub fn facts(&self) -> &Facts {
        self.rounds.facts()
    }
}

impl World {
    pub fn daemon_starts(&mut self) {
        if self.daemon.is_some() {
            return;
        }
        self.generation += 1;
        let durable = self.state.open();
        self.check_stored();
        let eyes = Eyes::new(&durable.lives);
        let (boot, now) = (self.boot.clone(), self.stamp(self.now));
        self.daemon = Some(Daemon {
            rounds: Rounds::new(self.policy.clone(), durable, boot, now, None),
            eyes,
            storing: Storing::default(),
            findings: Vec::new(),
            replies: Vec::new(),
            epoch: 0,
            idle_wakes: 0,
            dirty: true,
            wake: None,
            wake_at: now,
            requests: 0,
        });
        self.tell(Tale::Happened, || "the daemon starts".into());
        self.observers_start();
    }

    /// SIGKILL, or the end of a clean stop: nothing of it is left but the disk.
    pub fn daemon_ends(&mut self) {
        self.store_is_cut_short(false);
        self.daemon_is_gone();
    }

    /// It ended, with its host or alone.
    pub fn daemon_is_gone(&mut self) {
        self.say(|| "daemon ends".into());
        self.daemon = None;
        self.generation += 1;
    }

    pub fn woken(&mut self, at: Time) {
        let stamp = self.stamp(at);
        if let Some(daemon) = &mut self.daemon
            && daemon.wake == Some(at)
        {
            daemon.wake = None;
            if !daemon.dirty && daemon.wake_at <= stamp {
                daemon.idle_wakes += 1;
            }
            daemon.dirty = true;
        }
    }

    /// Puts a request. Its answer stands in the daemon's replies.
    pub fn request(&mut self, verb: Verb) -> u64 {
        self.tell(Tale::Happened, || format!("an operator asks: {verb:?}"));
        let Some(daemon) = &mut self.daemon else {
            return 0;
        };
        daemon.requests += 1;
        let id = daemon.requests;
        daemon.dirty |= daemon.rounds.asked(Request {
            id,
            verb,
            dry_run: false,
        });
        id
    }

    /// `systemctl stop`: the daemon ends what it has begun and leaves the pair to itself.
    pub fn stop_daemon(&mut self) {
        self.tell(Tale::Happened, || "the daemon is told to stop".into());
        if let Some(daemon) = &mut self.daemon {
            daemon.dirty |= daemon.rounds.stop(true);
        }
    }

    /// An observer publishes.
    pub fn see(&mut self, seen: Seen) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let mut orders = Orders::default();
        let (processes, servers) = (&self.processes, &self.servers);
        let now = |life: &_| super::observe::state_of(processes, servers, life);
        daemon.dirty |= daemon.rounds.seen(seen, now, &mut orders);
        self.follow(orders);
    }

    /// An action ended.
    pub fn ended(&mut self, ended: Ended) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let mut orders = Orders::default();
        daemon.dirty |= daemon.rounds.ended(ended, &mut orders);
        self.follow(orders);
    }

    /// The storing thread answers.
    pub fn hears_of_store(&mut self, stored: &dualmasterd::store::writer::Stored) {
        let now = self.stamp(self.now);
        if let Some(daemon) = &mut self.daemon {
            daemon.dirty |= daemon.rounds.stored(stored, now);
        }
    }

    /// One round of the loop, if anything calls for it.
    pub fn decide(&mut self) -> bool {
        let (now, wall_ms) = (self.stamp(self.now), self.wall_ms());
        let Some(daemon) = &mut self.daemon else {
            return false;
        };
        if !std::mem::take(&mut daemon.dirty) {
            return false;
        }
        self.decisions += 1;
        let before = daemon.memory();
        let (state, writer, earning) =
            (name(&before.state), before.writer(), before.earning.clone());
        let mut orders = Orders::default();
        let may_exit = daemon.rounds.turn(now, wall_ms, &mut orders);
        let after = daemon.memory();
        let to = after.writer();
        if self.telling {
            let (state_now, earning_now) = (name(&after.state), after.earning.clone());
            if state_now != state {
                self.tell(Tale::Did, || format!("state {state_now:?}"));
            }
            if earning_now != earning {
                self.say(|| format!("earning {earning_now:?}"));
            }
        }
        if let Some(to) = to.filter(|to| writer.is_some_and(|from| from != *to)) {
            self.check_move(to);
        }
        self.follow(orders);
        self.state_is_old = self.state_is_old && self.unhealthy().is_some();
        if may_exit && self.daemon.is_some() {
            self.daemon_ends();
            if self.stopped_daemon_returns {
                let wait = self.rng.within(50 * MS, 5_000 * MS);
                self.after(wait, Event::DaemonStarts);
            }
        }
        true
    }

    /// Does what was ordered; a daemon that is killed on the way leaves the rest.
    fn follow(&mut self, Orders(orders): Orders) {
        for order in orders {
            let Some(daemon) = &mut self.daemon else {
                return;
            };
            match order {
                Order::Epoch(epoch) => daemon.epoch = epoch,
                Order::Store(token, payload) => self.submitted(token, payload),
                Order::Report { findings, wake_at } => {
                    daemon.wake_at = wake_at;
                    let before = std::mem::replace(&mut daemon.findings, findings);
                    self.tell_found(&before);
                }
                Order::Begin(step) => {
                    self.begin(step);
                    self.die_at_action = self.die_at_action.map(|left| left - 1);
                    if self.die_at_action == Some(0) {
                        self.die_at_action = None;
                        self.fault(super::fault::Fault::DaemonKilled);
                    }
                }
                Order::Reply(reply) => {
                    self.tell(Tale::Did, || format!("reply {:?}", reply.result));
                    if let Some(daemon) = &mut self.daemon {
                        daemon.replies.push(reply);
                    }
                }
                Order::Watch(watch) => self.steered(watch),
                Order::LookAt(side) => self.poke(side),
                Order::Inspect(side) => self.look_at_files(side),
                Order::LookAtEndpoint => self.look_at_endpoint(),
                Order::Wake(at) => self.set_timer(at),
            }
        }
    }

    /// A moment that has passed rings at once.
    fn set_timer(&mut self, at: Timestamp) {
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let at = at.as_nanos().div_ceil(1_000).max(now + 1);
        if daemon.wake != Some(at) {
            daemon.wake = Some(at);
            self.after(at - now, Event::Wake(self.generation, at));
        }
    }
}
