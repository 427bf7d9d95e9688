//! Where the orders of a round go: the storing thread, the actor, the observers, the timer, who is told.

use std::collections::BTreeMap;

use tokio::sync::{oneshot, watch};

use super::Pokes;
use crate::act::Actor;
use crate::daemon::clock::Alarm;
use crate::daemon::rounds::Outside;
use crate::daemon::tell::Teller;
use crate::decide::{Decision, Watch};
use crate::model::action::Step;
use crate::model::facts::Facts;
use crate::model::member::Side;
use crate::model::policy::Policy;
use crate::model::request::Reply;
use crate::model::time::Timestamp;
use crate::store::writer::StoreWriter;

/// The real things around a pair's loop.
pub(super) struct Outlets {
    pub(super) writer: StoreWriter,
    pub(super) actor: Actor,
    pub(super) observers: watch::Sender<Watch>,
    pub(super) pokes: Pokes,
    pub(super) alarm: Alarm,
    pub(super) teller: Teller,
    /// Who waits for an answer, by the number of what was asked.
    pub(super) waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
}

impl Outside for Outlets {
    fn set_epoch(&mut self, epoch: u64) {
        self.actor.set_epoch(epoch);
    }

    fn store(&mut self, token: u64, payload: Vec<u8>) {
        self.writer.submit(token, payload);
    }

    fn report(&mut self, policy: &Policy, facts: &Facts, decision: &Decision) {
        self.teller.decided(policy, facts, decision);
    }

    fn begin(&mut self, policy: &Policy, facts: &Facts, step: &Step) {
        let recorded = self.teller.begun(policy, facts, step);
        self.actor.begin(step.clone(), recorded);
    }

    fn reply(&mut self, reply: &Reply) {
        if let Some(waiting) = self.waiting.remove(&reply.id) {
            let _ = waiting.send(reply.clone());
        }
    }

    fn watch(&mut self, watch: Watch) {
        self.observers.send_replace(watch);
    }

    fn look_at(&mut self, side: Side) {
        self.pokes.members[side].look.notify_one();
    }

    fn inspect(&mut self, side: Side) {
        self.pokes.members[side].instance.notify_one();
    }

    fn look_at_endpoint(&mut self) {
        self.pokes.endpoint.notify_one();
    }

    fn warm_up(&mut self, side: Side) {
        self.actor.warm_up(side);
    }

    fn wake(&mut self, at: Timestamp) {
        if let Err(error) = self.alarm.set(at) {
            tracing::error!(%error, "cannot set the timer");
        }
    }
}
