//! What operators see, made from what the loop knows. Pure.

use crate::control::report::{
    Counts, EndpointReport, FindingReport, HoldReport, MemberReport, MemberState, PairReport,
    PairState, Role, ThreadState,
};
use crate::decide::{Decision, Explanation};
use crate::model::facts::{EndpointFact, Facts, MemberFacts};
use crate::model::finding::{Finding, Kind};
use crate::model::gtid::{GtidSet, Origin};
use crate::model::link::{LinkStatus, Receiver, ThreadError};
use crate::model::member::Side;
use crate::model::memory::{Holds, Memory, Pause, PausedBy, State};
use crate::model::policy::Policy;
use crate::model::process::{ProcessFact, ProcessState};
use crate::model::request::{Guard, Thread};
use crate::model::server::ServerFact;

use super::history::History;

/// The report of a pair after a decision. `explained` is made of the same facts and the decision's memory.
pub fn report(
    policy: &Policy,
    facts: &Facts,
    decision: &Decision,
    explained: Explanation,
    history: &History,
) -> PairReport {
    let memory = &decision.memory;
    let register = memory.durable.register.as_ref();
    let name = |side| policy.name(side).to_owned();
    let in_sync = register.and_then(|r| Some((r.writer.peer(), r.in_sync.as_ref()?)));
    PairReport {
        pair: policy.pair.clone(),
        family: policy.family,
        durability: policy.durability,
        automation: policy.automation,
        state: state(&memory.state),
        detail: detail(policy, memory),
        epoch: register.map(|r| r.epoch),
        writer: register.map(|r| name(r.writer)),
        in_sync: in_sync.is_some_and(|(standby, life)| {
            let process = facts.members[standby].process.as_ref();
            process.and_then(ProcessFact::living) == Some(life)
        }),
        failover_ready: all_hold(&explained.failover),
        members: Side::BOTH
            .into_iter()
            .map(|side| member(policy, facts, memory, &explained, side))
            .collect(),
        endpoint: facts.endpoint.as_ref().map(|e| endpoint(policy, e)),
        cooldown_until_ms: cooldown(policy, memory, facts.wall_ms),
        findings: decision
            .findings
            .iter()
            .map(|f| finding(policy, f))
            .collect(),
        guards: explained.failover,
        switchover_guards: explained.switchover,
        operations: history.report(policy, &memory.durable.changes),
        last_refusal: memory.last_failure().map(str::to_owned),
        counts: Counts::default(),
    }
}

/// The one line for systemd's `STATUS=` and for the end of `list`.
pub fn summary(report: &PairReport) -> String {
    let writer = match &report.writer {
        Some(writer) => format!("writer {writer}"),
        None => "no writer chosen yet".to_owned(),
    };
    let reader = report.reader().map(|reader| {
        let lag = reader.lag_ms.map(|ms| format!(" lag {ms} ms"));
        format!(
            ", reader {} {}{}",
            reader.name,
            reader.state,
            lag.unwrap_or_default()
        )
    });
    let ready = match report.failover_ready {
        true => "failover ready",
        false => "failover not ready",
    };
    let refused = Kind::ConfigRefused.to_string();
    let refused = match report
        .findings
        .iter()
        .any(|finding| finding.kind == refused)
    {
        true => "; the configuration on disk is refused",
        false => "",
    };
    format!(
        "{}: {}, {writer}{}; {ready}{refused}",
        report.pair,
        report.state,
        reader.unwrap_or_default()
    )
}

/// Until when anti-flapping holds automatic moves back: by then the oldest of the role changes that
/// fill its limit is out of the window.
fn cooldown(policy: &Policy, memory: &Memory, now_ms: u64) -> Option<u64> {
    let limit = usize::try_from(policy.flap.changes).ok()?.checked_sub(1)?;
    let window = u64::try_from(policy.flap.window.as_millis()).unwrap_or(u64::MAX);
    let changes = memory.durable.changes.iter().rev();
    let mut counted = changes.filter(|change| !change.planned && !change.acked);
    let until = counted.nth(limit)?.at_ms.saturating_add(window);
    (until >= now_ms).then_some(until)
}

/// Nothing is proven by no guards.
fn all_hold(guards: &[Guard]) -> bool {
    !guards.is_empty() && guards.iter().all(|guard| guard.ok)
}

