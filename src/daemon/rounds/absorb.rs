//! How a new fact, an outcome or an answer of the store enters the one view of the world.

use crate::act::Ended;
use crate::model::action::Outcome;
use crate::model::facts::{Facts, MemberFacts, Work};
use crate::model::incarnation::Incarnation;
use crate::model::member::Side;
use crate::model::probe::{ProbeError, ProbeFact, ProbeKind};
use crate::model::process::{ProcessFact, ProcessState};
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;
use crate::observe::Seen;

/// What the kernel says of a life at this moment, if that can be told.
pub(super) trait Now: FnOnce(&Incarnation) -> Option<ProcessState> {}

impl<F: FnOnce(&Incarnation) -> Option<ProcessState>> Now for F {}

/// Takes a fact in. Returns whether it may change a decision: an answer that only repeats that all is
/// well need not wake the loop. `process` says what the kernel says of a life now.
pub(super) fn seen(facts: &mut Facts, new: Seen, process: impl Now) -> bool {
    match new {
        Seen::Process(side, fact) => take_process(&mut facts.members[side], fact),
        Seen::Instance(side, instance) => facts.members[side].instance = Some(instance),
        Seen::Look(side, look) => take_look(&mut facts.members[side], *look, process),
        Seen::Probe(side, kind, fact) => return take_probe(facts, side, kind, fact, process),
        Seen::Accounts(side, accounts) => facts.members[side].privileged = accounts,
        Seen::Endpoint(endpoint) => facts.endpoint = Some(endpoint),
    }
    true
}

/// What was found out of one life stays true of it.
fn take_process(member: &mut MemberFacts, mut process: ProcessFact) {
    if let Some(before) = &member.process
        && before.incarnation == process.incarnation
    {
        process.stops_by_order |= before.stops_by_order;
        let told = process.ended.filter(|how| how.is_known());
        process.ended = told.or(before.ended).or(process.ended);
        process.watched |= before.watched;
    }
    member.process = Some(process);
}

fn take_look(member: &mut MemberFacts, look: Result<ServerFact, ProbeError>, process: impl Now) {
    match look {
        Ok(look) => {
            member.server = Some(look);
            member.server_error = None;
        }
        Err(error) => {
            note_order(member, &error, process);
            member.server_error = Some(error);
        }
    }
}

fn take_probe(
    facts: &mut Facts,
    side: Side,
    kind: ProbeKind,
    fact: ProbeFact,
    process: impl Now,
) -> bool {
    let member = &mut facts.members[side];
    if let Some(error) = &fact.error {
        note_order(member, error, process);
    } else if kind == ProbeKind::Login {
        forgive(member, &fact);
    }
    let probes = &mut member.probes;
    let slot = match kind {
        ProbeKind::Ping => &mut probes.ping,
        ProbeKind::LocalWrite => &mut probes.local_write,
        ProbeKind::Heartbeat => &mut probes.heartbeat,
        ProbeKind::Login => &mut probes.login,
        ProbeKind::Disk => &mut probes.disk,
    };
    let was_well = slot.pending_since.is_none() && slot.error.is_none();
    let is_well = fact.pending_since.is_none() && fact.error.is_none();
    *slot = fact;
    !(was_well && is_well)
}

/// A session that ends, or a login that is refused, while `/proc` shows no exiting flag: the server
/// stops by order. A killed server's sockets close only after that flag is up; and one that has never
/// answered yet only starts.
fn note_order(member: &mut MemberFacts, error: &ProbeError, now: impl Now) {
    let Some(process) = member.process.as_mut().filter(|_| error.lost) else {
        return;
    };
    let answered = member.server.as_ref().map(|look| &look.incarnation);
    let Some(life) = process.living().filter(|life| answered == Some(*life)) else {
        return;
    };
    // A frozen process ends nothing: what was lost then was lost on the way.
    let executes = |state| matches!(state, ProcessState::Running | ProcessState::DiskSleep);
    if !process.stops_by_order && now(life).is_some_and(executes) {
        tracing::info!(
            error = error.text,
            "a session ended while its server lives: it may stop by order"
        );
        process.stops_by_order = true;
        process.at = process.at.max(error.at);
    }
}

/// A server that lets somebody in again does not stop: a session of ours was ended by hand.
fn forgive(member: &mut MemberFacts, login: &ProbeFact) {
    let lost_at = member
        .server_error
        .as_ref()
        .map_or(Timestamp::BOOT, |error| error.at);
    if let Some(process) = &mut member.process
        && process.lives()
        && login
            .last_ok_sent
            .is_some_and(|sent| sent > lost_at && sent > process.at)
    {
        process.stops_by_order = false;
    }
}

/// Takes in how an action ended.
pub(super) fn ended(facts: &mut Facts, ended: Ended) {
    let (side, kind) = (ended.step.action.side(), ended.step.action.kind());
    let work = work(facts, side);
    let before = work.ended.get(&kind).map_or(0, |outcome| outcome.failures);
    let failures = if ended.result.is_err() { before + 1 } else { 0 };
    work.running.remove(&kind);
    work.ended.insert(
        kind,
        Outcome {
            action: ended.step.action,
            begun: ended.begun,
            at: ended.at,
            result: ended.result,
            failures,
        },
    );
}

/// The work at a member, or at the pair's own things.
pub(super) fn work(facts: &mut Facts, side: Option<Side>) -> &mut Work {
    match side {
        Some(side) => &mut facts.members[side].work,
        None => &mut facts.pair,
    }
}

#[cfg(test)]
mod tests;
