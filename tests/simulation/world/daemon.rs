//! The daemon around the core: the loop, its timer, its store.

use dualmasterd::decide::table::name;
use dualmasterd::decide::{Watch, decide};
use dualmasterd::model::facts::Facts;
use dualmasterd::model::finding::Finding;
use dualmasterd::model::member::Both;
use dualmasterd::model::memory::Memory;
use dualmasterd::model::request::{Reply, Request, Verb};

use super::store::Store;
use super::tale::Tale;
use super::{Event, MS, Time, World};

/// The loop runs at least this often.
const INTERVAL: Time = 250 * MS;

/// The running daemon.
pub struct Daemon {
    pub memory: Memory,
    pub facts: Facts,
    pub watch: Watch,
    pub findings: Vec<Finding>,
    pub replies: Vec<Reply>,
    pub may_exit: bool,
    /// A fact has changed since the last decision.
    pub dirty: bool,
    /// When the look under way was sent, in microseconds.
    pub looking: Both<Option<Time>>,
    /// Another look is wanted as soon as that one ends.
    pub look_again: Both<bool>,
    /// What the store said of the last life of each server.
    pub last_lives: Both<Option<dualmasterd::model::incarnation::Incarnation>>,
    pub beating: Option<(dualmasterd::model::member::Side, Time)>,
    pub ticks: u32,
    /// When the timer was set to.
    pub wake: Option<Time>,
    /// Decisions that nothing but the timer asked for.
    pub idle_wakes: u64,
    /// Steps in the newest plan.
    pub last_plan: usize,
    pub store: Store,
    /// The loop runs by then, or it was late; in microseconds.
    due: Time,
    requests: u64,
}

impl World {
    pub fn daemon_starts(&mut self) {
        if self.daemon.is_some() {
            return;
        }
        self.generation += 1;
        let durable = self.disk.clone();
        let mut facts = Facts::unseen(self.stamp(self.now), self.boot.clone());
        facts.stored = Some(durable.clone().unwrap_or_default());
        let durable_lives = durable.clone().unwrap_or_default().lives;
        self.daemon = Some(Daemon {
            memory: Memory::after_start(durable.unwrap_or_default(), self.stamp(self.now)),
            facts,
            watch: Watch::default(),
            findings: Vec::new(),
            replies: Vec::new(),
            may_exit: false,
            dirty: true,
            looking: Both::default(),
            look_again: Both::default(),
            last_lives: durable_lives,
            beating: None,
            ticks: 0,
            wake: None,
            idle_wakes: 0,
            last_plan: 0,
            store: Store::default(),
            due: self.now,
            requests: 0,
        });
        self.tell(Tale::Happened, || "the daemon starts".into());
        self.observers_start();
    }

    /// SIGKILL, or the end of a clean stop: nothing of it is left but the disk.
    pub fn daemon_ends(&mut self) {
        self.say(|| "daemon ends".into());
        self.store_is_cut_short();
        self.daemon = None;
        self.generation += 1;
    }

    pub fn woken(&mut self, at: Time) {
        if let Some(daemon) = &mut self.daemon
            && daemon.wake == Some(at)
        {
            daemon.wake = None;
            if !daemon.dirty {
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
        daemon.facts.requests.push(Request {
            id,
            verb,
            dry_run: false,
        });
        daemon.dirty = true;
        id
    }

    /// `systemctl stop`: the daemon ends what it has begun and leaves the pair to itself.
    pub fn stop_daemon(&mut self) {
        self.tell(Tale::Happened, || "the daemon is told to stop".into());
        if let Some(daemon) = &mut self.daemon {
            daemon.facts.stopping = true;
            daemon.dirty = true;
        }
    }

    /// One turn of the loop, if anything has changed.
    pub fn decide(&mut self) -> bool {
        let (now, wall_ms) = (self.stamp(self.now), self.wall_ms());
        let Some(daemon) = &mut self.daemon else {
            return false;
        };
        if !daemon.dirty {
            return false;
        }
        daemon.dirty = false;
        if self.now > daemon.due + INTERVAL {
            daemon.facts.late_at = Some(now);
        }
        daemon.facts.now = now;
        daemon.facts.wall_ms = wall_ms;
        let decision = decide(&self.policy, &daemon.memory, &daemon.facts);
        self.decisions += 1;
        daemon.facts.requests.clear();
        let before = std::mem::replace(&mut daemon.memory, decision.memory);
        let (moved, earned) = (
            name(&before.state) != name(&daemon.memory.state),
            before.earning != daemon.memory.earning,
        );
        let to = daemon.memory.writer();
        let moved_to = to.filter(|to| before.writer().is_some_and(|from| from != *to));
        daemon.watch = decision.watch;
        let found = std::mem::replace(&mut daemon.findings, decision.findings);
        daemon.may_exit = decision.may_exit;
        daemon.last_plan = decision.plan.len();
        daemon.replies.extend(decision.replies.iter().cloned());
        if let Some(to) = moved_to {
            self.check_move(to);
        }
        if self.telling {
            self.tell_found(&found);
            if moved {
                let memory = self.daemon.as_ref().map(|daemon| &daemon.memory);
                let state = memory.map(|memory| name(&memory.state));
                self.tell(Tale::Did, || format!("state {:?}", state));
            }
            if earned {
                let earning = self
                    .daemon
                    .as_ref()
                    .map(|daemon| daemon.memory.earning.clone());
                self.say(|| format!("earning {earning:?}"));
            }
            for reply in &decision.replies {
                self.tell(Tale::Did, || format!("reply {:?}", reply.result));
            }
        }
        self.store();
        for step in decision.plan {
            self.begin(step);
            self.die_at_action = self.die_at_action.map(|left| left - 1);
            if self.die_at_action == Some(0) {
                self.die_at_action = None;
                self.fault(super::fault::Fault::DaemonKilled);
                return true;
            }
        }
        self.set_timer(decision.wake_at.as_nanos() / 1_000);
        self.hurry();
        self.leave();
        true
    }

    /// A daemon that was told to stop leaves once what it leaves behind is in place.
    fn leave(&mut self) {
        let may = self.daemon.as_ref().is_some_and(|daemon| {
            daemon.facts.stopping && daemon.may_exit && daemon.store.writing.is_none()
        });
        if may && self.stopped_daemon_returns {
            self.daemon_ends();
            let wait = self.rng.within(50 * MS, 5_000 * MS);
            self.after(wait, Event::DaemonStarts);
        }
    }

    fn set_timer(&mut self, at: Time) {
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let at = at.max(now + 1);
        daemon.due = at.min(now + INTERVAL);
        if at > now + 3_600 * super::SECOND {
            daemon.wake = None;
        } else if daemon.wake != Some(at) {
            daemon.wake = Some(at);
            self.after(at - now, Event::Wake(self.generation, at));
        }
    }
}