fn state(state: &State) -> PairState {
    match state {
        State::Settling { .. } => PairState::Settling,
        State::Serving => PairState::Serving,
        State::Switching(_) => PairState::Switching,
        State::Promoting(_) => PairState::Promoting,
        State::Holding { .. } => PairState::Holding,
        State::Paused => PairState::Paused,
    }
}

fn detail(policy: &Policy, memory: &Memory) -> Option<String> {
    let paused = memory.durable.pause.as_ref().map(pause);
    match &memory.state {
        State::Settling { .. } => Some("looking at both members".to_owned()),
        State::Serving | State::Paused => paused,
        State::Switching(s) => Some(format!("to {}: {:?}", policy.name(s.to), s.stage)),
        State::Promoting(p) => Some(format!("{}: {}", policy.name(p.to), p.why)),
        State::Holding { why, .. } => Some(why.to_string()),
    }
}

fn pause(pause: &Pause) -> String {
    let by = match pause.by {
        PausedBy::Operator => "by an operator",
        PausedBy::CleanStop => "by the daemon's own stop",
    };
    let until = match pause.until_ms {
        Some(ms) => format!(" until {}", time(ms)),
        None => String::new(),
    };
    format!("paused {by}{until}: {}", pause.reason)
}

/// A moment of the wall clock for people, in UTC.
pub fn time(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => at.to_string(),
        Err(_) => format!("{unix_ms} ms"),
    }
}

fn member(
    policy: &Policy,
    facts: &Facts,
    memory: &Memory,
    explained: &Explanation,
    side: Side,
) -> MemberReport {
    let seen = &facts.members[side];
    let fixed = &policy.members[side];
    let process = seen.process.as_ref();
    let role = match memory.writer() {
        Some(writer) if writer == side => Role::Writer,
        Some(_) => Role::Reader,
        None => Role::Unknown,
    };
    let lives = process.is_some_and(ProcessFact::lives);
    let answers = seen
        .server
        .as_ref()
        .filter(|_| lives && seen.server_error.is_none());
    let reads = answers.filter(|_| role == Role::Reader);
    let holds = &memory.durable.holds[side];
    let quarantined = memory.durable.quarantine[side].is_some();
    let link = answers.map(|server| server.link.as_ref());
    MemberReport {
        name: fixed.name.clone(),
        role,
        state: member_state(seen),
        host: fixed.host.clone(),
        port: fixed.port,
        server_id: fixed.server_id,
        pid: process.and_then(ProcessFact::living).map(|life| life.pid),
        started: process
            .and_then(ProcessFact::living)
            .map(|life| life.started),
        server_version: seen.server.as_ref().map(|s| s.version.to_string()),
        read_only: answers.map(|server| !server.writable),
        receiver: receiver(link, holds, quarantined),
        applier: applier(link, holds, quarantined, role),
        receiver_errno: errno(answers, |link| link.receiver_error.as_ref()),
        applier_errno: errno(answers, |link| link.applier_error.as_ref()),
        lag_ms: reads.and(explained.lag_ms),
        lag_limit_ms: u64::try_from(policy.endpoint.reader_lag.as_millis()).unwrap_or(u64::MAX),
        gtid_gap: reads.and_then(|reader| {
            let writer = facts.members[side.peer()].server.as_ref()?;
            Some(gap(&writer.executed, &reader.executed))
        }),
        own: reads.map(|_| explained.own),
        holds: held(holds),
        last_error: last_error(seen),
    }
}

fn errno(
    server: Option<&ServerFact>,
    of: impl Fn(&LinkStatus) -> Option<&ThreadError>,
) -> Option<u32> {
    of(server?.link.as_ref()?).map(|error| error.errno)
}

fn member_state(seen: &MemberFacts) -> MemberState {
    let Some(process) = &seen.process else {
        return MemberState::Unknown;
    };
    match process.state {
        ProcessState::Gone => MemberState::Down,
        ProcessState::Exiting => MemberState::Exiting,
        ProcessState::Stopped => MemberState::Frozen,
        ProcessState::DiskSleep if seen.server_error.is_some() => MemberState::DiskWait,
        ProcessState::Running | ProcessState::DiskSleep => {
            match (&seen.server, &seen.server_error) {
                (Some(_), None) => MemberState::Running,
                (None, None) => MemberState::Unknown,
                (_, Some(_)) => MemberState::Silent,
            }
        }
    }
}

