//! Where the endpoint's two ports lead.

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::finding::{Finding, Kind};
use crate::model::member::Side;

use super::serve;
use super::turn::Turn;

/// The reader must have been fit for this long before its port leads to it again.
const FIT_FOR: Duration = Duration::from_secs(2);
/// The reader may be looked at later than the writer by so much.
const LOOKS_APART: Duration = Duration::from_secs(10);

/// Leads the ports to the open writer and to the fit reader. Before the writer is open nothing moves.
pub(super) fn steps(turn: &mut Turn<'_>, writer: Side) {
    if !turn.policy.endpoint.redirect || !turn.register_is_stored() {
        return;
    }
    let reader = reader_for_clients(turn, writer);
    let Some(seen) = &turn.facts.endpoint else {
        return;
    };
    if let Some(error) = &seen.error {
        turn.find(Finding::of_pair(Kind::EndpointWrong, error.clone()));
        // Accounts that were made for another endpoint do not admit us from this one's address.
        if seen.refused && seen.at > turn.done_at(writer, ActionKind::Bootstrap) {
            turn.act(Action::Bootstrap { side: writer });
        }
    }
    if serve::is_open(turn, writer) && !leads(turn, writer, reader) {
        turn.act(Action::Route { writer, reader });
    }
    answers(turn, writer);
}

/// The endpoint leads the writer's port to it, by the newest look or by the route that has just succeeded.
pub(super) fn leads_to(turn: &Turn<'_>, writer: Side) -> bool {
    if !turn.policy.endpoint.redirect {
        return true;
    }
    let routed = last_route(turn).map(|(routed, _)| routed);
    routed.or_else(|| turn.facts.endpoint.as_ref()?.writer) == Some(writer)
}

/// The last route that succeeded, unless the endpoint was looked at after it.
fn last_route(turn: &Turn<'_>) -> Option<(Side, Side)> {
    let done = turn
        .facts
        .pair
        .done_since(ActionKind::Route, crate::model::time::Timestamp::BOOT)?;
    let seen = turn.facts.endpoint.as_ref()?;
    let Action::Route { writer, reader } = done.action else {
        return None;
    };
    (done.at > seen.at).then_some((writer, reader))
}

fn leads(turn: &Turn<'_>, writer: Side, reader: Side) -> bool {
    if let Some((routed, read)) = last_route(turn) {
        return routed == writer && read == reader;
    }
    let Some(seen) = &turn.facts.endpoint else {
        return false;
    };
    let reader_led = !turn.policy.endpoint.reader_port || seen.reader == Some(reader);
    seen.writer == Some(writer) && reader_led && seen.address
}

/// The reader while it is fit, and has been for a while; else the writer.
fn reader_for_clients(turn: &mut Turn<'_>, writer: Side) -> Side {
    let reader = writer.peer();
    if !fit(turn, reader) {
        turn.memory.reader_fit_since = None;
        return writer;
    }
    let since = *turn.memory.reader_fit_since.get_or_insert(turn.facts.now);
    let led_before = turn
        .facts
        .endpoint
        .as_ref()
        .is_some_and(|seen| seen.reader == Some(reader));
    if led_before || turn.now().since(since) >= FIT_FOR {
        return reader;
    }
    turn.wake(since + FIT_FOR);
    writer
}

/// It answers, applies, and is not behind by more than its limit (with a fifth of it as hysteresis).
fn fit(turn: &mut Turn<'_>, reader: Side) -> bool {
    let Some(look) = turn.server(reader) else {
        return false;
    };
    let Some(link) = &look.link else { return false };
    if !link.applier || turn.member(reader).server_error.is_some() {
        return false;
    }
    let Some(lag) = lag(turn, reader) else {
        return false;
    };
    let limit = turn.policy.endpoint.reader_lag;
    let limit = if turn.memory.reader_fit_since.is_some() {
        limit
    } else {
        limit.mul_f64(0.8)
    };
    if lag > limit {
        turn.find_at(
            reader,
            Kind::ReaderLagging,
            format!(
                "{} ms behind, limit {} ms",
                lag.as_millis(),
                limit.as_millis()
            ),
        );
    }
    lag <= limit
}

/// How much older than the writer's newest heartbeat the newest one is that the reader has applied, as the writer
/// dated them. `None`: not known, also where its clock was set back meanwhile.
pub(crate) fn lag(turn: &Turn<'_>, reader: Side) -> Option<Duration> {
    let writer_id = turn.policy.members[reader.peer()].server_id;
    let applied = |side| {
        let look = turn.member(side).server.as_ref()?;
        look.heartbeats
            .iter()
            .filter(|row| row.server_id == writer_id)
            .map(|row| row.written_ms)
            .max()
    };
    let (written, arrived) = (applied(reader.peer())?, applied(reader)?);
    let ahead = Duration::from_millis(arrived.saturating_sub(written));
    let behind = Duration::from_millis(written.saturating_sub(arrived));
    (ahead <= LOOKS_APART).then_some(behind)
}

/// Who answered through the endpoint since it leads to the writer. While it leads elsewhere, or nobody has
/// asked since it was moved, an answer says nothing.
fn answers(turn: &mut Turn<'_>, writer: Side) {
    let Some(seen) = &turn.facts.endpoint else {
        return;
    };
    let Some((server_id, asked)) = seen.answered.filter(|_| seen.writer == Some(writer)) else {
        return;
    };
    let routed = turn.facts.pair.ended_at(ActionKind::Route);
    if routed.is_none_or(|at| asked >= at) && server_id != turn.policy.members[writer].server_id {
        let detail = format!(
            "server_id {server_id} answered instead of {}",
            turn.policy.name(writer)
        );
        turn.find(Finding::of_pair(Kind::EndpointAnswersWrong, detail));
    }
}
