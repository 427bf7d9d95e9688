//! The conditions of a role change. The same list decides, answers a refused request, and is printed
//! by `explain`.

use crate::model::link::Receiver;
use crate::model::member::Side;
use crate::model::memory::State;
use crate::model::policy::Automation;
use crate::model::request::Guard;

use super::flap;
use super::link::runs_plain;
use super::loss;
use super::strays::{barring, told};
use super::turn::Turn;

/// What stands between the standby and an automatic promotion now.
pub(super) fn failover(turn: &Turn<'_>, standby: Side) -> Vec<Guard> {
    vec![
        paused(turn),
        manual(turn),
        flapping(turn),
        lives(turn, standby),
        in_sync(turn, standby),
        own_rows(turn, standby),
        applier_error(turn, standby),
        applier_delay(turn, standby),
        kept_apart(turn, standby),
        disk(turn, standby),
    ]
}

/// What stands in the way of a planned switchover now.
pub(super) fn switchover(turn: &Turn<'_>, to: Side, accept_own_rows: bool) -> Vec<Guard> {
    let mut own = own_rows(turn, to);
    own.ok |= accept_own_rows;
    vec![
        serving(turn, to),
        lives(turn, to),
        own,
        applier_error(turn, to),
        applier_delay(turn, to),
        kept_apart(turn, to),
        disk(turn, to),
        connected(turn, to, "ReaderReceiverConnected"),
        connected(turn, to.peer(), "WriterReceiverConnected"),
        gap(turn, to),
        prepared_xa(turn, to.peer()),
    ]
}

/// Every guard in the list holds.
pub(super) fn all_hold(guards: &[Guard]) -> bool {
    guards.iter().all(|guard| guard.ok)
}

/// The standby's living process is the one that the register names as complete.
pub(super) fn is_in_sync(turn: &Turn<'_>, standby: Side) -> bool {
    let named = turn
        .register()
        .and_then(|register| register.in_sync.as_ref());
    named.is_some() && named == turn.process(standby).and_then(|process| process.living())
}

fn guard(name: &str, ok: bool, value: String, limit: &str, remedy: &str) -> Guard {
    let remedy = if ok { "" } else { remedy };
    Guard {
        name: name.into(),
        ok,
        value,
        limit: limit.into(),
        remedy: remedy.into(),
    }
}

fn paused(turn: &Turn<'_>) -> Guard {
    let pause = turn.memory.durable.pause.as_ref();
    let value = pause.map_or_else(|| "no".into(), |pause| format!("yes: {}", pause.reason));
    guard(
        "NotPaused",
        pause.is_none(),
        value,
        "not paused",
        "dualmasterctl resume",
    )
}

fn manual(turn: &Turn<'_>) -> Guard {
    let automatic = turn.policy.automation == Automation::Automatic;
    let value = if automatic { "automatic" } else { "manual" };
    guard(
        "Automatic",
        automatic,
        value.into(),
        "failover = \"automatic\"",
        "dualmasterctl failover, or set failover = \"automatic\"",
    )
}

fn flapping(turn: &Turn<'_>) -> Guard {
    let recent = flap::recent(turn);
    let limit = turn.policy.flap.changes;
    let ok = limit == 0 || recent < limit;
    let window = turn.policy.flap.window.as_secs();
    guard(
        "NotFlapping",
        ok,
        format!("{recent} unplanned changes within {window} s"),
        &format!("below {limit}"),
        "find the cause, then dualmasterctl ack",
    )
}

fn lives(turn: &Turn<'_>, standby: Side) -> Guard {
    let ok = turn.server(standby).is_some();
    let value = match (turn.process(standby), ok) {
        (_, true) => "answers",
        (Some(process), false) if process.lives() => "its process lives but it has not answered",
        (Some(_), false) => "its process is gone",
        (None, false) => "not seen yet",
    };
    guard(
        "StandbyLives",
        ok,
        value.into(),
        "answers",
        "see what keeps it from starting: dualmasterctl explain",
    )
}

fn in_sync(turn: &Turn<'_>, standby: Side) -> Guard {
    let writer = standby.peer();
    let by_order = loss::may_acknowledge_by_order(turn, writer);
    let ok =
        (is_in_sync(turn, standby) && !by_order) || loss::files::files_are_complete(turn, writer);
    let named = turn
        .register()
        .and_then(|register| register.in_sync.as_ref());
    let value = match named {
        Some(life) if by_order => format!(
            "process {} was, but the writer may have been stopped by order and then have acknowledged more",
            life.pid
        ),
        Some(life) => format!("process {} is", life.pid),
        None => "not proven complete".into(),
    };
    guard(
        "InSync",
        ok,
        value,
        "the standby's running process is recorded as complete, or the dead writer's files hold nothing \
         that it lacks",
        "it earns this by itself once it has caught up; until then the writer is started again in place",
    )
}

