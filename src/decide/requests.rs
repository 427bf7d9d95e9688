//! What operators ask for: granted, or refused with every guard that stands in the way.

use crate::model::action::OpId;
use crate::model::member::Side;
use crate::model::memory::{Held, Pause, PausedBy, Promotion, Stage, Starts, State, Switch};
use crate::model::policy::HookEvent;
use crate::model::request::{Granted, Guard, Refusal, Reply, Request, Thread, Verb};

use super::guard;
use super::hooks;
use super::promote;
use super::strays::{barring, told};
use super::table::Event;
use super::turn::Turn;
use super::writer;

/// Pauses and holds that have run out end.
pub(super) fn expire(turn: &mut Turn<'_>) {
    let wall = turn.facts.wall_ms;
    let durable = &mut turn.memory.durable;
    if durable
        .pause
        .as_ref()
        .is_some_and(|pause| pause.until_ms.is_some_and(|until| until <= wall))
    {
        durable.pause = None;
    }
    for side in Side::BOTH {
        let holds = &mut durable.holds[side];
        for held in [&mut holds.receiver, &mut holds.applier] {
            if held.as_ref().is_some_and(|held| held.until_ms <= wall) {
                *held = None;
            }
        }
    }
    let holds = durable
        .holds
        .iter()
        .flat_map(|(_, holds)| [&holds.receiver, &holds.applier]);
    let ends = holds.flatten().map(|held| held.until_ms);
    let ends = ends.chain(durable.pause.iter().filter_map(|pause| pause.until_ms));
    if let Some(next) = ends.min() {
        let wait = std::time::Duration::from_millis(next.saturating_sub(wall));
        turn.wake(turn.now() + wait);
    }
}

/// Answers every request that came since the last decision.
pub(super) fn answer(turn: &mut Turn<'_>) {
    for request in turn.facts.requests.clone() {
        let kept = request.dry_run.then(|| turn.memory.clone());
        let result = grant(turn, &request);
        turn.op = None;
        let result = match kept {
            Some(kept) => {
                turn.memory = kept;
                result.map(|granted| as_if(turn, &request.verb, granted))
            }
            None => result,
        };
        turn.replies.push(Reply {
            id: request.id,
            result,
        });
    }
}

/// What a dry run says in the place of what was granted: nothing has begun.
fn as_if(turn: &Turn<'_>, verb: &Verb, granted: Granted) -> Granted {
    let writer = turn.memory.writer();
    let name = |to: Side| turn.policy.name(to);
    let text = match verb {
        Verb::Switchover { to, .. } => to.or(writer.map(Side::peer)).map_or_else(
            || granted.text.clone(),
            |to| format!("a switchover to {} would begin; nothing was done", name(to)),
        ),
        Verb::Failover { to, .. } => {
            format!("a failover to {} would begin; nothing was done", name(*to))
        }
        Verb::Pause { .. }
        | Verb::Resume
        | Verb::Ack
        | Verb::Hold { .. }
        | Verb::Release { .. } => format!("would be granted: {}", granted.text),
    };
    Granted { op: None, text }
}

fn grant(turn: &mut Turn<'_>, request: &Request) -> Result<Granted, Refusal> {
    match &request.verb {
        Verb::Switchover {
            to,
            accept_own_rows,
        } => switchover(turn, *to, *accept_own_rows),
        Verb::Failover { to, accept_loss } => failover(turn, *to, *accept_loss),
        Verb::Pause { until_ms, reason } => {
            let pause = Pause {
                by: PausedBy::Operator,
                reason: reason.clone(),
                until_ms: *until_ms,
            };
            turn.memory.durable.pause = Some(pause);
            granted("paused: nobody promotes until `dualmasterctl resume`")
        }
        Verb::Resume => {
            turn.memory.durable.pause = None;
            granted("resumed")
        }
        Verb::Ack => {
            let changes = turn
                .memory
                .durable
                .changes
                .iter_mut()
                .filter(|change| !change.acked);
            let count = changes.map(|change| change.acked = true).count();
            for side in Side::BOTH {
                turn.memory.starts[side] = Starts::default();
            }
            granted(format!("{count} role changes acknowledged"))
        }
        Verb::Hold {
            side,
            thread,
            until_ms,
            reason,
        } => {
            let held = Held {
                reason: reason.clone(),
                until_ms: *until_ms,
            };
            *hold(turn, *side, *thread) = Some(held);
            granted("held; the link is not started before its time, except when the writer dies")
        }
        Verb::Release { side, thread } => match hold(turn, *side, *thread).take() {
            Some(_) => granted("released"),
            None => Err(Refusal {
                text: "that thread is not held".into(),
                guards: Vec::new(),
            }),
        },
    }
}

