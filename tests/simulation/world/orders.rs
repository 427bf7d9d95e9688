//! What a round of the loop ordered, in its order.

use dualmasterd::daemon::rounds::Outside;
use dualmasterd::decide::{Decision, Watch};
use dualmasterd::model::action::Step;
use dualmasterd::model::facts::Facts;
use dualmasterd::model::finding::Finding;
use dualmasterd::model::member::Side;
use dualmasterd::model::policy::Policy;
use dualmasterd::model::request::Reply;
use dualmasterd::model::time::Timestamp;

/// One order.
pub enum Order {
    Epoch(u64),
    Store(u64, Vec<u8>),
    Report {
        findings: Vec<Finding>,
        wake_at: Timestamp,
    },
    Begin(Step),
    Reply(Reply),
    Watch(Watch),
    LookAt(Side),
    Inspect(Side),
    LookAtEndpoint,
    Wake(Timestamp),
}

/// Orders that are still to be followed.
#[derive(Default)]
pub struct Orders(pub Vec<Order>);

impl Outside for Orders {
    fn set_epoch(&mut self, epoch: u64) {
        self.0.push(Order::Epoch(epoch));
    }

    fn store(&mut self, token: u64, payload: Vec<u8>) {
        self.0.push(Order::Store(token, payload));
    }

    fn report(&mut self, _: &Policy, _: &Facts, decision: &Decision) {
        self.0.push(Order::Report {
            findings: decision.findings.clone(),
            wake_at: decision.wake_at,
        });
    }

    fn begin(&mut self, _: &Policy, _: &Facts, step: &Step) {
        self.0.push(Order::Begin(step.clone()));
    }

    fn reply(&mut self, reply: &Reply) {
        self.0.push(Order::Reply(reply.clone()));
    }

    fn watch(&mut self, watch: Watch) {
        self.0.push(Order::Watch(watch));
    }

    fn look_at(&mut self, side: Side) {
        self.0.push(Order::LookAt(side));
    }

    fn inspect(&mut self, side: Side) {
        self.0.push(Order::Inspect(side));
    }

    fn look_at_endpoint(&mut self) {
        self.0.push(Order::LookAtEndpoint);
    }

    /// Sessions that are opened ahead change nothing here.
    fn warm_up(&mut self, _: Side) {}

    fn wake(&mut self, at: Timestamp) {
        self.0.push(Order::Wake(at));
    }
}
