//! Who is asked to look at once, and when.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::model::action::{Action, ActionKind};
use crate::model::member::{Both, Side};

/// How observers are asked to look at once.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Pokes {
    pub(in crate::daemon) members: Both<MemberPokes>,
    pub(in crate::daemon) endpoint: Arc<Notify>,
}

/// How one member's observers are asked to look at once.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct MemberPokes {
    pub(in crate::daemon) look: Arc<Notify>,
    pub(in crate::daemon) instance: Arc<Notify>,
}

impl Pokes {
    /// What an action may have changed is looked at.
    pub(super) fn after(&self, action: &Action) {
        match action.side() {
            Some(side) => {
                self.members[side].look.notify_one();
                if matches!(
                    action.kind(),
                    ActionKind::WriteFiles
                        | ActionKind::Initialise
                        | ActionKind::Start
                        | ActionKind::Cut
                        | ActionKind::Forget
                ) {
                    self.members[side].instance.notify_one();
                }
            }
            None => self.endpoint.notify_one(),
        }
    }

    /// An operation begins, or goes on: what it waits for is looked at without waiting for the interval.
    pub(super) fn all(&self) {
        for side in Side::BOTH {
            self.members[side].look.notify_one();
        }
    }
}
