//! The standby takes over: fence, stop the receiver, drain, store, open, point.
//!
//! Each step is asked from what is seen now, so that the order survives any interruption.

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::finding::Kind;
use crate::model::link::{LinkStatus, Receiver};
use crate::model::member::Side;
use crate::model::memory::{Promotion, Rejoin, State};
use crate::model::policy::HookEvent;
use crate::model::process::ProcessState;
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;

use super::death;
use super::guard;
use super::hooks;
use super::strays;
use super::table::Event;
use super::turn::Turn;
use super::writer::go;

/// A fenced process that still waits in the kernel after this long is taken as fenced: SIGKILL is
/// pending, so it will never execute another statement.
const UNINTERRUPTIBLE: Duration = Duration::from_millis(300);

/// A standby that has not answered for this long does not take over.
const SILENCE: Duration = Duration::from_secs(3);

/// What a promotion has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Under way.
    Going,
    /// The register names the standby: the rest is service.
    Moved,
    /// It cannot be finished; nothing was opened.
    Failed(String),
}

/// A promotion that nobody ordered and nothing proves.
pub(super) fn new(turn: &mut Turn<'_>, to: Side) -> Promotion {
    Promotion {
        op: turn.new_op(),
        to,
        life: turn.memory.durable.lives[to].clone(),
        since: turn.now(),
        why: String::new(),
        ordered: false,
        proven: false,
        accept_loss: false,
        fenced: None,
    }
}

/// Enters it; false where the machine's state has no such edge.
pub(super) fn begin(turn: &mut Turn<'_>, promotion: Promotion) -> bool {
    let (op, to) = (promotion.op, promotion.to);
    if !go(turn, Event::WriterLost, Some(State::Promoting(promotion))) {
        return false;
    }
    turn.op = Some(op);
    hooks::queue(turn, HookEvent::PreFailover, to);
    true
}

/// Plans the next steps.
pub(super) fn steps(turn: &mut Turn<'_>, promotion: &mut Promotion) -> Progress {
    let (to, old) = (promotion.to, promotion.to.peer());
    turn.op = Some(promotion.op);
    turn.hurry = true;
    if turn.is_dead(to) {
        return Progress::Failed(format!("{} died as well", turn.policy.name(to)));
    }
    if promotion.life != turn.memory.durable.lives[to] {
        // MariaDB's relay log is gone.
        let name = turn.policy.name(to);
        return Progress::Failed(format!("{name} was started anew"));
    }
    // Before the fence: a hook that refuses leaves a writer that only hangs as it is.
    if let Some(failed) = gating_hook(turn, HookEvent::PreFailover, to, promotion.since) {
        return failed;
    }
    if let Some(spared) = spared(turn, promotion) {
        return spared;
    }
    if !fenced(turn, old) {
        return Progress::Going;
    }
    let fenced = *promotion.fenced.get_or_insert(turn.facts.now);
    if is_silent(turn, to, fenced) {
        return Progress::Failed(format!("{} does not answer", turn.policy.name(to)));
    }
    let Some(look) = turn.server(to) else {
        return Progress::Going;
    };
    if look.asked < fenced {
        // What it shows may have changed until the old writer's last moment.
        stop_receiving(turn, to, look);
        return Progress::Going;
    }
    // Its own rows may have come since it was judged.
    if !strays::barring(turn, to).is_empty() && !promotion.accept_loss {
        let (name, own) = (turn.policy.name(to), strays::told(turn, to));
        return Progress::Failed(format!("{name} has transactions of its own: {own}"));
    }
    if look.semi_sync.source_on {
        // Left on, it would make the applier wait for the dead writer's acknowledgement.
        turn.act(Action::DisarmSource { side: to });
    }
    if let Some(why) = held_up(turn, to, look) {
        return Progress::Failed(why);
    }
    let drained = match &look.link {
        Some(link) => match drained(turn, to, look, link) {
            // What cannot be applied was given up by an operator; its files are kept.
            Err(_) if promotion.accept_loss => {
                let gone = receiver_gone(turn, to, link);
                if !gone {
                    turn.act(Action::StopReceiver { side: to });
                }
                Ok(turn.relay_is_saved(to, look) && gone)
            }
            drained => drained,
        },
        None => Ok(true),
    };
    match drained {
        // Opened so, it would make its first commits wait for the dead writer as well.
        Ok(true) if look.semi_sync.source_on => Progress::Going,
        Ok(true) => {
            move_register(turn, promotion, look);
            Progress::Moved
        }
        Ok(false) => Progress::Going,
        Err(why) => Progress::Failed(why),
    }
}

