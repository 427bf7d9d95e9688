//! A planned switchover, up to the moment the register moves: close, sweep, read, drain, arm.
//!
//! Nothing here is stored: a daemon that dies on the way finds the old writer in the register and opens
//! it again.

use crate::model::action::{Action, ActionKind, Brought};
use crate::model::member::Side;
use crate::model::memory::{OpEnded, Stage, Switch};
use crate::model::policy::{Durability, HookEvent};
use crate::model::server::{ENDLESS_MS, SemiSync};

use super::link::runs_plain;
use super::promote::{Progress, gating_hook};
use super::strays::{barring, is_asked, look_up, told};
use super::turn::Turn;

/// Plans the next steps; changes the stage as each is proven.
pub(super) fn steps(turn: &mut Turn<'_>, switch: &mut Switch) -> Progress {
    turn.op = Some(switch.op);
    turn.hurry = true;
    // A hook that has to agree has a limit of its own.
    if turn.facts.pair.runs(ActionKind::Gate) {
        switch.clock = turn.now();
    }
    let deadline = switch.clock + turn.policy.switchover.deadline;
    turn.wake(deadline);
    if switch.stage != Stage::Undoing {
        let late = turn.now() >= deadline;
        let failed = if late {
            Err(format!(
                "not done after {:?}",
                turn.policy.switchover.deadline
            ))
        } else {
            Ok(())
        };
        if let Err(why) = failed.and_then(|()| advance(turn, switch)) {
            turn.memory.last_op = Some(OpEnded {
                op: switch.op,
                result: Err(why.clone()),
            });
            switch.stage = Stage::Undoing;
            switch.why = why;
        }
    }
    if switch.stage == Stage::Undoing && undone(turn, switch.to) {
        Progress::Failed(switch.why.clone())
    } else if turn.memory.writer() == Some(switch.to) {
        Progress::Moved
    } else {
        Progress::Going
    }
}

/// Goes through the stages as far as what is seen allows.
fn advance(turn: &mut Turn<'_>, switch: &mut Switch) -> Result<(), String> {
    let from = switch.to.peer();
    if turn.is_dead(switch.to) {
        return Err(format!("{} died", turn.policy.name(switch.to)));
    }
    if switch.stage == Stage::Checking {
        look_up(turn, switch.to);
        if is_asked(turn, switch.to) {
            return Ok(());
        }
    }
    if !barring(turn, switch.to)
        .subtract(&switch.accepted)
        .is_empty()
    {
        let (name, own) = (turn.policy.name(switch.to), told(turn, switch.to));
        return Err(format!("{name} has transactions of its own by now: {own}"));
    }
    if switch.stage == Stage::Checking {
        match gating_hook(turn, HookEvent::PreSwitchover, switch.to, switch.since) {
            Some(Progress::Failed(why)) => return Err(why),
            Some(_) => return Ok(()),
            None => {}
        }
        // Our own heartbeat must not move the position once it was read.
        if turn.member(from).probes.heartbeat.pending_since.is_some() {
            return Ok(());
        }
        // A member that answers late now would make writes wait: MySQL while a source side is switched
        // off, after the last switchover, for up to 1.1 s.
        let ready =
            |side| turn.server_since(side, switch.since).is_some() && !is_at_work(turn, side);
        if !Side::BOTH.into_iter().all(ready) {
            return Ok(());
        }
        switch.stage = Stage::Closing;
    }
    if switch.stage == Stage::Closing
        && ended(turn, switch, Some(from), &Action::Close { side: from })?
    {
        switch.stage = Stage::Sweeping;
    }
    if switch.stage == Stage::Sweeping && swept(turn, switch, from)? {
        switch.stage = Stage::Reading;
    }
    if switch.stage == Stage::Reading {
        read_twice(turn, switch, from)?;
    }
    if switch.stage == Stage::Draining && drained(turn, switch) {
        switch.stage = Stage::Arming;
    }
    if switch.stage == Stage::Arming {
        arm(turn, switch)?;
    }
    Ok(())
}

/// Something that would cross the roles' change is under way: an open that came late would open the old writer
/// beside the new one.
pub(super) fn is_at_work(turn: &Turn<'_>, side: Side) -> bool {
    let crossing = [
        ActionKind::Open,
        ActionKind::Bootstrap,
        ActionKind::StartApplier,
        ActionKind::ArmSource,
        ActionKind::DisarmSource,
        ActionKind::SetAckTimeout,
    ];
    let work = turn.work(Some(side));
    crossing.into_iter().any(|kind| work.runs(kind))
}

/// The action was done since the switchover began; it is planned where it was not.
fn ended(
    turn: &mut Turn<'_>,
    switch: &Switch,
    side: Option<Side>,
    action: &Action,
) -> Result<bool, String> {
    match turn
        .work(side)
        .ended
        .get(&action.kind())
        .filter(|ended| ended.begun >= switch.since)
    {
        Some(ended) => match &ended.result {
            Ok(_) => Ok(true),
            Err(error) => Err(error.to_string()),
        },
        None => {
            turn.act(action.clone());
            Ok(false)
        }
    }
}

