//! The loop of one pair: wait for a fact, decide, store, act, report.

mod pokes;
mod store;

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{mpsc, oneshot, watch};

use super::absorb;
use super::clock::{self, Alarm};
use super::tell::Teller;
use crate::act::{Actor, Ended};
use crate::control::desk::Asked;
use crate::decide::{self, Decision, Watch};
use crate::model::action::{Action, Step};
use crate::model::facts::Facts;
use crate::model::incarnation::Incarnation;
use crate::model::member::Both;
use crate::model::memory::{Durable, Memory};
use crate::model::policy::Policy;
use crate::model::probe::Pace;
use crate::model::request::Reply;
use crate::model::time::Timestamp;
use crate::observe::Seen;
use crate::store::slots::{Slots, SlotsError};
use crate::store::writer::Stored;

pub(super) use self::pokes::Pokes;
use self::store::Store;
pub(super) use self::store::open_state;

/// Everything that wakes the loop.
pub(super) struct Inbox {
    pub(super) seen: UnboundedReceiver<Seen>,
    pub(super) ended: UnboundedReceiver<Ended>,
    pub(super) asked: mpsc::Receiver<Asked>,
    pub(super) policy: watch::Receiver<Policy>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) refused: watch::Receiver<Option<String>>,
}

/// One pair.
pub(super) struct Pair {
    policy: Policy,
    memory: Memory,
    facts: Facts,
    store: Store,
    actor: Actor,
    watch: watch::Sender<Watch>,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    /// The lives at which sessions were opened ahead.
    warm: Both<Option<Incarnation>>,
    alarm: Alarm,
    /// When the loop has to have run again at the latest.
    due: Timestamp,
    pokes: Pokes,
    teller: Teller,
}

