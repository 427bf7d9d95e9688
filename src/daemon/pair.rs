//! The loop of one pair on the real things: it waits for what comes, and each round's orders go out.

mod outlets;
mod pokes;
mod state;

use std::collections::BTreeMap;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{mpsc, watch};

use super::clock::{self, Alarm};
use super::rounds::Rounds;
use super::tell::Teller;
use crate::act::{Actor, Ended};
use crate::control::desk::Asked;
use crate::decide::Watch;
use crate::model::incarnation::Incarnation;
use crate::model::memory::Durable;
use crate::model::policy::Policy;
use crate::model::process::ProcessState;
use crate::observe::Seen;
use crate::runtime::proc;
use crate::store::slots::{Slots, SlotsError};
use crate::store::writer::{StoreWriter, Stored};

use self::outlets::Outlets;
pub(super) use self::pokes::Pokes;
use self::state::finish;
pub(super) use self::state::open_state;

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
    rounds: Rounds,
    outlets: Outlets,
    /// What became of what was to be stored.
    stored: UnboundedReceiver<Stored>,
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
        let boot = proc::boot_id()
            .map_err(|error| refused("read the boot id")(std::io::Error::other(error)))?;
        let alarm = Alarm::new().map_err(refused("make a timer"))?;
        let (writer, stored) =
            StoreWriter::start(slots).map_err(refused("start the storing thread"))?;
        let turn_within = teller.turn_within();
        Ok(Self {
            rounds: Rounds::new(policy, durable, boot, clock::now(), turn_within),
            outlets: Outlets {
                writer,
                actor,
                observers: watch,
                pokes,
                alarm,
                teller,
                waiting: BTreeMap::new(),
            },
            stored,
        })
    }

    /// Runs until the daemon may exit, or `stop` has been asked for so long ago that it must.
    pub(super) async fn run(mut self, mut inbox: Inbox) {
        loop {
            let now = clock::now();
            let may_exit = self.rounds.turn(now, clock::wall_ms(), &mut self.outlets);
            self.outlets.teller.turned(clock::now().since(now));
            if may_exit {
                break;
            }
            while !self.hear(&mut inbox).await {}
            while self.hear_more(&mut inbox) {}
        }
        finish(self.outlets.writer, super::STOP_WITHIN).await;
    }

    /// Waits for one event. Returns whether to decide anew.
    async fn hear(&mut self, inbox: &mut Inbox) -> bool {
        tokio::select! {
            biased;
            Some(seen) = inbox.seen.recv() => self.take_seen(seen),
            Some(ended) = inbox.ended.recv() => self.take_ended(ended),
            Some(stored) = self.stored.recv() => self.rounds.stored(&stored, clock::now()),
            Some(asked) = inbox.asked.recv() => self.take_request(asked),
            Ok(()) = inbox.policy.changed() => {
                self.rounds.follow(inbox.policy.borrow_and_update().clone())
            }
            Ok(()) = inbox.stop.changed() => self.rounds.stop(*inbox.stop.borrow_and_update()),
            Ok(()) = inbox.refused.changed() => {
                self.rounds.config_refused(inbox.refused.borrow_and_update().clone())
            }
            _ = self.outlets.alarm.wait() => true,
        }
    }

    /// Takes in what has already come, so that one decision sees all of it.
    fn hear_more(&mut self, inbox: &mut Inbox) -> bool {
        if let Ok(seen) = inbox.seen.try_recv() {
            self.take_seen(seen);
        } else if let Ok(ended) = inbox.ended.try_recv() {
            self.take_ended(ended);
        } else if let Ok(stored) = self.stored.try_recv() {
            self.rounds.stored(&stored, clock::now());
        } else {
            return false;
        }
        true
    }

    fn take_seen(&mut self, seen: Seen) -> bool {
        self.outlets.teller.seen(&seen);
        self.rounds.seen(seen, process_now, &mut self.outlets)
    }

    fn take_ended(&mut self, ended: Ended) -> bool {
        self.outlets.teller.ended(&ended);
        self.rounds.ended(ended, &mut self.outlets)
    }

    fn take_request(&mut self, asked: Asked) -> bool {
        self.outlets.waiting.insert(asked.request.id, asked.reply);
        self.rounds.asked(asked.request)
    }
}

/// What the kernel says of a life at this moment.
fn process_now(life: &Incarnation) -> Option<ProcessState> {
    proc::look(life).ok().map(|look| look.state.into())
}