/// Sessions that could write were ended, and none of their accounts came back; one that comes back twice
/// would go on writing.
fn swept(turn: &mut Turn<'_>, switch: &mut Switch, from: Side) -> Result<bool, String> {
    let sweep = Action::CloseSessions { side: from };
    let since = switch.returned.as_ref().map_or(switch.since, |(_, at)| *at);
    let last = turn.work(Some(from)).ended.get(&sweep.kind());
    let Some(last) = last.filter(|last| last.begun >= since) else {
        turn.act(sweep);
        return Ok(false);
    };
    let returned = match &last.result {
        Ok(Brought::Closed { returned, .. }) if !returned.is_empty() => returned,
        Ok(_) => return Ok(true),
        Err(error) => return Err(error.to_string()),
    };
    let (before, _) = switch.returned.take().unwrap_or_default();
    let twice: Vec<_> = returned.iter().filter(|who| before.contains(who)).collect();
    if let Some(who) = twice.first() {
        return Err(format!(
            "{who} may write through read-only and came back twice: stop it, or take that right from it"
        ));
    }
    switch.returned = Some((returned.clone(), last.at));
    turn.act(sweep);
    Ok(false)
}

/// The position that was read when the last session was gone, and the same again in a look after that;
/// in two looks where it was another one.
fn read_twice(turn: &mut Turn<'_>, switch: &mut Switch, from: Side) -> Result<(), String> {
    let swept = turn.done_at(from, ActionKind::CloseSessions);
    if switch.position.is_none() {
        let work = turn.work(Some(from));
        let ended = work.done_since(ActionKind::CloseSessions, switch.since);
        if let Some(Ok(Brought::Closed { position, .. })) = ended.map(|ended| &ended.result) {
            switch.position = Some((position.clone(), swept));
        }
    }
    let Some(look) = turn.server_since(from, swept) else {
        return Ok(());
    };
    if !look.is_closed() {
        return Err("somebody opened the writer again".into());
    }
    if look.prepared_xa > 0 {
        return Err(format!(
            "{} prepared XA transactions are open",
            look.prepared_xa
        ));
    }
    match &switch.position {
        Some((position, read)) if look.asked >= *read && *position == look.executed => {
            switch.stage = Stage::Draining;
        }
        Some((position, _)) if *position == look.executed => {}
        _ => switch.position = Some((look.executed.clone(), look.at)),
    }
    Ok(())
}

/// The next writer has executed all of it, and its applier is stopped: its gate.
fn drained(turn: &mut Turn<'_>, switch: &Switch) -> bool {
    let (Some(look), Some((position, read))) = (turn.server(switch.to), &switch.position) else {
        return false;
    };
    let Some(link) = look.link.as_ref().filter(|_| look.asked >= *read) else {
        return false;
    };
    if !look.executed.contains(position) || !look.executed.contains(&link.received) || link.half {
        return false;
    }
    if link.applier && !turn.stopped_since(switch.to, look) {
        turn.act(Action::StopApplier { side: switch.to });
        return false;
    }
    true
}

/// Its source side waits for the old writer, and that was read back: then the register moves.
fn arm(turn: &mut Turn<'_>, switch: &mut Switch) -> Result<(), String> {
    let (to, from) = (switch.to, switch.to.peer());
    let Some(look) = turn.server(to) else {
        return Ok(());
    };
    let timeout_ms = ack_timeout(turn);
    let armed = look.asked >= turn.done_at(to, ActionKind::ArmSource).max(switch.since);
    // The one client has to be the old writer.
    let acknowledges = turn.server(from).is_some_and(|old| !runs_plain(old));
    if !armed || !is_armed(turn, &look.semi_sync) || look.semi_sync.clients != 1 || !acknowledges {
        turn.act(Action::ArmSource {
            side: to,
            timeout_ms,
        });
        return Ok(());
    }
    if look.link.as_ref().is_none_or(|link| link.applier) {
        switch.stage = Stage::Draining;
        return Ok(());
    }
    let Some(old_life) = turn
        .process(from)
        .and_then(|process| process.living())
        .cloned()
    else {
        return Err(format!("{} died", turn.policy.name(from)));
    };
    let Some(register) = turn.register().cloned() else {
        return Ok(());
    };
    let made = turn
        .server(from)
        .map(|writer| turn.made_by(from, &writer.executed));
    turn.memory.durable.line[from] = made.unwrap_or_default();
    turn.move_register(
        register.switched(to, old_life),
        switch.op,
        true,
        switch.why.clone(),
    );
    Ok(())
}

/// How long a commit waits for the standby, in milliseconds.
pub(super) fn ack_timeout(turn: &Turn<'_>) -> u64 {
    match turn.policy.durability {
        Durability::Lossless => ENDLESS_MS,
        Durability::Available => {
            u64::try_from(turn.policy.ack_timeout.as_millis()).unwrap_or(ENDLESS_MS)
        }
    }
}

/// Every setting that the policy's durability rests on was read back.
pub(super) fn is_armed(turn: &Turn<'_>, semi_sync: &SemiSync) -> bool {
    match turn.policy.durability {
        Durability::Lossless => semi_sync.is_lossless(),
        Durability::Available => {
            semi_sync.source_on && semi_sync.source_status && semi_sync.after_sync
        }
    }
}

/// Nothing that was begun is under way any more. What it changed is brought back by the service, which opens
/// the register's writer, and judges one that does not answer.
fn undone(turn: &Turn<'_>, to: Side) -> bool {
    let runs = |side, kind| turn.work(Some(side)).runs(kind);
    let at_the_old = [ActionKind::Close, ActionKind::CloseSessions];
    let at_the_next = [ActionKind::StopApplier, ActionKind::ArmSource];
    !at_the_old.into_iter().any(|kind| runs(to.peer(), kind))
        && !at_the_next.into_iter().any(|kind| runs(to, kind))
}
