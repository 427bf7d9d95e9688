//! What is planned: nothing that is under way, has just failed, or whose effect nobody has looked at since.

use std::time::Duration;

use super::Turn;
use crate::model::action::{Action, ActionKind, Step};
use crate::model::time::Timestamp;

/// The same action is not repeated sooner than this after it succeeded.
const AGAIN: Duration = Duration::from_millis(200);

impl Turn<'_> {
    /// Plans an action unless one of its kind is under way, has just failed, or has ended with nobody
    /// having looked since. Returns whether it was planned.
    pub(in crate::decide) fn act(&mut self, action: Action) -> bool {
        let (side, kind) = (action.side(), action.kind());
        let work = self.work(side);
        if let Some(at) = work.next_try(kind).filter(|at| *at > self.now()) {
            self.wake(at);
            return false;
        }
        let planned = self
            .plan
            .iter()
            .any(|step| step.action.kind() == kind && step.action.side() == side);
        if planned || work.runs(kind) || !self.looked_since_done(&action) {
            return false;
        }
        if let Some(at) = self.again_at(&action).filter(|at| *at > self.now()) {
            self.wake(at);
            return false;
        }
        self.plan.push(Step {
            op: self.op,
            epoch: self.epoch(),
            action,
        });
        true
    }

    /// The very same action succeeded, and what is seen asks for it again: somebody undid it, or it had
    /// no effect. Not at once, so that the two do not fight in a tight loop.
    fn again_at(&self, action: &Action) -> Option<Timestamp> {
        let repeats = matches!(
            action.kind(),
            ActionKind::Route
                | ActionKind::CloseSessions
                | ActionKind::DestroyClients
                | ActionKind::Hook
                | ActionKind::Gate
                | ActionKind::Kill
        );
        let done = self
            .work(action.side())
            .done_since(action.kind(), Timestamp::BOOT)?;
        let same = !repeats && done.action == *action;
        same.then(|| done.at + AGAIN)
    }

    /// The last action of this kind ended before what its effect is seen by was looked at.
    fn looked_since_done(&self, action: &Action) -> bool {
        let (side, kind) = (action.side(), action.kind());
        let Some(done) = self.work(side).done_since(kind, Timestamp::BOOT) else {
            return true;
        };
        let Some(side) = side else {
            return self
                .facts
                .endpoint
                .as_ref()
                .is_some_and(|endpoint| endpoint.at >= done.at);
        };
        let member = self.member(side);
        match kind {
            ActionKind::WriteFiles | ActionKind::Initialise => member
                .instance
                .as_ref()
                .is_some_and(|instance| instance.at >= done.at),
            ActionKind::Start
            | ActionKind::Kill
            | ActionKind::Cut
            | ActionKind::Forget
            | ActionKind::Walk => member
                .process
                .as_ref()
                .is_some_and(|process| process.at >= done.at),
            ActionKind::Bootstrap => {
                member
                    .server
                    .as_ref()
                    .is_some_and(|server| server.asked >= done.at)
                    || member
                        .server_error
                        .as_ref()
                        .is_some_and(|error| error.at >= done.at)
            }
            // What these bring is their outcome itself.
            ActionKind::Classify | ActionKind::SaveRelay | ActionKind::SaveOwn => true,
            ActionKind::DestroyClients
            | ActionKind::CloseSessions
            | ActionKind::Route
            | ActionKind::Hook
            | ActionKind::Gate => true,
            ActionKind::CreateApp
            | ActionKind::Close
            | ActionKind::Open
            | ActionKind::ArmSource
            | ActionKind::DisarmSource
            | ActionKind::SetAckTimeout
            | ActionKind::Point
            | ActionKind::ResetLink
            | ActionKind::StartReceiver
            | ActionKind::StopReceiver
            | ActionKind::StartApplier
            | ActionKind::StopApplier
            | ActionKind::SetEvents
            | ActionKind::HandOverEvents
            | ActionKind::PurgeBinlogs => member
                .server
                .as_ref()
                .is_some_and(|server| server.asked >= done.at),
        }
    }
}
