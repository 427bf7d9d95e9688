//! The register's writer serves: open it, keep the other closed, sweep what is left of the old role.

mod open_rule;

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::finding::Kind;
use crate::model::member::Side;
use crate::model::memory::Why;
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;

use super::switchover::is_armed;
use super::turn::Turn;

/// How long the deposed side's sessions are ended again and again after a role change: pools reconnect.
const SWEEP: Duration = Duration::from_millis(400);

/// Plans what the roles ask for. `Err`: the writer may not be opened, and nobody else may either.
pub(super) fn steps(turn: &mut Turn<'_>, writer: Side) -> Result<(), Why> {
    close_reader(turn, writer.peer());
    let opened = open_writer(turn, writer)?;
    if opened {
        create_app(turn, writer);
    }
    sweep(turn, writer);
    Ok(())
}

/// The writer accepts writes, by its newest look or by the open that has just succeeded.
pub(super) fn is_open(turn: &Turn<'_>, writer: Side) -> bool {
    let Some(look) = turn.server(writer) else {
        return false;
    };
    let opened = turn
        .work(Some(writer))
        .done_since(ActionKind::Open, Timestamp::BOOT);
    let closed_at = turn.done_at(writer, ActionKind::Close);
    let just_opened = opened.is_some_and(|done| {
        // An open of an earlier life opened nothing here.
        done.at > look.asked.max(closed_at) && done.begun >= turn.memory.lives_since[writer]
    });
    look.writable || just_opened
}

/// The reader refuses writes, whoever opened it; the set-up of its accounts, which opens it for
/// administrators, closes it itself.
fn close_reader(turn: &mut Turn<'_>, reader: Side) {
    let set_up = !turn.work(Some(reader)).runs(ActionKind::Bootstrap);
    let Some(look) = turn.server(reader).filter(|_| set_up) else {
        return;
    };
    if !look.is_closed() {
        let (kind, detail) = match look.writable {
            true => (
                Kind::BothWritable,
                "the reader accepts writes and is closed",
            ),
            false => (
                Kind::UnsafeSettings,
                "super_read_only is off at the reader: administrators could write; it is closed",
            ),
        };
        turn.find_at(reader, kind, detail);
        turn.act(Action::Close { side: reader });
    }
}

fn open_writer(turn: &mut Turn<'_>, writer: Side) -> Result<bool, Why> {
    let Some(look) = turn.server(writer) else {
        return Ok(false);
    };
    // The set-up of its accounts closes what it found closed: what is opened meanwhile does not last.
    if !turn.is_settled(writer, ActionKind::Bootstrap) {
        turn.hurry = true;
        return Ok(false);
    }
    if is_open(turn, writer) {
        return Ok(true);
    }
    turn.hurry = true;
    name_closed_by_hand(turn, writer, look);
    // A standby that the register names has everything acknowledged: unarmed, an open writer would
    // acknowledge alone. `sync` gives the name up first.
    let named = turn
        .register()
        .is_some_and(|register| register.in_sync.is_some());
    let acknowledges_alone = named && !is_armed(turn, &look.semi_sync);
    if acknowledges_alone || !turn.register_is_stored() {
        return Ok(false);
    }
    if !open_rule::may_open(turn, writer, look)? {
        return Ok(false);
    }
    turn.act(Action::Open { side: writer });
    Ok(false)
}

/// It was opened in this life, and was found closed though nobody here has closed it since.
fn name_closed_by_hand(turn: &mut Turn<'_>, writer: Side, look: &ServerFact) {
    let opened = turn.done_at(writer, ActionKind::Open);
    let closed = turn.work(Some(writer)).ended_at(ActionKind::Close);
    let by_us = closed.is_some_and(|closed| closed >= opened);
    if opened > turn.memory.lives_since[writer] && look.asked >= opened && !by_us {
        turn.find_at(writer, Kind::WriterClosedByHand, "it is opened again");
    }
}

fn create_app(turn: &mut Turn<'_>, writer: Side) {
    if !turn.policy.app || turn.memory.durable.app_created {
        return;
    }
    if turn
        .work(Some(writer))
        .done_since(ActionKind::CreateApp, Timestamp::BOOT)
        .is_some()
    {
        turn.memory.durable.app_created = true;
        return;
    }
    turn.act(Action::CreateApp { side: writer });
}

/// Sessions that were opened on the old side before the endpoint moved are ended, repeatedly for a while.
fn sweep(turn: &mut Turn<'_>, writer: Side) {
    let Some(until) = turn.memory.sweep_until else {
        return;
    };
    let old = writer.peer();
    if turn.now() >= until {
        turn.memory.sweep_until = None;
    } else if turn.server(old).is_some() && is_open(turn, writer) {
        let last = turn
            .work(Some(old))
            .ended_at(ActionKind::CloseSessions)
            .unwrap_or(Timestamp::BOOT);
        let next = last + Duration::from_millis(100);
        if turn.now() >= next {
            turn.act(Action::CloseSessions { side: old });
        }
        turn.wake(next.max(turn.now() + Duration::from_millis(20)));
    } else {
        turn.wake(until);
    }
}

/// From now on the other side's old sessions are swept.
pub(super) fn begin_sweep(turn: &mut Turn<'_>) {
    turn.memory.sweep_until = Some(turn.now() + SWEEP);
}
