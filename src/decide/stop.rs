//! A clean stop of the daemon: servers and roles stay, and nobody promotes until it is back.

use crate::model::action::{Action, ActionKind};
use crate::model::memory::{Pause, PausedBy, State};

use super::turn::Turn;

/// What a clean stop leaves as the longest wait of a commit, so that a reader's reboot cannot freeze
/// writes while nobody watches.
const UNWATCHED_ACK_MS: u64 = 10_000;

/// A clean stop: a pause on record, then a bounded wait for commits; servers and roles stay.
pub(super) fn stop_cleanly(turn: &mut Turn<'_>) -> bool {
    if !turn.facts.stopping
        || matches!(turn.memory.state, State::Switching(_) | State::Promoting(_))
    {
        return false;
    }
    if let Some(register) = &mut turn.memory.durable.register {
        register.in_sync = None;
    }
    if turn.memory.durable.pause.is_none() && turn.register().is_some() {
        let reason = "the daemon was stopped".into();
        turn.memory.durable.pause = Some(Pause {
            by: PausedBy::CleanStop,
            reason,
            until_ms: None,
        });
    }
    let stored = turn.facts.stored.as_ref().is_some_and(|stored| {
        stored.pause == turn.memory.durable.pause && stored.register == turn.memory.durable.register
    });
    let Some(writer) = turn.memory.writer() else {
        return true;
    };
    if !stored || turn.work(Some(writer)).runs(ActionKind::ArmSource) {
        return false;
    }
    let endless = turn.server(writer).is_some_and(|look| {
        let done = turn.done_at(writer, ActionKind::SetAckTimeout);
        look.semi_sync.source_on
            && look.semi_sync.timeout_ms > UNWATCHED_ACK_MS
            && look.asked >= done
    });
    if endless && turn.is_lossless() {
        turn.act(Action::SetAckTimeout {
            side: writer,
            timeout_ms: UNWATCHED_ACK_MS,
        });
        return turn
            .work(Some(writer))
            .done_since(ActionKind::SetAckTimeout, turn.memory.lives_since[writer])
            .is_some();
    }
    true
}
