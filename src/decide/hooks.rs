//! Hooks: what they are told, and those that nobody waits for, each run once, one after the other.

use crate::model::action::{Action, ActionKind};
use crate::model::finding::{Finding, Kind};
use crate::model::hook::{HookCall, HookCommand};
use crate::model::member::Side;
use crate::model::memory::{PendingHook, State};
use crate::model::policy::HookEvent;

use super::turn::Turn;

/// As many wait at most; a hook that hangs must not make the memory grow.
const MOST: usize = 16;

/// The call for a role change under way, as its operation tells it.
pub(super) fn call(turn: &Turn<'_>, event: HookEvent, to: Side) -> HookCall {
    let (command, reason, lost) = match &turn.memory.state {
        State::Switching(switch) => (HookCommand::Switchover, switch.why.clone(), Some(0)),
        State::Promoting(promotion) if promotion.ordered => (
            HookCommand::Failover,
            promotion.why.clone(),
            promotion.proven.then_some(0),
        ),
        State::Promoting(promotion) => (
            HookCommand::Auto,
            promotion.why.clone(),
            promotion.proven.then_some(0),
        ),
        State::Settling { .. } | State::Serving | State::Holding { .. } | State::Paused => {
            (HookCommand::Auto, String::new(), None)
        }
    };
    let failure = (event == HookEvent::PostUnsuccessfulFailover)
        .then(|| turn.memory.last_failure())
        .flatten();
    HookCall {
        event,
        command,
        from: Some(to.peer()),
        to,
        reason: failure.map_or(reason, str::to_owned),
        gtid: executed(turn, to),
        lost,
    }
}

/// A role change's hooks are run once, as soon as the ones before them have ended.
pub(super) fn queue(turn: &mut Turn<'_>, event: HookEvent, to: Side) {
    let call = call(turn, event, to);
    push(turn, call);
}

/// The hooks for a link of this member that broke.
pub(super) fn queue_link_broken(turn: &mut Turn<'_>, side: Side, reason: String) {
    let call = HookCall {
        event: HookEvent::OnLinkBroken,
        command: HookCommand::Auto,
        from: None,
        to: side,
        reason,
        gtid: executed(turn, side),
        lost: None,
    };
    push(turn, call);
}

fn executed(turn: &Turn<'_>, side: Side) -> crate::model::gtid::GtidSet {
    turn.server(side)
        .map(|look| look.executed.clone())
        .unwrap_or_default()
}

/// One that gates its operation is not queued: the operation itself runs it.
fn push(turn: &mut Turn<'_>, call: HookCall) {
    let op = turn.op;
    let gates = turn.policy.gating_hooks.contains(&call.event);
    if !gates && turn.memory.hooks.len() < MOST {
        turn.memory.hooks.push(PendingHook { op, call });
    }
}

/// Plans the oldest, and names the last one that failed.
pub(super) fn steps(turn: &mut Turn<'_>) {
    let last = turn.facts.pair.ended.get(&ActionKind::Hook);
    if let Some(outcome) = last
        && let Err(error) = &outcome.result
        && let Action::Hook(call) = &outcome.action
    {
        let detail = format!("{}: {error}", call.event.name());
        turn.find(Finding::of_pair(Kind::HookFailed, detail));
    }
    let Some(hook) = turn.memory.hooks.first().cloned() else {
        return;
    };
    turn.op = hook.op;
    if turn.act(Action::Hook(hook.call)) {
        turn.memory.hooks.remove(0);
    }
}