fn receiver(link: Option<Option<&LinkStatus>>, holds: &Holds, quarantined: bool) -> ThreadState {
    let link = match link {
        None => return ThreadState::Unknown,
        Some(None) => return ThreadState::None,
        Some(Some(link)) => link,
    };
    match link.receiver {
        Receiver::Running => ThreadState::Running,
        Receiver::Connecting => ThreadState::Connecting,
        Receiver::Stopped if quarantined => ThreadState::Quarantined,
        Receiver::Stopped if holds.receiver.is_some() => ThreadState::Held,
        Receiver::Stopped if link.receiver_error.is_some() => ThreadState::Broken,
        Receiver::Stopped => ThreadState::Stopped,
    }
}

fn applier(
    link: Option<Option<&LinkStatus>>,
    holds: &Holds,
    quarantined: bool,
    role: Role,
) -> ThreadState {
    let link = match link {
        None => return ThreadState::Unknown,
        Some(None) => return ThreadState::None,
        Some(Some(link)) => link,
    };
    match link.applier {
        true => ThreadState::Running,
        false if link.applier_error.is_some() => ThreadState::Broken,
        false if quarantined => ThreadState::Quarantined,
        false if role == Role::Writer => ThreadState::Gated,
        false if holds.applier.is_some() => ThreadState::Held,
        false => ThreadState::Stopped,
    }
}

/// Transactions of `writer` that `reader` lacks. MariaDB counts one sequence per domain whichever server
/// commits, so its gap is the distance of the highest numbers there.
fn gap(writer: &GtidSet, reader: &GtidSet) -> u64 {
    let lacking = writer.subtract(reader);
    let mut mysql = GtidSet::new();
    let mut domains = std::collections::BTreeSet::new();
    for (origin, numbers) in lacking.iter() {
        match origin {
            Origin::Mysql { .. } => {
                for (first, last) in numbers.iter() {
                    mysql.insert_range(origin.clone(), first, last);
                }
            }
            Origin::Mariadb { domain, .. } => {
                domains.insert(*domain);
            }
        }
    }
    let highest = |set: &GtidSet, in_domain| {
        let of = set
            .iter()
            .filter(|(o, _)| matches!(o, Origin::Mariadb { domain, .. } if *domain == in_domain));
        of.filter_map(|(_, numbers)| numbers.last())
            .max()
            .unwrap_or(0)
    };
    domains.into_iter().fold(mysql.count(), |sum, domain| {
        let ahead = highest(writer, domain).saturating_sub(highest(reader, domain));
        sum.saturating_add(ahead)
    })
}

fn held(holds: &Holds) -> Vec<HoldReport> {
    let of = |thread, held: &Option<crate::model::memory::Held>| {
        held.as_ref().map(|held| HoldReport {
            thread,
            reason: held.reason.clone(),
            until_ms: held.until_ms,
        })
    };
    let both = [
        of(Thread::Receiver, &holds.receiver),
        of(Thread::Applier, &holds.applier),
    ];
    both.into_iter().flatten().collect()
}

fn last_error(seen: &MemberFacts) -> Option<String> {
    if let Some(error) = &seen.server_error {
        return Some(match error.errno {
            Some(errno) => format!("{errno}: {}", error.text),
            None => error.text.clone(),
        });
    }
    let link = seen.server.as_ref()?.link.as_ref()?;
    let (thread, error) = match (&link.applier_error, &link.receiver_error) {
        (Some(error), _) => ("applier", error),
        (None, Some(error)) => ("receiver", error),
        (None, None) => return None,
    };
    Some(format!("{thread}: {}: {}", error.errno, error.text))
}

fn endpoint(policy: &Policy, fact: &EndpointFact) -> EndpointReport {
    let name = |side: Option<Side>| side.map(|side| policy.name(side).to_owned());
    EndpointReport {
        writer: name(fact.writer),
        reader: name(fact.reader),
        address: fact.address,
        answered: fact.answered.map(|(server_id, _)| server_id),
        error: fact.error.clone(),
    }
}

fn finding(policy: &Policy, finding: &Finding) -> FindingReport {
    FindingReport {
        kind: finding.kind.to_string(),
        severity: finding.kind.severity(),
        member: finding.side.map(|side| policy.name(side).to_owned()),
        meaning: finding.kind.meaning().to_owned(),
        detail: finding.detail.clone(),
        remedy: finding.kind.remedy().to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests;
