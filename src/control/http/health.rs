//! Health checks for load balancers, by Patroni's paths: 200 or 503, with the reason.
//!
//! Asked of a pair, a check is about what the pair can do for clients; asked of a member, about that
//! member.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::control::report::{MemberReport, MemberState, PairReport, PairState, Role, ThreadState};

/// A loop that has not turned for this long is not alive. At rest it turns several times a second, unless
/// `hang.interval` is long.
const TURNS_WITHIN: Duration = Duration::from_secs(15);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// It takes writes.
    Primary,
    /// It serves reads, and is behind by no more than the limit.
    Replica,
    /// It serves reads: either of the two.
    ReadOnly,
    /// Its server answers; of a pair: the writer's.
    Health,
    /// The daemon's loop turns.
    Liveness,
    /// It can be used in its role; of a pair: it takes writes.
    Readiness,
}

/// The paths.
pub(super) const CHECKS: [(&str, Check); 9] = [
    ("", Check::Primary),
    ("primary", Check::Primary),
    ("read-write", Check::Primary),
    ("leader", Check::Primary),
    ("replica", Check::Replica),
    ("read-only", Check::ReadOnly),
    ("health", Check::Health),
    ("liveness", Check::Liveness),
    ("readiness", Check::Readiness),
];

/// `?lag=5s`: how far behind a replica may be. The endpoint's own `reader_lag` where it is not said.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Lag {
    #[serde(default, deserialize_with = "span")]
    pub(super) lag: Option<Duration>,
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| de::Error::custom("a duration with its unit, as in lag=5s"))?;
    Duration::try_from(span)
        .map(Some)
        .map_err(|_| de::Error::custom("a lag is not negative"))
}

/// A question.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) check: Check,
    pub(super) member: Option<&'a str>,
    pub(super) lag: Lag,
    /// When the pair's loop last turned.
    pub(super) turned_ago: Duration,
}

/// The answer: good where there is no reason against it.
#[derive(Debug, Serialize)]
pub(super) struct Verdict<'a> {
    pair: &'a str,
    state: PairState,
    writer: Option<&'a str>,
    in_sync: bool,
    failover_allowed: bool,
    /// The member that the answer is about.
    member: Option<&'a str>,
    lag_ms: Option<u64>,
    /// Why it is bad.
    pub(super) reason: Option<String>,
}

/// The answer; `None` where there is no such member.
pub(super) fn verdict<'a>(report: &'a PairReport, asked: &Asked<'_>) -> Option<Verdict<'a>> {
    let of_role = |role| report.members.iter().find(|m| m.role == role);
    let member = match (asked.member, asked.check) {
        (Some(name), _) => Some(report.members.iter().find(|m| m.name == name)?),
        (None, Check::Replica) => of_role(Role::Reader),
        (None, _) => of_role(Role::Writer),
    };
    let result = match (asked.check, member) {
        (Check::Liveness, _) => alive(report, asked.turned_ago),
        (_, _) if asked.turned_ago > TURNS_WITHIN => Err("what is known is old".to_owned()),
        (_, None) => Err("no writer was chosen yet".to_owned()),
        (check, Some(member)) => of_member(check, member, asked),
    };
    Some(Verdict {
        pair: &report.pair,
        state: report.state,
        writer: report.writer.as_deref(),
        in_sync: report.in_sync,
        failover_allowed: report.failover_ready,
        member: member.map(|member| member.name.as_str()),
        lag_ms: member.and_then(|member| member.lag_ms),
        reason: result.err(),
    })
}

fn alive(report: &PairReport, turned_ago: Duration) -> Result<(), String> {
    if report.state == PairState::NotKept {
        return Err(report.detail.clone().unwrap_or_default());
    }
    match turned_ago <= TURNS_WITHIN {
        true => Ok(()),
        false => Err(format!(
            "its loop last turned {} s ago",
            turned_ago.as_secs()
        )),
    }
}

fn of_member(check: Check, member: &MemberReport, asked: &Asked<'_>) -> Result<(), String> {
    match check {
        Check::Health => runs(member),
        Check::Primary => writes(member),
        Check::Replica => reads(member, asked.lag),
        Check::ReadOnly => writes(member).or_else(|_| reads(member, asked.lag)),
        Check::Readiness if asked.member.is_none() => writes(member),
        Check::Readiness => match member.role {
            Role::Reader => reads(member, asked.lag),
            Role::Writer | Role::Unknown => writes(member),
        },
        Check::Liveness => Ok(()),
    }
}

fn runs(member: &MemberReport) -> Result<(), String> {
    match member.state == MemberState::Running {
        true => Ok(()),
        false => Err(format!("{} is {}", member.name, member.state)),
    }
}

fn writes(member: &MemberReport) -> Result<(), String> {
    runs(member)?;
    match (member.role, member.read_only) {
        (Role::Writer, Some(false)) => Ok(()),
        (Role::Writer, _) => Err(format!("{} refuses writes", member.name)),
        (role, _) => Err(format!("{} is {role}", member.name)),
    }
}

fn reads(member: &MemberReport, limit: Lag) -> Result<(), String> {
    runs(member)?;
    if member.role != Role::Reader {
        return Err(format!("{} is {}", member.name, member.role));
    }
    for (thread, state) in [("receiver", member.receiver), ("applier", member.applier)] {
        if state != ThreadState::Running {
            return Err(format!("its {thread} is {state}"));
        }
    }
    let limit_ms = limit
        .lag
        .map_or(u128::from(member.lag_limit_ms), |lag| lag.as_millis());
    match member.lag_ms {
        Some(lag) if u128::from(lag) <= limit_ms => Ok(()),
        Some(lag) => Err(format!(
            "it is {lag} ms behind, and {limit_ms} ms is the limit"
        )),
        None => Err("how far it is behind is unknown".to_owned()),
    }
}
