//! The daemon around the core: the loop, its timer, its store.

use dualmasterd::decide::{Watch, decide};
use dualmasterd::model::facts::Facts;
use dualmasterd::model::finding::Finding;
use dualmasterd::model::member::Both;
use dualmasterd::model::memory::{Durable, Memory};
use dualmasterd::model::request::{Reply, Request, Verb};

use super::{Event, MS, Time, World};

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
    storing: bool,
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
            storing: false,
            requests: 0,
        });
        self.say(|| "daemon starts".into());
        self.observers_start();
    }

    /// SIGKILL, or the end of a clean stop: nothing of it is left but the disk.
    pub fn daemon_ends(&mut self) {
        self.say(|| "daemon ends".into());
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
        self.say(|| format!("request {verb:?}"));
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
        self.say(|| "the daemon is told to stop".into());
        if let Some(daemon) = &mut self.daemon {
            daemon.facts.stopping = true;
            daemon.dirty = true;
        }
    }

    pub fn stored(&mut self, durable: Durable) {
        self.say(|| format!("stored {:?}", durable.register));
        self.disk = Some(durable.clone());
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        daemon.facts.stored = Some(durable);
        daemon.dirty = true;
        daemon.storing = false;
        self.store();
    }

    fn store(&mut self) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        if daemon.storing || daemon.facts.stored.as_ref() == Some(&daemon.memory.durable) {
            return;
        }
        daemon.storing = true;
        let durable = Box::new(daemon.memory.durable.clone());
        let wait = self.rng.within(MS / 2, 4 * MS);
        self.after(wait, Event::Stored(self.generation, durable));
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
        daemon.facts.now = now;
        daemon.facts.wall_ms = wall_ms;
        let decision = decide(&self.policy, &daemon.memory, &daemon.facts);
        self.decisions += 1;
        daemon.facts.requests.clear();
        let before = std::mem::replace(&mut daemon.memory, decision.memory);
        let moved =
            (before.state != daemon.memory.state).then(|| format!("{:?}", daemon.memory.state));
        let earned = (before.earning != daemon.memory.earning)
            .then(|| format!("{:?}", daemon.memory.earning));
        daemon.watch = decision.watch;
        let found = (std::env::var_os("SIM_LOG").is_some() && daemon.findings != decision.findings)
            .then(|| format!("findings {:?}", decision.findings));
        daemon.findings = decision.findings;
        daemon.may_exit = decision.may_exit;
        daemon.last_plan = decision.plan.len();
        let replies = decision.replies;
        daemon.replies.extend(replies.clone());
        for line in [moved, earned, found].into_iter().flatten() {
            self.say(|| line);
        }
        for reply in replies {
            self.say(|| format!("reply {:?}", reply.result));
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
        true
    }

    fn set_timer(&mut self, at: Time) {
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let at = at.max(now + 1);
        if at > now + 3_600 * super::SECOND {
            daemon.wake = None;
        } else if daemon.wake != Some(at) {
            daemon.wake = Some(at);
            self.after(at - now, Event::Wake(self.generation, at));
        }
    }
}
