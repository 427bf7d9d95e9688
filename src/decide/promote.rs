//! The standby takes over: fence, stop the receiver, drain, store, open, point.
//!
//! Each step is asked from what is seen now, so that the order survives any interruption.

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::finding::Kind;
use crate::model::link::{LinkStatus, Receiver};
use crate::model::member::Side;
use crate::model::memory::{Promotion, Rejoin};
use crate::model::policy::HookEvent;
use crate::model::process::ProcessState;
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;

use super::death;
use super::guard;
use super::hooks;
use super::strays;
use super::turn::Turn;

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
        Ok(true) => {
            move_register(turn, promotion, look);
            Progress::Moved
        }
        Ok(false) => Progress::Going,
        Err(why) => Progress::Failed(why),
    }
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
    let ended = turn.facts.pair.ended.get(&ActionKind::Hook);
    let ended = ended.filter(|ended| ended.begun >= since);
    let ended =
        ended.filter(|ended| matches!(&ended.action, Action::Hook(ran) if ran.event == event));
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
            turn.act(Action::Hook(call));
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
fn never_fell_back(turn: &Turn<'_>, old: Side) -> bool {
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
        known: look.executed.clone(),
        forget: false,
    });
    turn.memory.durable.line[old] = turn.made_by(old, &look.executed);
    // What kept it apart from the old writer became the truth: by the open rule, or accepted by an operator.
    turn.memory.durable.rejoin[to] = None;
    turn.memory.durable.quarantine[to] = None;
    turn.move_register(
        register.promoted(to),
        promotion.op,
        false,
        promotion.why.clone(),
    );
}
