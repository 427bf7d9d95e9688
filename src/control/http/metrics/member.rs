//! The series of one member: its server, its process, the questions put to it, the link that it holds.

use super::Measured;
use super::family::{Families, Family, Kind, count, flag, seconds};
use super::pairs::Labels;
use crate::control::report::{
    MemberReport, MemberState, OperationKind, PairReport, Role, ThreadState,
};
use crate::model::member::Side;
use crate::model::probe::ProbeKind;

/// Every role.
const ROLES: [&str; 4] = ["writer", "standby", "fenced", "unknown"];

/// A clock tick of `/proc`, in milliseconds: USER_HZ is 100 on every architecture.
const TICK_MS: u64 = 10;

/// All of them.
pub(super) fn all(to: &mut Families, measured: &Measured, member: &MemberReport, boot_at_ms: u64) {
    let report = &measured.report;
    let labels: &Labels<'_> = &[("pair", &report.pair), ("member", &member.name)];
    of_server(to, report, member, labels);
    of_instance(to, report, member, boot_at_ms, labels);
    of_probes(to, measured, member, labels);
    of_link(to, report, member);
}

fn of_server(to: &mut Families, report: &PairReport, member: &MemberReport, labels: &Labels<'_>) {
    let up = Family::gauge("member_up", "The server answers");
    to.put(up, labels, flag(member.state == MemberState::Running));
    let is = role(report, member);
    for role in ROLES {
        let family = Family::gauge("member_role", "1 at the role that the member has");
        let labels = [labels, &[("role", role)]].concat();
        to.put(family, &labels, flag(role == is));
    }
    if let Some(read_only) = member.read_only {
        let family = Family::gauge("member_read_only", "It refuses ordinary writes");
        to.put(family, labels, flag(read_only));
    }
    if let Some(version) = &member.server_version {
        let flavor = report.family.to_string();
        let info = [("flavor", flavor.as_str()), ("version", version.as_str())];
        let family = Family::new("member_server", "What the server is", Kind::Info);
        to.put(family, &[labels, &info].concat(), 1.0);
    }
}

fn of_instance(
    to: &mut Families,
    report: &PairReport,
    member: &MemberReport,
    boot_at_ms: u64,
    labels: &Labels<'_>,
) {
    let process = Family::gauge("instance_running", "The server's process lives");
    to.put(process, labels, flag(member.pid.is_some()));
    let started = Family::counter(
        "instance_restarts",
        "How often the daemon started the server",
    );
    let starts = done(report, member, "Start");
    to.put(started, labels, count(starts));
    if let Some(ticks) = member.started {
        let at = Family::gauge(
            "instance_start_time",
            "When the server's process was started",
        );
        let at_ms = boot_at_ms.saturating_add(ticks.saturating_mul(TICK_MS));
        to.put(at.seconds(), labels, seconds(at_ms));
    }
    if let Some(own) = member.own {
        let family = Family::gauge(
            "errant_transactions",
            "The reader's own transactions, which the writer lacks",
        );
        to.put(family, labels, count(own));
    }
}

fn of_probes(to: &mut Families, measured: &Measured, member: &MemberReport, labels: &Labels<'_>) {
    let first = measured.report.members.first();
    let side = match first.is_some_and(|first| first.name == member.name) {
        true => Side::A,
        false => Side::B,
    };
    for kind in ProbeKind::ALL {
        let probe = measured.meters.probe(side, kind);
        let labels = [labels, &[("kind", kind.name())]].concat();
        let took = Family::new(
            "probe_duration",
            "How long the server took for a good answer",
            Kind::Histogram,
        );
        to.spread(took.seconds(), &labels, &probe.took.spread());
        let failed = Family::counter(
            "probe_failures",
            "Questions that got an error, or no answer within their interval",
        );
        to.put(failed, &labels, count(probe.failed()));
    }
}

/// The member's role for those outside: a reader that stands by; one that is kept away, as the writer that
/// is being replaced and the reader that may have parted are.
fn role(report: &PairReport, member: &MemberReport) -> &'static str {
    let [writer, standby, fenced, unknown] = ROLES;
    let replaced = report.operations.last().is_some_and(|operation| {
        operation.kind == OperationKind::Failover
            && operation.ended.is_none()
            && operation.from.as_ref() == Some(&member.name)
    });
    let parted = [member.receiver, member.applier].contains(&ThreadState::Quarantined);
    match member.role {
        _ if replaced || parted => fenced,
        Role::Writer => writer,
        Role::Reader => standby,
        Role::Unknown => unknown,
    }
}

/// How often this was done to the member.
fn done(report: &PairReport, member: &MemberReport, action: &str) -> u64 {
    let steps = report.counts.steps.iter().filter(|step| {
        step.done && step.action == action && step.member.as_ref() == Some(&member.name)
    });
    steps.map(|step| step.count).sum()
}

fn of_link(to: &mut Families, report: &PairReport, replica: &MemberReport) {
    let source = report.members.iter().find(|m| m.name != replica.name);
    let link = format!("{}->{}", source.map_or("", |m| &m.name), replica.name);
    let labels: &Labels<'_> = &[("pair", &report.pair), ("link", &link)];
    let threads = [
        (
            "link_io_running",
            "The receiver runs and is connected",
            replica.receiver,
        ),
        (
            "link_sql_running",
            "The applier runs; the writer's own is stopped on purpose",
            replica.applier,
        ),
    ];
    for (name, help, state) in threads {
        to.put(
            Family::gauge(name, help),
            labels,
            flag(state == ThreadState::Running),
        );
    }
    let gate = Family::gauge(
        "link_gated",
        "The applier is stopped on purpose, at the writer",
    );
    to.put(gate, labels, flag(replica.applier == ThreadState::Gated));
    let known = Family::gauge("link_configured", "The link is configured");
    let none = [ThreadState::None, ThreadState::Unknown];
    to.put(known, labels, flag(!none.contains(&replica.receiver)));
    let errnos = [
        ("io", replica.receiver_errno),
        ("sql", replica.applier_errno),
    ];
    for (thread, errno) in errnos {
        let family = Family::gauge("link_last_errno", "Why the thread stopped; 0: no error");
        let labels = [labels, &[("thread", thread)]].concat();
        to.put(family, &labels, f64::from(errno.unwrap_or(0)));
    }
    for (thread, start) in [("io", "StartReceiver"), ("sql", "StartApplier")] {
        let family = Family::counter("link_restarts", "How often the daemon started the thread");
        let labels = [labels, &[("thread", thread)]].concat();
        to.put(family, &labels, count(done(report, replica, start)));
    }
    if replica.role != Role::Reader {
        return;
    }
    if let Some(lag) = replica.lag_ms {
        let family = Family::gauge("link_lag", "How far the reader is behind, by the heartbeat");
        to.put(family.seconds(), labels, seconds(lag));
    }
    let limit = Family::gauge("link_lag_limit", "A reader further behind is not led to");
    to.put(limit.seconds(), labels, seconds(replica.lag_limit_ms));
    if let Some(gap) = replica.gtid_gap {
        let family = Family::gauge(
            "link_gtid_gap_transactions",
            "The writer's transactions that the reader has not executed",
        );
        to.put(family, labels, count(gap));
    }
}
