//! The writer machine at work: what each state asks for, and which event it has come to.

use std::time::Duration;

use crate::model::action::{Action, ActionKind, Brought};
use crate::model::finding::{Finding, Kind};
use crate::model::gtid::GtidSet;
use crate::model::member::Side;
use crate::model::memory::{PausedBy, State, Why};
use crate::model::time::Timestamp;

use super::choose;
use super::death::{self, Verdict};
use super::loss::{self, Answer};
use super::operation::{promote_now, promoting, switching};
use super::stop::stop_cleanly;
use super::table::{Event, Name, name, next};
use super::turn::Turn;
use super::{
    binlogs, endpoint, events, flap, forget, guard, hooks, instance, link, rejoin, requests, serve,
    strays, sync,
};

/// A writer that has gone on for so long although its disk fails, or has hardly any space left, is moved as
/// planned; one that does not go on is judged to hang before.
const HEALTHY_FOR: Duration = Duration::from_secs(5);

/// A prepared XA transaction that somebody still takes care of has ended by then.
const XA_ENDS: Duration = Duration::from_secs(10);

/// As often an action fails in a row before that is a finding.
const FAILURES: u32 = 3;
/// One that failed so long ago is no longer tried; the longest wait between two tries is half of it.
const STILL_FAILS: Duration = Duration::from_secs(60);

/// Moves the machine and plans what its state asks for. Returns whether the daemon may exit.
pub(super) fn steps(turn: &mut Turn<'_>) -> bool {
    let mut restart_writer = false;
    match turn.memory.state.clone() {
        State::Settling { since } => settling(turn, since),
        State::Serving | State::Holding { .. } | State::Paused => restart_writer = serving(turn),
        State::Switching(switch) => switching(turn, switch),
        State::Promoting(promotion) => promoting(turn, promotion),
    }
    instance::steps(turn, restart_writer);
    if let State::Holding { why, since } = turn.memory.state.clone() {
        holding(turn, &why, since);
    }
    if let Some(error) = &turn.facts.store_error {
        turn.find(Finding::of_pair(Kind::StoreFails, error.clone()));
    }
    flap::steps(turn);
    hooks::steps(turn);
    name_failures(turn);
    stop_cleanly(turn)
}

/// What fails again and again is named, with the last reason. A start and a set-up have findings of their own.
fn name_failures(turn: &mut Turn<'_>) {
    let own = [
        ActionKind::Start,
        ActionKind::Initialise,
        ActionKind::Bootstrap,
        ActionKind::Hook,
        ActionKind::Gate,
    ];
    for side in Side::BOTH {
        for (kind, outcome) in &turn.work(Some(side)).ended {
            let recent = turn.now().since(outcome.at) < STILL_FAILS;
            let Err(error) = &outcome.result else {
                continue;
            };
            if outcome.failures >= FAILURES && recent && !own.contains(kind) {
                let times = outcome.failures;
                let detail = format!("{kind:?} failed {times} times: {error}");
                turn.find_at(side, Kind::ActionFailed, detail);
                turn.wake(outcome.at + STILL_FAILS);
            }
        }
    }
}

fn settling(turn: &mut Turn<'_>, since: Timestamp) {
    turn.hurry = true;
    let patience = since + choose::PATIENCE;
    let known = choose::both_known(turn);
    match choose::writer(turn) {
        Err(why) => hold(turn, why),
        Ok(None) => {}
        Ok(Some(_)) if known || turn.now() >= patience => {
            lift_own_pause(turn);
            let event = if turn.memory.durable.pause.is_some() {
                Event::PauseSet
            } else {
                Event::Known
            };
            go(turn, event, None);
        }
        Ok(Some(_)) => turn.wake(patience),
    }
}

/// Names what holds the pair. A standby's relay logs may be all that is left of the writer's tail: they
/// are copied aside before anybody touches them.
fn holding(turn: &mut Turn<'_>, why: &Why, since: Timestamp) {
    let mut detail = why.to_string();
    if let Some(writer) = turn.memory.writer().filter(|writer| turn.is_dead(*writer)) {
        let standby = writer.peer();
        loss::files::ask_files(turn, writer);
        let saved = turn
            .work(Some(standby))
            .done_since(ActionKind::SaveRelay, since);
        match saved.map(|saved| &saved.result) {
            Some(Ok(Brought::RelaySaved { to, files })) => {
                let name = turn.policy.name(standby);
                let files = files.join(", ");
                detail = format!("{detail}; the relay logs of {name} are copied to {to}: {files}");
            }
            Some(_) => {}
            None => {
                let look = turn.server(standby);
                let received = look.map_or_else(GtidSet::new, Turn::unapplied);
                let side = standby;
                turn.act(Action::SaveRelay { side, received });
            }
        }
    }
    turn.find(Finding::of_pair(Kind::Holding, detail));
}

