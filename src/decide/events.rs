//! Scheduled events run at the open writer alone.

use crate::model::action::{Action, ActionKind};
use crate::model::member::Side;

use super::serve;
use super::turn::Turn;

/// Enables at a new writer what was enabled at the old one, then lets its scheduler run; the reader's
/// stands still.
pub(super) fn steps(turn: &mut Turn<'_>, writer: Side) {
    if !turn.policy.events {
        return;
    }
    let reader = writer.peer();
    if turn.server(reader).is_some_and(|look| look.events_on) {
        let off = Action::SetEvents {
            side: reader,
            on: false,
        };
        turn.act(off);
    }
    if !serve::is_open(turn, writer) || !handed_over(turn, writer) {
        return;
    }
    if turn.server(writer).is_some_and(|look| !look.events_on) {
        let on = Action::SetEvents {
            side: writer,
            on: true,
        };
        turn.act(on);
    }
}

/// The first writer of a pair has nothing to take over.
fn handed_over(turn: &mut Turn<'_>, writer: Side) -> bool {
    let epoch = turn.epoch();
    if turn.memory.durable.events_epoch == epoch {
        return true;
    }
    let done = turn
        .work(Some(writer))
        .done_since(ActionKind::HandOverEvents, turn.memory.moved_at)
        .is_some();
    if epoch == 1 || done {
        turn.memory.durable.events_epoch = epoch;
        return true;
    }
    turn.act(Action::HandOverEvents { side: writer });
    false
}
