//! The loop of one pair without its clock, its channels and its disk: take in what has come, decide,
//! remember, store, act, report.
//!
//! `daemon/pair.rs` runs it on the real things and the simulation on its own, so that both keep a pair by the
//! same code.

mod absorb;
mod outside;
mod storing;

use std::time::Duration;

use crate::act::Ended;
use crate::decide::{self, Decision, Watch};
use crate::model::action::{Action, ActionKind, Step};
use crate::model::facts::Facts;
use crate::model::incarnation::{BootId, Incarnation};
use crate::model::member::{Both, Side};
use crate::model::memory::{Durable, Memory};
use crate::model::policy::Policy;
use crate::model::probe::Pace;
use crate::model::process::ProcessState;
use crate::model::request::Request;
use crate::model::time::Timestamp;
use crate::observe::Seen;
use crate::store::writer::Stored;

pub use self::outside::Outside;
use self::storing::Storing;
pub use self::storing::remembered;

/// One pair from round to round. Each `bool` that it returns after it took something in says whether
/// that calls for a round.
#[derive(Debug)]
pub struct Rounds {
    policy: Policy,
    memory: Memory,
    facts: Facts,
    watch: Watch,
    storing: Storing,
    /// The lives at which sessions were opened ahead.
    warm: Both<Option<Incarnation>>,
    /// When the next round is due at the latest.
    due: Timestamp,
    /// How often a round is due at least, by the service manager's order.
    turn_within: Option<Duration>,
}

impl Rounds {
    /// A pair that was not looked at yet, with what its state file held.
    pub fn new(
        policy: Policy,
        durable: Durable,
        boot: BootId,
        now: Timestamp,
        turn_within: Option<Duration>,
    ) -> Self {
        let mut facts = Facts::unseen(now, boot);
        facts.stored = Some(durable.clone());
        Self {
            policy,
            memory: Memory::after_start(durable.clone(), now),
            facts,
            watch: Watch::default(),
            storing: Storing::new(durable, now),
            warm: Both::from_fn(|_| None),
            due: now,
            turn_within,
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the last round remembered.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Everything seen so far.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// One round, at this time. `wall_ms` is the calendar's, in milliseconds since 1970. Returns whether
    /// the daemon may exit.
    pub fn turn(&mut self, now: Timestamp, wall_ms: u64, outside: &mut impl Outside) -> bool {
        if now.since(self.due) > self.policy.hang.interval {
            // What was missed meanwhile says nothing of the servers.
            self.facts.late_at = Some(now);
        }
        self.facts.now = now;
        self.facts.wall_ms = wall_ms;
        let decision = decide::decide(&self.policy, &self.memory, &self.facts);
        let may_exit = decision.may_exit;
        tracing::trace!(pair = self.policy.pair, "decided {:?}", decision.watch.pace);
        self.obey(decision, outside);
        tracing::trace!(pair = self.policy.pair, "obeyed");
        may_exit && self.storing.is_idle()
    }

    /// Stores, reports, acts and remembers, in this order.
    fn obey(&mut self, decision: Decision, outside: &mut impl Outside) {
        let register = decision.memory.durable.register.as_ref();
        outside.set_epoch(register.map_or(0, |register| register.epoch));
        let durable = &decision.memory.durable;
        if let Some((token, payload)) = self.storing.keep(durable, &mut self.facts) {
            outside.store(token, payload);
        }
        outside.report(&self.policy, &self.facts, &decision);
        for step in &decision.plan {
            self.begin(step, outside);
        }
        for reply in &decision.replies {
            outside.reply(reply);
        }
        self.facts.requests.clear();
        if decision.watch.pace != Pace::Rest && self.watch.pace == Pace::Rest {
            look_at_both(outside);
        }
        if self.watch != decision.watch {
            self.watch = decision.watch;
            outside.watch(decision.watch);
        }
        self.due = self.due_after(decision.wake_at);
        outside.wake(self.due);
        self.memory = decision.memory;
    }

    fn begin(&mut self, step: &Step, outside: &mut impl Outside) {
        let work = absorb::work(&mut self.facts, step.action.side());
        if work.running.insert(step.action.kind()) {
            outside.begin(&self.policy, &self.facts, step);
        }
    }

    /// A round is due at least once per probe interval, so that one that comes late is noticed, and as
    /// often as the service manager asks.
    fn due_after(&self, wake_at: Timestamp) -> Timestamp {
        let tick = self.facts.now.until_tick(self.policy.hang.interval);
        let pause = self.turn_within.map_or(tick, |within| tick.min(within));
        wake_at.min(self.facts.now + pause)
    }

    /// Takes a fact in. `process` says what the kernel says of a life at this moment, if that can be told.
    pub fn seen(
        &mut self,
        seen: Seen,
        process: impl FnOnce(&Incarnation) -> Option<ProcessState>,
        outside: &mut impl Outside,
    ) -> bool {
        tracing::trace!(pair = self.policy.pair, "seen {}", seen.brief());
        if let Seen::Look(side, look) = &seen
            && let Ok(look) = &**look
            && self.warm[*side].as_ref() != Some(&look.incarnation)
        {
            self.warm[*side] = Some(look.incarnation.clone());
            outside.warm_up(*side);
        }
        // While something is under way, every answer may be the one that is waited for.
        absorb::seen(&mut self.facts, seen, process) || self.watch.pace != Pace::Rest
    }

    /// Takes in how an action ended.
    pub fn ended(&mut self, ended: Ended, outside: &mut impl Outside) -> bool {
        let action = &ended.step.action;
        tracing::trace!(pair = self.policy.pair, "ended {:?}", action.kind());
        look_after(action, outside);
        if let (Action::Bootstrap { side }, Ok(_)) = (action, &ended.result) {
            outside.warm_up(*side);
        }
        if self.watch.pace == Pace::Urgent {
            // What comes next may rest on a look at the other member that was sent after this end.
            look_at_both(outside);
        }
        absorb::ended(&mut self.facts, ended);
        true
    }

    /// Takes in what became of the memory that was to be stored.
    pub fn stored(&mut self, stored: &Stored, now: Timestamp) -> bool {
        tracing::trace!(pair = self.policy.pair, "stored {}", stored.token);
        self.storing.take(stored, &mut self.facts, now);
        true
    }

    /// Takes in what an operator asks for.
    pub fn asked(&mut self, request: Request) -> bool {
        self.facts.requests.push(request);
        true
    }

    /// Goes on by another policy.
    pub fn follow(&mut self, policy: Policy) -> bool {
        self.policy = policy;
        true
    }

    /// The daemon is to stop, or no longer.
    pub fn stop(&mut self, stop: bool) -> bool {
        self.facts.stopping = stop;
        true
    }

    /// Why the newest configuration is not in force; `None` where it is.
    pub fn config_refused(&mut self, why: Option<String>) -> bool {
        self.facts.config_refused = why;
        true
    }
}

/// What an action may have changed is looked at.
fn look_after(action: &Action, outside: &mut impl Outside) {
    let Some(side) = action.side() else {
        outside.look_at_endpoint();
        return;
    };
    outside.look_at(side);
    if matches!(
        action.kind(),
        ActionKind::WriteFiles
            | ActionKind::Initialise
            | ActionKind::Start
            | ActionKind::Cut
            | ActionKind::Forget
    ) {
        outside.inspect(side);
    }
}

/// An operation begins, or goes on: what it waits for is looked at without waiting for the interval.
fn look_at_both(outside: &mut impl Outside) {
    for side in Side::BOTH {
        outside.look_at(side);
    }
}