/// A clean stop's pause ends with the next start; an operator's does not.
fn lift_own_pause(turn: &mut Turn<'_>) {
    let pause = &mut turn.memory.durable.pause;
    if !turn.facts.stopping
        && pause
            .as_ref()
            .is_some_and(|pause| pause.by == PausedBy::CleanStop)
    {
        *pause = None;
    }
}

/// Serving, holding and paused differ in what may be done about a lost writer, which the loss knows.
pub(super) fn serving(turn: &mut Turn<'_>) -> bool {
    let writer = match choose::writer(turn) {
        Ok(Some(writer)) => writer,
        Ok(None) => return false,
        Err(why) => {
            hold(turn, why);
            return false;
        }
    };
    death::note_waiting(turn, writer);
    forget_kill(turn, writer);
    let verdict = death::verdict(turn, writer);
    turn.hurry |= death::is_waiting(turn, writer);
    turn.wake(death::next_judgement(turn, writer));
    name_verdict(turn, writer, &verdict);
    name_refused_logins(turn, writer, &verdict);
    name_reader_exit(turn, writer.peer());
    let mut restart = false;
    if verdict == Verdict::Dead {
        // What was received must be applied now, whoever takes over.
        turn.memory.durable.holds[writer.peer()].applier = None;
    }
    if !verdict.is_lost() {
        turn.memory.lost_since = None;
    } else {
        match loss::answer(turn, writer, &verdict) {
            Answer::Promote { why, proven } => {
                promote_now(turn, writer.peer(), why, proven);
                return false;
            }
            Answer::Restart(why) => {
                turn.find_at(
                    writer,
                    Kind::WriterProcessExited,
                    format!("it is started again in place: {why}"),
                );
                restart = true;
            }
            Answer::Leave(why) => turn.find(Finding::of_pair(
                Kind::Holding,
                format!("left alone: {why}"),
            )),
            Answer::Starting => {}
            Answer::Wait => turn.hurry = true,
            Answer::Hold(why) => {
                hold(turn, why);
                return false;
            }
        }
    }
    match serve(turn, writer, &verdict) {
        Ok(()) => settle_label(turn),
        Err(why) => hold(turn, why),
    }
    binlogs::steps(turn);
    plan_moves(turn, writer, &verdict);
    restart
}

/// Whoever prepared them may be gone, perhaps with the writer before: their locks stay, and no switchover begins.
fn name_prepared_xa(turn: &mut Turn<'_>, writer: Side) {
    let open = turn.server(writer).map_or(0, |look| look.prepared_xa);
    if open == 0 {
        turn.memory.xa_since = None;
        return;
    }
    let since = *turn.memory.xa_since.get_or_insert(turn.facts.now);
    if turn.now() < since + XA_ENDS {
        turn.wake(since + XA_ENDS);
    } else {
        let detail = format!("{open} for {} s", XA_ENDS.as_secs());
        turn.find_at(writer, Kind::PreparedXa, detail);
    }
}

/// The begin record of a kill that did not come to pass: the writer answers, and how it dies later is another
/// story.
fn forget_kill(turn: &mut Turn<'_>, writer: Side) {
    let killed = turn.memory.durable.killed[writer].as_ref();
    let answers = turn
        .server(writer)
        .is_some_and(|look| killed == Some(&look.incarnation));
    if answers && turn.is_settled(writer, ActionKind::Kill) {
        turn.memory.durable.killed[writer] = None;
    }
}

/// Everything a pair needs while `writer` is the register's writer.
fn serve(turn: &mut Turn<'_>, writer: Side, verdict: &Verdict) -> Result<(), Why> {
    if !turn.lives(writer) {
        sync::steps(turn, writer, verdict);
        return Ok(());
    }
    serve::steps(turn, writer)?;
    name_prepared_xa(turn, writer);
    events::steps(turn, writer);
    strays::steps(turn, writer.peer());
    forget::steps(turn, writer, verdict);
    sync::steps(turn, writer, verdict);
    rejoin::steps(turn, writer);
    link::steps(turn, writer);
    endpoint::steps(turn, writer);
    Ok(())
}