/// A session of somebody else keeps the standby from applying: the lock that it holds may never end. The
/// standby's own work may last as it will.
pub(super) fn held_up(turn: &mut Turn<'_>, standby: Side, look: &ServerFact) -> Option<String> {
    let blocker = look
        .blockers
        .first()
        .filter(|_| !Turn::unapplied(look).is_empty());
    let Some(blocker) = blocker else {
        turn.memory.held_up = None;
        return None;
    };
    let since = match &turn.memory.held_up {
        Some((executed, since)) if *executed == look.executed => *since,
        _ => {
            turn.memory.held_up = Some((look.executed.clone(), look.at));
            look.at
        }
    };
    if turn.now() < since + SILENCE {
        turn.wake(since + SILENCE);
        return None;
    }
    let name = turn.policy.name(standby);
    Some(format!("{name} cannot apply what it received: {blocker}"))
}

/// The standby has answered nothing for so long that its own server is the better hope.
pub(super) fn is_silent(turn: &mut Turn<'_>, to: Side, since: Timestamp) -> bool {
    let answered = turn.server(to).map_or(since, |look| look.asked.max(since));
    let silent = turn.now().since(answered) >= SILENCE;
    if !silent {
        turn.wake(answered + SILENCE);
    }
    silent
}

/// What is sure to be wanted, whatever the next look shows: nothing more of the old writer is received.
fn stop_receiving(turn: &mut Turn<'_>, to: Side, look: &ServerFact) {
    let applies = look
        .link
        .as_ref()
        .is_some_and(|link| link.applier && !receiver_gone(turn, to, link));
    if applies {
        turn.act(Action::StopReceiver { side: to });
    }
}

/// A writer that lives is fenced only while it is still lost, and for a standby that answers now: a hook that
/// has to agree may have taken long.
fn spared(turn: &mut Turn<'_>, promotion: &Promotion) -> Option<Progress> {
    let (to, old) = (promotion.to, promotion.to.peer());
    if is_fenced(turn, old) {
        return None;
    }
    if !promotion.ordered && !death::verdict(turn, old).is_lost() {
        let name = turn.policy.name(old);
        return Some(Progress::Failed(format!("{name} is well again")));
    }
    if turn.server_since(to, promotion.since).is_some() {
        return None;
    }
    let name = turn.policy.name(to);
    match is_silent(turn, to, promotion.since) {
        true => Some(Progress::Failed(format!("{name} does not answer"))),
        false => Some(Progress::Going),
    }
}

/// The old writer can execute nothing more.
fn fenced(turn: &mut Turn<'_>, old: Side) -> bool {
    let Some(process) = turn.process(old) else {
        return false;
    };
    let Some(life) = process.living().cloned() else {
        return true;
    };
    let killed = turn
        .work(Some(old))
        .done_since(ActionKind::Kill, Timestamp::BOOT);
    let killed = killed.filter(
        |done| matches!(&done.action, Action::Kill { life: target, .. } if *target == life),
    );
    if let Some(done) = killed {
        let waits = process.state == ProcessState::DiskSleep && process.at > done.at;
        turn.wake(done.at + UNINTERRUPTIBLE);
        return waits && turn.now().since(done.at) >= UNINTERRUPTIBLE;
    }
    turn.memory.durable.killed[old] = Some(life.clone());
    turn.act(Action::Kill { side: old, life });
    false
}

/// It was killed for good: it is dead, or waits in the kernel with SIGKILL pending, and its clients with it.
pub(super) fn is_fenced(turn: &Turn<'_>, old: Side) -> bool {
    let living = turn.process(old).and_then(|process| process.living());
    turn.is_dead(old) || living.is_some() && turn.memory.durable.killed[old].as_ref() == living
}

