//! Role changes under way: each is taken on until the register has moved, the endpoint led and the writer
//! opened, or until it is given up.

use std::time::Duration;

use crate::model::action::{Action, OpId};
use crate::model::finding::{Finding, Kind};
use crate::model::member::Side;
use crate::model::memory::{OpEnded, Promotion, State, Switch};
use crate::model::policy::HookEvent;

use super::promote::{self, Progress};
use super::table::Event;
use super::turn::Turn;
use super::writer::{go, serving};
use super::{death, endpoint, hooks, serve, switchover, sync};

/// An operation waits this long for the endpoint once the register has moved.
const ENDPOINT_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn promote_now(turn: &mut Turn<'_>, to: Side, why: String, proven: bool) {
    let promotion = Promotion {
        why,
        proven,
        ..promote::new(turn, to)
    };
    if promote::begin(turn, promotion.clone()) {
        promoting(turn, promotion);
    }
}

pub(super) fn promoting(turn: &mut Turn<'_>, mut promotion: Promotion) {
    if turn.memory.writer() != Some(promotion.to) {
        let progress = promote::steps(turn, &mut promotion);
        turn.memory.state = State::Promoting(promotion.clone());
        let failed = match progress {
            Progress::Going | Progress::Moved => return,
            Progress::Failed(why) => why,
        };
        turn.memory.last_op = Some(OpEnded {
            op: promotion.op,
            result: Err(failed.clone()),
        });
        turn.find(Finding::of_pair(
            Kind::Holding,
            format!("the promotion cannot go on: {failed}"),
        ));
        hooks::queue(turn, HookEvent::PostUnsuccessfulFailover, promotion.to);
        go(turn, Event::Undone, None);
    } else {
        open_and_point(turn, promotion.op, promotion.to, HookEvent::PostFailover);
    }
}

pub(super) fn switching(turn: &mut Turn<'_>, mut switch: Switch) {
    let from = switch.to.peer();
    if turn.memory.writer() == Some(switch.to) {
        open_and_point(turn, switch.op, switch.to, HookEvent::PostSwitchover);
        return;
    }
    let verdict = death::verdict(turn, from);
    if verdict.is_lost() {
        // What the lost writer had been asked to do no longer matters: its standby is judged anew.
        turn.memory.last_op = Some(OpEnded {
            op: switch.op,
            result: Err("the writer died or hangs".into()),
        });
        go(turn, Event::Undone, None);
        serving(turn);
        return;
    }
    let progress = switchover::steps(turn, &mut switch);
    turn.memory.state = State::Switching(switch);
    match progress {
        Progress::Going | Progress::Moved => {}
        Progress::Failed(why) => {
            turn.find(Finding::of_pair(
                Kind::ActionFailed,
                format!("the switchover was undone: {why}"),
            ));
            // What the daemon moves by itself is not moved again at once.
            turn.memory.healthy_since = None;
            go(turn, Event::Undone, None);
            serving(turn);
        }
    }
}

/// The register has moved: open, point, then serve.
fn open_and_point(turn: &mut Turn<'_>, op: OpId, to: Side, hook: HookEvent) {
    turn.op = Some(op);
    turn.hurry = true;
    death::note_waiting(turn, to);
    let verdict = death::verdict(turn, to);
    if verdict.is_lost() {
        turn.memory.last_op = Some(OpEnded {
            op,
            result: Err("the new writer died or hangs".into()),
        });
        go(turn, Event::Undone, None);
        return;
    }
    if let Err(why) = serve::steps(turn, to) {
        turn.memory.last_op = Some(OpEnded {
            op,
            result: Err(why.to_string()),
        });
        go(turn, Event::Undone, None);
        return;
    }
    endpoint::steps(turn, to);
    // An endpoint that cannot be moved must not keep the pair from all else that it needs.
    let led = endpoint::leads_to(turn, to);
    let waited_enough = turn.memory.moved_at + ENDPOINT_PATIENCE;
    let late = turn.now() >= waited_enough;
    if late {
        // What keeps it from being opened may be on the standby's side.
        sync::steps(turn, to, &verdict);
    } else {
        turn.wake(waited_enough);
    }
    if serve::is_open(turn, to) && (led || late) {
        if promote::is_fenced(turn, to.peer()) {
            turn.act(Action::DestroyClients { side: to.peer() });
        }
        hooks::queue(turn, hook, to);
        serve::begin_sweep(turn);
        turn.memory.durable.holds[to] = Default::default();
        let but = if led {
            ""
        } else {
            "; the endpoint does not lead there yet"
        };
        let text = format!(
            "{} is the writer since epoch {}{but}",
            turn.policy.name(to),
            turn.epoch()
        );
        turn.memory.last_op = Some(OpEnded {
            op,
            result: Ok(text),
        });
        go(turn, Event::Opened, None);
    }
}