/// Moves that nobody asked for: away from a failing disk, and back to the preferred member.
fn plan_moves(turn: &mut Turn<'_>, writer: Side, verdict: &Verdict) {
    let reader = writer.peer();
    let healthy = *verdict == Verdict::Fine && guard::all_hold(&guard::failover(turn, reader));
    if !healthy || turn.memory.state != State::Serving || turn.facts.stopping {
        turn.memory.healthy_since = None;
        return;
    }
    let healthy = *turn.memory.healthy_since.get_or_insert(turn.facts.now);
    let disk = &turn.member(writer).probes.disk;
    let (since, wait, why) = if disk.error.is_some() {
        let wrote = disk.last_ok.unwrap_or(Timestamp::BOOT);
        (healthy.max(wrote), HEALTHY_FOR, "the writer's disk fails")
    } else if turn.policy.prefer == Some(reader) {
        (
            healthy,
            turn.policy.failback_after,
            "the preferred member is healthy again",
        )
    } else {
        return;
    };
    turn.wake(since + wait);
    let due = turn.now().since(since) >= wait;
    if due && guard::all_hold(&guard::switchover(turn, reader, false)) {
        requests::begin_switchover(turn, reader, why.into());
    }
}

fn name_verdict(turn: &mut Turn<'_>, writer: Side, verdict: &Verdict) {
    let (kind, detail) = match verdict {
        Verdict::Fine => return,
        Verdict::Dead => {
            let ended = turn.process(writer).and_then(|process| process.ended);
            let how = ended.map_or_else(|| "it is ending".into(), |ended| ended.to_string());
            (Kind::WriterProcessExited, how)
        }
        Verdict::Hung(how) => (Kind::WriterHung, how.clone()),
        Verdict::Refuses(how) => (Kind::WriterRefuses, how.clone()),
        Verdict::ReaderIll => {
            let reader = writer.peer();
            turn.find_at(
                reader,
                Kind::ReaderIll,
                "commits wait for its acknowledgement",
            );
            return;
        }
        Verdict::Blocked(who) => (Kind::WritesBlocked, who.clone()),
        Verdict::Busy(how) => (Kind::WriterBusy, how.clone()),
        Verdict::HostStalled(why) => {
            turn.find(Finding::of_pair(Kind::HostStalled, why.clone()));
            return;
        }
    };
    turn.find_at(writer, kind, detail);
}

/// Nobody new is let in for too long, while open sessions are served: no loss, as the server serves who is there.
fn name_refused_logins(turn: &mut Turn<'_>, writer: Side, verdict: &Verdict) {
    let login = &turn.member(writer).probes.login;
    let refused = login.error.as_ref().filter(|error| !error.shows_life());
    let (Some(error), Some(last)) = (refused, login.last_ok) else {
        return;
    };
    let since = last.max(turn.memory.lives_since[writer]);
    if *verdict == Verdict::Fine && turn.now().since(since) >= turn.policy.hang.refusal {
        let detail = format!(
            "open sessions are served, new ones are not let in: {}",
            error.text
        );
        turn.find_at(writer, Kind::LoginRefused, detail);
    }
}

fn name_reader_exit(turn: &mut Turn<'_>, reader: Side) {
    let Some(process) = turn.process(reader).filter(|process| !process.lives()) else {
        return;
    };
    if process.incarnation.is_some() {
        let how = process
            .ended
            .map_or_else(|| "it ended".into(), |ended| ended.to_string());
        turn.find_at(reader, Kind::ReaderProcessExited, how);
    }
}

/// Follows the edge, if the table has one. Returns whether it has.
pub(super) fn go(turn: &mut Turn<'_>, event: Event, state: Option<State>) -> bool {
    let Some(row) = next(name(&turn.memory.state), event) else {
        return false;
    };
    turn.memory.state = match (row.to, state) {
        (_, Some(state)) => state,
        (Name::Paused, None) => State::Paused,
        (Name::Settling, None) => State::Settling { since: turn.now() },
        (Name::Serving | Name::Switching | Name::Promoting | Name::Holding, None) => State::Serving,
    };
    true
}

fn hold(turn: &mut Turn<'_>, why: Why) {
    if let State::Holding { why: held, .. } = &mut turn.memory.state {
        *held = why;
        return;
    }
    let since = turn.now();
    go(turn, Event::NoSafeMove, Some(State::Holding { why, since }));
}

/// Serving, unless an operator paused.
fn settle_label(turn: &mut Turn<'_>) {
    let event = match (&turn.memory.state, turn.memory.durable.pause.is_some()) {
        (State::Paused, false) => Event::PauseLifted,
        (State::Serving | State::Holding { .. }, true) => Event::PauseSet,
        (State::Holding { .. }, false) => Event::Known,
        _ => return,
    };
    if let Some(pause) = &turn.memory.durable.pause {
        let reason = pause.reason.clone();
        turn.find(Finding::of_pair(Kind::Paused, reason));
    }
    go(turn, event, None);
}