/// A hook that must succeed first. `None`: it has, or there is none.
pub(super) fn gating_hook(
    turn: &mut Turn<'_>,
    event: HookEvent,
    to: Side,
    since: Timestamp,
) -> Option<Progress> {
    if !turn.policy.gating_hooks.contains(&event) {
        return None;
    }
    let ended = turn.facts.pair.ended.get(&ActionKind::Gate);
    let ended = ended.filter(|ended| ended.begun >= since);
    match ended.map(|ended| &ended.result) {
        Some(Ok(_)) => None,
        Some(Err(error)) => {
            let why = format!("the {} hook refused: {error}", event.name());
            turn.find(crate::model::finding::Finding::of_pair(
                Kind::HookFailed,
                why.clone(),
            ));
            Some(Progress::Failed(why))
        }
        None => {
            let call = hooks::call(turn, event, to);
            turn.act(Action::Gate(call));
            Some(Progress::Going)
        }
    }
}

/// The receiver is stopped, everything received is applied, and nothing is applied by half.
fn drained(
    turn: &mut Turn<'_>,
    to: Side,
    look: &ServerFact,
    link: &LinkStatus,
) -> Result<bool, String> {
    if let Some(error) = &link.applier_error {
        return Err(format!(
            "the applier of {} stopped: {} {}",
            turn.policy.name(to),
            error.errno,
            error.text
        ));
    }
    let receiver_gone = receiver_gone(turn, to, link);
    if receiver_gone && look.executed.contains(&link.received) {
        // MariaDB shows half a transaction nowhere but in locks; stopping the applier rolls it back.
        // MySQL shows it, and goes on serving without the stop.
        let runs = link.applier && !turn.stopped_since(to, look);
        let may_be_half = runs && (turn.is_mariadb() || link.half);
        if may_be_half {
            turn.act(Action::StopApplier { side: to });
        }
        return Ok(!may_be_half);
    }
    if !link.applier {
        // Before the receiver is stopped: a start with both stopped throws MariaDB's relay logs away.
        if turn.loses_relay_log(look) {
            return Err("unapplied transactions, and both threads are stopped".into());
        }
        if let Some(why) = turn.cannot_read_received(to, look) {
            let name = turn.policy.name(to);
            return Err(format!("{name} cannot read what it received: {why}"));
        }
        if turn.is_settled(to, ActionKind::StopReceiver) {
            turn.act(Action::StartApplier { side: to });
        }
    } else if !receiver_gone {
        turn.act(Action::StopReceiver { side: to });
    }
    Ok(false)
}

/// It receives nothing more and acknowledges nothing more. On MariaDB a receiver that has lost its
/// connection does neither while the source is dead; on MySQL its stop is awaited.
fn receiver_gone(turn: &Turn<'_>, to: Side, link: &LinkStatus) -> bool {
    match link.receiver {
        Receiver::Stopped => true,
        Receiver::Connecting => turn.is_mariadb() && turn.is_dead(to.peer()),
        Receiver::Running => false,
    }
}

/// The old writer has acknowledged nothing by itself. In `available` it does so once a commit has waited
/// for the whole timeout: not if none waited at its last look, and it did not live that long after.
pub(super) fn never_fell_back(turn: &Turn<'_>, old: Side) -> bool {
    if turn.is_lossless() {
        return true;
    }
    let look = turn.member(old).server.as_ref();
    look.is_some_and(|look| {
        look.semi_sync.source_status
            && !look.semi_sync.waiting
            && turn.now().since(look.asked) < turn.policy.ack_timeout
    })
}

fn move_register(turn: &mut Turn<'_>, promotion: &Promotion, look: &ServerFact) {
    let (to, old) = (promotion.to, promotion.to.peer());
    let Some(register) = turn.register().cloned() else {
        return;
    };
    let killed = turn.memory.durable.killed[old].clone();
    let process = turn.process(old);
    let by_order =
        process.is_none_or(|process| death::may_have_ended_by_order(process, killed.as_ref()));
    // Whatever the new writer lacks was never acknowledged, if it was in sync and its peer died at once.
    let cut = guard::is_in_sync(turn, to)
        && !by_order
        && !promotion.accept_loss
        && never_fell_back(turn, old);
    turn.memory.durable.rejoin[old] = Some(Rejoin {
        life: process.and_then(|process| process.incarnation.clone()),
        cut,
        cut_done: false,
        forget: false,
    });
    turn.memory.durable.line[old] = turn.made_by(old, &look.executed);
    turn.move_register(
        register.promoted(to),
        promotion.op,
        false,
        promotion.why.clone(),
    );
}
