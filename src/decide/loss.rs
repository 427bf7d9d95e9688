//! The writer is gone: may its standby take over, or must the same server come back?

pub(super) mod files;

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::member::Side;
use crate::model::memory::Why;
use crate::model::policy::{Automation, Durability, HookEvent};
use crate::model::server::ServerFact;

use self::files::{Files, compare};
use super::death::{self, Verdict};
use super::endpoint;
use super::flap;
use super::guard;
use super::instance::{self, STARTS_IN_VAIN};
use super::promote;
use super::strays::{barring, told};
use super::turn::Turn;

/// What follows from the loss of the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The standby takes over; it is proven to have everything acknowledged, or only nearly so.
    Promote { why: String, proven: bool },
    /// The same server is started again as writer, uncut.
    Restart(String),
    /// It is being started again.
    Starting,
    /// It lives, and yet nobody may take over: it is left alone.
    Leave(String),
    /// A fact is still missing; it has been asked for.
    Wait,
    /// No safe move.
    Hold(Why),
}

/// A standby whose last answer is old has this time to give another one: we may be late ourselves.
const ANSWERS_AGAIN: Duration = Duration::from_secs(1);
/// A gating hook that refused is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// Answers the verdict on the writer.
pub(super) fn answer(turn: &mut Turn<'_>, writer: Side, verdict: &Verdict) -> Answer {
    let standby = writer.peer();
    let dead = turn.is_dead(writer);
    let lost = *turn.memory.lost_since.get_or_insert(turn.facts.now);
    if turn.work(Some(writer)).runs(ActionKind::Start) {
        // What that life brings has to be seen first: its files are no longer those of the one that was lost.
        return Answer::Starting;
    }
    if let Some(why) = moves_forbidden(turn) {
        return in_place(turn, writer, why);
    }
    if turn.is_dead(standby) {
        return in_place(turn, writer, "the standby is down as well".into());
    }
    // Whichever is up again first, the register's writer has everything.
    if dead && !instance::cannot_start(turn, writer) {
        if ended_with_the_boot(turn, writer) {
            return in_place(turn, writer, "the host was booted".into());
        }
        if turn.memory.both_died {
            return in_place(turn, writer, "both members had died".into());
        }
    }
    let lives_since = turn.memory.lives_since[standby];
    if promote::is_silent(turn, standby, lives_since) {
        if turn.now() >= lost + ANSWERS_AGAIN {
            return in_place(turn, writer, "the standby does not answer".into());
        }
        turn.wake(lost + ANSWERS_AGAIN);
        turn.hurry = true;
        return Answer::Wait;
    }
    let Some(look) = turn.server(standby) else {
        turn.hurry = true;
        return Answer::Wait;
    };
    if let Some(why) = unfit(turn, standby, look) {
        return in_place(turn, writer, why);
    }
    if let Some(why) = refused_by_hook(turn) {
        return in_place(turn, writer, why);
    }
    let by_order = may_acknowledge_by_order(turn, writer);
    if guard::is_in_sync(turn, standby) && !by_order {
        return Answer::Promote {
            why: describe(turn, writer, verdict),
            proven: promote::never_fell_back(turn, writer),
        };
    }
    if !dead {
        if matches!(verdict, Verdict::Refuses(_)) {
            return kill_and_see(turn, writer);
        }
        return Answer::Leave("its standby is not proven complete".into());
    }
    if turn.policy.durability == Durability::Available && within_max_lag(turn, standby) {
        let why = describe(turn, writer, verdict);
        return Answer::Promote {
            why: format!("{why}; the standby is within max_lag"),
            proven: false,
        };
    }
    by_files(turn, writer, look, by_order)
}

/// Its last life was one of another boot.
fn ended_with_the_boot(turn: &Turn<'_>, side: Side) -> bool {
    let last = turn
        .process(side)
        .and_then(|process| process.incarnation.as_ref());
    last.is_some_and(|life| life.boot != turn.facts.boot)
}

/// The writer was or is being stopped by order, as far as anybody can tell: it may acknowledge what its
/// standby has not got.
pub(super) fn may_acknowledge_by_order(turn: &Turn<'_>, writer: Side) -> bool {
    let killed = turn.memory.durable.killed[writer].as_ref();
    turn.process(writer).is_some_and(|process| {
        // A living process that only refuses may be stopping by order; one that hangs is not.
        match process.lives() {
            true => process.stops_by_order,
            false => death::may_have_ended_by_order(process, killed),
        }
    })
}

fn describe(turn: &Turn<'_>, writer: Side, verdict: &Verdict) -> String {
    let name = turn.policy.name(writer);
    if let Verdict::Hung(how) = verdict {
        format!("{name} hangs: {how}")
    } else if let Verdict::Refuses(how) = verdict {
        format!("{name} refuses logins: {how}")
    } else {
        format!("the process of {name} ended")
    }
}