fn own_rows(turn: &Turn<'_>, standby: Side) -> Guard {
    let strays = barring(turn, standby);
    let value = if strays.is_empty() {
        "none".into()
    } else {
        told(turn, standby)
    };
    guard(
        "ReaderHasOwnRows",
        strays.is_empty(),
        value,
        "no row changes of the reader's own; on MariaDB nothing of its own",
        "what changes nothing is forgotten by itself; compare and undo others on the reader, or --accept-own-rows to make them the truth",
    )
}

fn applier_error(turn: &Turn<'_>, standby: Side) -> Guard {
    let error = turn
        .link(standby)
        .and_then(|link| link.applier_error.as_ref());
    let value = error.map_or_else(
        || "none".into(),
        |error| format!("{}: {}", error.errno, error.text),
    );
    guard(
        "NoApplierError",
        error.is_none(),
        value,
        "no open applier error",
        "repair the reader's applier",
    )
}

/// What it has received would wait for the whole delay before it could serve.
fn applier_delay(turn: &Turn<'_>, standby: Side) -> Guard {
    let delay = turn.link(standby).map_or(0, |link| link.delay_s);
    guard(
        "NoApplierDelay",
        delay == 0,
        format!("{delay} s"),
        "0 s",
        "hold the reader's applier, set MASTER_DELAY (MySQL: SOURCE_DELAY) to 0, and release it",
    )
}

fn kept_apart(turn: &Turn<'_>, standby: Side) -> Guard {
    let durable = &turn.memory.durable;
    let value = match (&durable.quarantine[standby], &durable.rejoin[standby]) {
        (Some(quarantine), _) => quarantine.why.clone(),
        (None, Some(_)) => "it has not proven yet that it holds nothing of its own".into(),
        (None, None) => "no".into(),
    };
    let ok = durable.quarantine[standby].is_none() && durable.rejoin[standby].is_none();
    guard(
        "NotQuarantined",
        ok,
        value,
        "joined",
        "compare its exclusive transactions; re-seed it",
    )
}

/// A server on a full disk executes nothing more than the one that it replaces.
fn disk(turn: &Turn<'_>, to: Side) -> Guard {
    let error = turn.member(to).probes.disk.error.as_ref();
    let value = error.map_or_else(|| "takes writes".into(), |error| error.text.clone());
    guard(
        "DiskTakesWrites",
        error.is_none(),
        value,
        "takes writes, with space left",
        "free or add space",
    )
}

fn serving(turn: &Turn<'_>, to: Side) -> Guard {
    // A pause stops what moves by itself, not what an operator orders.
    let serving = matches!(turn.memory.state, State::Serving | State::Paused);
    let writer = turn.memory.writer();
    let ok = serving && writer == Some(to.peer());
    let value = match (serving, writer) {
        (false, _) => "no".into(),
        (true, Some(writer)) => format!("{} serves", turn.policy.name(writer)),
        (true, None) => "no writer chosen".into(),
    };
    guard(
        "WriterServes",
        ok,
        value,
        "the other member serves, and no other operation is under way",
        "wait for it to end: dualmasterctl list",
    )
}

fn connected(turn: &Turn<'_>, side: Side, name: &str) -> Guard {
    let receiver = turn.link(side).map(|link| link.receiver);
    let plain = turn.server(side).is_some_and(runs_plain);
    let value = match receiver {
        Some(Receiver::Running) if plain => "connected, but no semi-sync replica",
        Some(Receiver::Running) => "connected",
        Some(Receiver::Connecting) => "connecting",
        Some(Receiver::Stopped) => "stopped",
        None => "no link",
    };
    guard(
        name,
        receiver == Some(Receiver::Running) && !plain,
        value.into(),
        "connected as a semi-sync replica",
        "see the link's error: dualmasterctl list",
    )
}

/// What the reader has received and not executed, by one look at the reader alone: the members are
/// looked at in turn, and between two looks a busy writer executes more than any limit.
fn gap(turn: &Turn<'_>, to: Side) -> Guard {
    let limit = turn.policy.switchover.max_gap;
    let gap = turn.server(to).and_then(|reader| {
        let received = &reader.link.as_ref()?.received;
        Some(received.subtract(&reader.executed).count())
    });
    guard(
        "GapSmall",
        gap.is_some_and(|gap| gap <= limit),
        gap.map_or_else(|| "unknown".into(), |gap| format!("{gap} transactions")),
        &format!("at most {limit} transactions"),
        "wait until the reader has caught up",
    )
}

fn prepared_xa(turn: &Turn<'_>, writer: Side) -> Guard {
    let open = turn.server(writer).map_or(0, |look| look.prepared_xa);
    guard(
        "NoPreparedXa",
        open == 0,
        open.to_string(),
        "0",
        "commit or roll back what XA RECOVER lists",
    )
}
