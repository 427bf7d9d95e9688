//! What a round asks of everything around it.

use crate::decide::{Decision, Watch};
use crate::model::action::Step;
use crate::model::facts::Facts;
use crate::model::member::Side;
use crate::model::policy::Policy;
use crate::model::request::Reply;
use crate::model::time::Timestamp;

/// Everything around a pair's loop. Each call returns at once; what comes of it is taken in later.
pub trait Outside {
    /// From here on a step that was decided in another epoch of the register is not begun.
    fn set_epoch(&mut self, epoch: u64);

    /// The memory is to be stored under this token, which grows with each call. The answer to a later token
    /// stands for all before it.
    fn store(&mut self, token: u64, payload: Vec<u8>);

    /// This was decided, and handed over to be stored.
    fn report(&mut self, policy: &Policy, facts: &Facts, decision: &Decision);

    /// A step of the plan begins; its end is taken in later.
    fn begin(&mut self, policy: &Policy, facts: &Facts, step: &Step);

    /// An operator gets his answer.
    fn reply(&mut self, reply: &Reply);

    /// This is what the observers are to ask from now on.
    fn watch(&mut self, watch: Watch);

    /// A server is to be looked at without waiting for the interval.
    fn look_at(&mut self, side: Side);

    /// A member's files are to be looked at.
    fn inspect(&mut self, side: Side);

    /// The endpoint is to be looked at.
    fn look_at_endpoint(&mut self);

    /// A server has just begun to answer: sessions are to be opened ahead.
    fn warm_up(&mut self, side: Side);

    /// The next round is due at this moment at the latest, in place of the one that was said before.
    fn wake(&mut self, at: Timestamp);
}