fn granted(text: impl Into<String>) -> Result<Granted, Refusal> {
    Ok(Granted {
        op: None,
        text: text.into(),
    })
}

fn begun(op: OpId, text: String) -> Result<Granted, Refusal> {
    Ok(Granted { op: Some(op), text })
}

fn refused(text: impl Into<String>, guards: Vec<Guard>) -> Result<Granted, Refusal> {
    let guards = guards.into_iter().filter(|guard| !guard.ok).collect();
    Err(Refusal {
        text: text.into(),
        guards,
    })
}

fn hold<'t>(turn: &'t mut Turn<'_>, side: Side, thread: Thread) -> &'t mut Option<Held> {
    let holds = &mut turn.memory.durable.holds[side];
    match thread {
        Thread::Receiver => &mut holds.receiver,
        Thread::Applier => &mut holds.applier,
    }
}

fn switchover(
    turn: &mut Turn<'_>,
    to: Option<Side>,
    accept_own_rows: bool,
) -> Result<Granted, Refusal> {
    let Some(writer) = turn.memory.writer() else {
        return refused("no writer has been chosen yet", Vec::new());
    };
    let to = to.unwrap_or_else(|| writer.peer());
    if to == writer {
        return refused(
            format!("{} is the writer already", turn.policy.name(to)),
            Vec::new(),
        );
    }
    let guards = guard::switchover(turn, to, accept_own_rows);
    if !guard::all_hold(&guards) {
        return refused(
            format!("{} cannot take over as planned now", turn.policy.name(to)),
            guards,
        );
    }
    let Some(op) = begin_switchover(turn, to, "asked for by an operator".into()) else {
        return refused("another operation is under way", Vec::new());
    };
    let mut text = format!("switchover to {} begun", turn.policy.name(to));
    if !barring(turn, to).is_empty() {
        text = format!("{text}; what becomes the truth by it: {}", told(turn, to));
    }
    begun(op, text)
}

/// Begins a switchover whose guards hold; `None` where the machine's state has no such edge.
pub(super) fn begin_switchover(turn: &mut Turn<'_>, to: Side, why: String) -> Option<OpId> {
    let op = turn.new_op();
    let since = turn.now();
    let accepted = barring(turn, to);
    let state = State::Switching(Switch {
        op,
        to,
        since,
        clock: since,
        stage: Stage::Checking,
        accepted,
        returned: None,
        position: None,
        why,
    });
    if !writer::go(turn, Event::SwitchBegun, Some(state)) {
        return None;
    }
    turn.op = Some(op);
    hooks::queue(turn, HookEvent::PreSwitchover, to);
    Some(op)
}

fn failover(turn: &mut Turn<'_>, to: Side, accept_loss: bool) -> Result<Granted, Refusal> {
    let name = turn.policy.name(to).to_owned();
    if turn.memory.writer() == Some(to) {
        return refused(format!("{name} is the writer already"), Vec::new());
    }
    let operators = ["NotPaused", "Automatic", "NotFlapping"];
    let mut guards = guard::failover(turn, to);
    guards.retain(|guard| !operators.contains(&guard.name.as_str()));
    let lives = guards
        .iter()
        .any(|guard| guard.name == "StandbyLives" && guard.ok);
    if !(guard::all_hold(&guards) || (accept_loss && lives)) {
        return refused(
            format!(
                "{name} is not proven to have everything; --accept-loss promotes it all the same"
            ),
            guards,
        );
    }
    let promotion = Promotion {
        why: "ordered by an operator".into(),
        ordered: true,
        proven: guard::is_in_sync(turn, to),
        accept_loss,
        ..promote::new(turn, to)
    };
    let op = promotion.op;
    if !promote::begin(turn, promotion) {
        return refused("another operation is under way", Vec::new());
    }
    begun(op, format!("failover to {name} begun"))
}