/// Why a pair cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum PairError {
    /// Its state file.
    #[error("the state of pair `{pair}` cannot be used")]
    State {
        /// The pair.
        pair: String,
        /// Why.
        source: SlotsError,
    },
    /// Its state file holds something this version does not understand.
    #[error("the state of pair `{pair}` in {file} cannot be understood; it was left as it is")]
    Understand {
        /// The pair.
        pair: String,
        /// The file.
        file: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The system refused something that every daemon needs.
    #[error("cannot {attempted} for pair `{pair}`")]
    System {
        /// The pair.
        pair: String,
        /// What was tried.
        attempted: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl Pair {
    /// A pair whose loop has not run yet.
    ///
    /// # Errors
    /// The system refused a thread, a timer or `/proc`.
    pub(super) fn new(
        policy: Policy,
        slots: Slots,
        durable: Durable,
        actor: Actor,
        watch: watch::Sender<Watch>,
        pokes: Pokes,
        teller: Teller,
    ) -> Result<Self, PairError> {
        let refused = |attempted| {
            let pair = policy.pair.clone();
            move |source| PairError::System {
                pair,
                attempted,
                source,
            }
        };
        let boot = crate::runtime::proc::boot_id()
            .map_err(|error| refused("read the boot id")(std::io::Error::other(error)))?;
        let alarm = Alarm::new().map_err(refused("make a timer"))?;
        let now = clock::now();
        let store = Store::start(slots, durable.clone(), now)
            .map_err(refused("start the storing thread"))?;
        let mut facts = Facts::unseen(now, boot);
        facts.stored = Some(durable.clone());
        Ok(Self {
            memory: Memory::after_start(durable.clone(), now),
            facts,
            store,
            actor,
            watch,
            waiting: BTreeMap::new(),
            warm: Both::from_fn(|_| None),
            alarm,
            due: now,
            pokes,
            teller,
            policy,
        })
    }

    /// Runs until the daemon may exit, or `stop` has been asked for so long ago that it must.
    pub(super) async fn run(mut self, mut inbox: Inbox) {
        loop {
            self.look_at_clock();
            let decision = decide::decide(&self.policy, &self.memory, &self.facts);
            let may_exit = decision.may_exit;
            tracing::trace!(pair = self.policy.pair, "decided {:?}", decision.watch.pace);
            self.obey(decision);
            self.teller.turned(clock::now().since(self.facts.now));
            tracing::trace!(pair = self.policy.pair, "obeyed");
            if may_exit && self.store.is_idle() {
                break;
            }
            while !self.hear(&mut inbox).await {}
            while self.hear_more(&mut inbox) {}
        }
        self.store.finish(super::STOP_WITHIN).await;
    }

    /// Reads the time once for this round; a round that comes late voids what was missed meanwhile.
    fn look_at_clock(&mut self) {
        let now = clock::now();
        if now.since(self.due) > self.policy.hang.interval {
            self.facts.late_at = Some(now);
        }
        self.facts.now = now;
        let wall = clock::wall()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        self.facts.wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
    }

    /// Remembers, stores, acts and reports, in this order.
    fn obey(&mut self, decision: Decision) {
        self.actor.set_epoch(
            decision
                .memory
                .durable
                .register
                .as_ref()
                .map_or(0, |register| register.epoch),
        );
        self.store.keep(&decision.memory.durable, &mut self.facts);
        self.teller.decided(&self.policy, &self.facts, &decision);
        for step in &decision.plan {
            self.begin(step);
        }
        for reply in &decision.replies {
            if let Some(waiting) = self.waiting.remove(&reply.id) {
                let _ = waiting.send(reply.clone());
            }
        }
        self.facts.requests.clear();
        let rested = self.watch.borrow().pace == Pace::Rest;
        if decision.watch.pace != Pace::Rest && rested {
            self.pokes.all();
        }
        self.watch.send_if_modified(|watch| {
            let changed = *watch != decision.watch;
            *watch = decision.watch;
            changed
        });
        self.set_alarm(decision.wake_at);
        self.memory = decision.memory;
    }

    fn begin(&mut self, step: &Step) {
        let work = absorb::work(&mut self.facts, step.action.side());
        if work.running.insert(step.action.kind()) {
            self.teller.begun(&self.policy, &self.facts, step);
            self.actor.begin(step.clone());
        }
    }

    /// The loop runs at least once per probe interval, so that it notices when it did not, and as often
    /// as the service manager asks.
    fn set_alarm(&mut self, wake_at: Timestamp) {
        let tick = self.facts.now.until_tick(self.policy.hang.interval);
        let pause = self
            .teller
            .turn_within()
            .map_or(tick, |within| tick.min(within));
        self.due = wake_at.min(self.facts.now + pause);
        if let Err(error) = self.alarm.set(self.due) {
            tracing::error!(%error, "cannot set the timer");
        }
    }

    /// Waits for one event. Returns whether to decide anew.
    async fn hear(&mut self, inbox: &mut Inbox) -> bool {
        tokio::select! {
            biased;
            Some(seen) = inbox.seen.recv() => self.take_seen(seen),
            Some(ended) = inbox.ended.recv() => self.take_ended(ended),
            Some(stored) = self.store.answers.recv() => self.take_stored(&stored),
            Some(asked) = inbox.asked.recv() => self.take_request(asked),
            Ok(()) = inbox.policy.changed() => {
                self.policy = inbox.policy.borrow_and_update().clone();
                true
            }
            Ok(()) = inbox.stop.changed() => {
                self.facts.stopping = *inbox.stop.borrow_and_update();
                true
            }
            Ok(()) = inbox.refused.changed() => {
                self.facts.config_refused = inbox.refused.borrow_and_update().clone();
                true
            }
            _ = self.alarm.wait() => true,
        }
    }

    /// Takes in what has already come, so that one decision sees all of it.
    fn hear_more(&mut self, inbox: &mut Inbox) -> bool {
        if let Ok(seen) = inbox.seen.try_recv() {
            self.take_seen(seen);
        } else if let Ok(ended) = inbox.ended.try_recv() {
            self.take_ended(ended);
        } else if let Ok(stored) = self.store.answers.try_recv() {
            self.take_stored(&stored);
        } else {
            return false;
        }
        true
    }

    fn take_seen(&mut self, seen: Seen) -> bool {
        tracing::trace!(pair = self.policy.pair, "seen {}", seen.brief());
        if let Seen::Look(side, look) = &seen
            && let Ok(look) = &**look
            && self.warm[*side].as_ref() != Some(&look.incarnation)
        {
            self.warm[*side] = Some(look.incarnation.clone());
            self.actor.warm_up(*side);
        }
        self.teller.seen(&seen);
        // While something is under way, every answer may be the one that is waited for.
        absorb::seen(&mut self.facts, seen) || self.watch.borrow().pace != Pace::Rest
    }

    fn take_ended(&mut self, ended: Ended) -> bool {
        tracing::trace!(
            pair = self.policy.pair,
            "ended {:?}",
            ended.step.action.kind()
        );
        self.teller.ended(&ended);
        self.pokes.after(&ended.step.action);
        if let (Action::Bootstrap { side }, Ok(_)) = (&ended.step.action, &ended.result) {
            self.actor.warm_up(*side);
        }
        if self.watch.borrow().pace == Pace::Urgent {
            // What comes next may rest on a look at the other member that was sent after this end.
            self.pokes.all();
        }
        absorb::ended(&mut self.facts, ended);
        true
    }

    fn take_stored(&mut self, stored: &Stored) -> bool {
        tracing::trace!(pair = self.policy.pair, "stored {}", stored.token);
        self.store.take(stored, &mut self.facts);
        true
    }

    fn take_request(&mut self, asked: Asked) -> bool {
        self.waiting.insert(asked.request.id, asked.reply);
        self.facts.requests.push(asked.request);
        true
    }
}