fn moves_forbidden(turn: &Turn<'_>) -> Option<String> {
    if let Some(pause) = &turn.memory.durable.pause {
        return Some(format!("paused: {}", pause.reason));
    }
    if turn.policy.automation == Automation::Manual {
        return Some("failover = \"manual\"".into());
    }
    flap::stops_moves(turn).then(|| "too many unplanned role changes; dualmasterctl ack".into())
}

/// A gating hook has refused this move a moment ago: it is not asked again at once.
fn refused_by_hook(turn: &mut Turn<'_>) -> Option<String> {
    let ended = turn.facts.pair.ended.get(&ActionKind::Gate)?;
    if !matches!(&ended.action, Action::Gate(call) if call.event == HookEvent::PreFailover) {
        return None;
    }
    let again = ended.at + ASK_AGAIN;
    let refused = ended.result.as_ref().err().map(ToString::to_string);
    let gates = turn.policy.gating_hooks.contains(&HookEvent::PreFailover);
    if gates && refused.is_some() && turn.now() < again {
        turn.wake(again);
        return refused.map(|why| format!("the pre_failover hook refused: {why}"));
    }
    None
}

/// What keeps a living standby from ever being opened, whatever the sets say.
fn unfit(turn: &mut Turn<'_>, standby: Side, look: &ServerFact) -> Option<String> {
    if !barring(turn, standby).is_empty() {
        let own = told(turn, standby);
        return Some(format!("the standby has transactions of its own: {own}"));
    }
    if let Some(error) = &turn.member(standby).probes.disk.error {
        return Some(format!("the standby's disk fails: {}", error.text));
    }
    if let Some(quarantine) = &turn.memory.durable.quarantine[standby] {
        return Some(format!("the standby is quarantined: {}", quarantine.why));
    }
    if turn.memory.durable.rejoin[standby].is_some() {
        return Some("the standby has not rejoined yet".into());
    }
    if let Some(why) = promote::held_up(turn, standby, look) {
        return Some(why);
    }
    let link = look.link.as_ref()?;
    if let Some(error) = &link.applier_error {
        return Some(format!(
            "the standby's applier stopped: {} {}",
            error.errno, error.text
        ));
    }
    if let Some(why) = turn.cannot_read_received(standby, look) {
        return Some(format!("the standby cannot read what it received: {why}"));
    }
    if link.delay_s > 0 {
        return Some(format!(
            "the standby's applier is delayed by {} s",
            link.delay_s
        ));
    }
    turn.loses_relay_log(look)
        .then(|| "the standby has unapplied transactions and both its threads are stopped".into())
}

/// The same server again, if it is dead and has not been tried too often.
fn in_place(turn: &mut Turn<'_>, writer: Side, why: String) -> Answer {
    if !turn.is_dead(writer) {
        return Answer::Leave(why);
    }
    let starts = turn.memory.starts[writer].in_vain;
    if starts >= STARTS_IN_VAIN {
        return Answer::Hold(Why::WriterDoesNotStart {
            reason: format!(
                "{why}; started {starts} times without an answer; dualmasterctl ack tries again"
            ),
        });
    }
    Answer::Restart(why)
}

fn kill_and_see(turn: &mut Turn<'_>, writer: Side) -> Answer {
    if let Some(life) = turn
        .process(writer)
        .and_then(|process| process.living())
        .cloned()
    {
        turn.memory.durable.killed[writer] = Some(life.clone());
        turn.act(Action::Kill { side: writer, life });
    }
    Answer::Wait
}

/// By the writer's own rows and our monotonic clock, so that a step of the wall clock brings nobody nearer.
fn within_max_lag(turn: &Turn<'_>, standby: Side) -> bool {
    let Some(last) = &turn.member(standby.peer()).server else {
        return false;
    };
    let behind = endpoint::lag(turn, standby);
    behind.is_some_and(|behind| behind + turn.now().since(last.asked) <= turn.policy.max_lag)
}

/// The file rule: the dead server's own files tell whether the standby lacks anything.
fn by_files(turn: &mut Turn<'_>, writer: Side, look: &ServerFact, by_order: bool) -> Answer {
    match compare(turn, writer, look) {
        Files::Unknown => Answer::Wait,
        Files::NoLife => in_place(turn, writer, "nothing is known of its last life".into()),
        Files::Complete => {
            let how = if by_order {
                "stopped by order"
            } else {
                "not recorded as in sync"
            };
            Answer::Promote {
                why: format!(
                    "the writer ended ({how}) and its files hold nothing that the standby lacks"
                ),
                proven: true,
            }
        }
        Files::Lacking(lacking) => in_place(
            turn,
            writer,
            format!(
                "the standby lacks {} transactions of its files: {lacking}",
                lacking.count()
            ),
        ),
        Files::Failed(why) => in_place(
            turn,
            writer,
            format!("its files could not be compared: {why}"),
        ),
    }
}
