//! Hooks that nobody waits for: each is run once, one after the other.

use crate::model::action::{Action, ActionKind};
use crate::model::finding::{Finding, Kind};
use crate::model::member::Side;
use crate::model::memory::PendingHook;
use crate::model::policy::HookEvent;

use super::turn::Turn;

/// As many wait at most; a hook that hangs must not make the memory grow.
const MOST: usize = 16;

/// It is run once, as soon as the ones before it have ended. One that gates its operation is not
/// queued: the operation itself runs it.
pub(super) fn queue(turn: &mut Turn<'_>, event: HookEvent, from: Option<Side>, to: Side) {
    let op = turn.op;
    let gates = turn.policy.gating_hooks.contains(&event);
    if !gates && turn.memory.hooks.len() < MOST {
        turn.memory.hooks.push(PendingHook {
            op,
            event,
            from,
            to,
        });
    }
}

/// Plans the oldest, and names the last one that failed.
pub(super) fn steps(turn: &mut Turn<'_>) {
    let last = turn.facts.pair.ended.get(&ActionKind::Hook);
    if let Some(outcome) = last
        && let Err(error) = &outcome.result
        && let Action::Hook { event, .. } = &outcome.action
    {
        let detail = format!("{}: {error}", event.name());
        turn.find(Finding::of_pair(Kind::HookFailed, detail));
    }
    let Some(hook) = turn.memory.hooks.first().cloned() else {
        return;
    };
    turn.op = hook.op;
    let planned = turn.act(Action::Hook {
        event: hook.event,
        from: hook.from,
        to: hook.to,
    });
    if planned {
        turn.memory.hooks.remove(0);
    }
}
