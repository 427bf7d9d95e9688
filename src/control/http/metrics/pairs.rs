//! The series of one pair. Names are those of `member`, `link` and `failover` in the documentation; times are
//! in seconds, and labels hold names of the configuration, never hosts.

use super::family::{Families, Family, Kind, seconds};
use crate::control::report::{
    Counts, EndpointReport, MemberReport, MemberState, OperationKind, PairReport, PairState, Role,
    ThreadState,
};
use crate::model::finding::Severity;
use crate::model::request::Guard;

/// Labels of a series.
type Labels<'a> = [(&'static str, &'a str)];

/// All of them.
pub(super) fn all(to: &mut Families, report: &PairReport, turned_ms: u64) {
    let pair: &Labels<'_> = &[("pair", &report.pair)];
    of_pair(to, report, pair, turned_ms);
    guards(to, report);
    for member in &report.members {
        of_member(to, report, member);
        of_link(to, report, member);
    }
    if let Some(endpoint) = &report.endpoint {
        of_endpoint(to, report, endpoint);
    }
    for finding in &report.findings {
        let severity = match finding.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let family = Family::gauge("finding_active", "What is wrong or worth knowing now");
        let labels = [
            ("pair", report.pair.as_str()),
            ("finding", &finding.kind),
            ("severity", severity),
            ("member", finding.member.as_deref().unwrap_or_default()),
        ];
        to.put(family, &labels, 1.0);
    }
    counts(to, &report.pair, &report.counts);
}

fn flag(is: bool) -> f64 {
    f64::from(is)
}

fn of_pair(to: &mut Families, report: &PairReport, pair: &Labels<'_>, turned_ms: u64) {
    let states = [
        PairState::Settling,
        PairState::Serving,
        PairState::Switching,
        PairState::Promoting,
        PairState::Holding,
        PairState::Paused,
        PairState::NotKept,
    ];
    for state in states {
        let family = Family::gauge("pair_state", "1 at the state that the pair is in");
        let word = state.to_string();
        let labels = [("pair", report.pair.as_str()), ("state", word.as_str())];
        to.put(family, &labels, flag(report.state == state));
    }
    let paused = Family::gauge("paused", "Nobody promotes, by order");
    to.put(paused, pair, flag(report.state == PairState::Paused));
    let sync = Family::gauge(
        "in_sync",
        "The reader is proven to have every acknowledged write",
    );
    to.put(sync, pair, flag(report.in_sync));
    let epoch = Family::gauge("epoch", "How often a writer was chosen");
    to.put(epoch, pair, report.epoch.map_or(0.0, count));
    let split = Family::gauge("split_brain_suspected", "The members may have parted");
    let parted = report
        .findings
        .iter()
        .any(|f| f.kind == "BothWritable" || f.kind == "LinkQuarantined");
    to.put(split, pair, flag(parted));
    let turned = Family::gauge(
        "loop_last_run_timestamp",
        "When the decision loop last turned",
    );
    to.put(turned.seconds(), pair, seconds(turned_ms));
}

fn guards(to: &mut Families, report: &PairReport) {
    let pair = report.pair.as_str();
    let allowed = Family::gauge(
        "failover_allowed",
        "An automatic failover would go through now: every guard holds",
    );
    to.put(allowed, &[("pair", pair)], flag(report.failover_ready));
    let of = |to: &mut Families, family, guards: &[Guard]| {
        for guard in guards {
            let labels = [("pair", pair), ("guard", guard.name.as_str())];
            to.put(family, &labels, flag(guard.ok));
        }
    };
    let failover = Family::gauge("failover_guard_ok", "A condition of a failover holds");
    of(to, failover, &report.guards);
    let switchover = Family::gauge("switchover_guard_ok", "A condition of a switchover holds");
    of(to, switchover, &report.switchover_guards);
}

fn of_member(to: &mut Families, report: &PairReport, member: &MemberReport) {
    let labels: &Labels<'_> = &[("pair", &report.pair), ("member", &member.name)];
    let up = Family::gauge("member_up", "The server answers");
    to.put(up, labels, flag(member.state == MemberState::Running));
    let process = Family::gauge("instance_running", "The server's process lives");
    to.put(process, labels, flag(member.pid.is_some()));
    for role in [Role::Writer, Role::Reader, Role::Unknown] {
        let family = Family::gauge("member_role", "1 at the role that the member has");
        let word = role.to_string();
        let labels = [labels, &[("role", word.as_str())]].concat();
        to.put(family, &labels, flag(member.role == role));
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

fn of_endpoint(to: &mut Families, report: &PairReport, endpoint: &EndpointReport) {
    for member in &report.members {
        for (port, led) in [("writer", &endpoint.writer), ("reader", &endpoint.reader)] {
            let family = Family::gauge("endpoint_leads", "The endpoint's port leads to the member");
            let labels = [
                ("pair", report.pair.as_str()),
                ("port", port),
                ("member", &member.name),
            ];
            to.put(family, &labels, flag(led.as_ref() == Some(&member.name)));
        }
    }
    let pair = [("pair", report.pair.as_str())];
    let owned = Family::gauge("vip_owned", "The endpoint's address is on its interface");
    to.put(owned, &pair, flag(endpoint.address));
    let failing = Family::gauge(
        "endpoint_failing",
        "The endpoint cannot be looked at or used",
    );
    to.put(failing, &pair, flag(endpoint.error.is_some()));
}

fn counts(to: &mut Families, pair: &str, counts: &Counts) {
    for event in &counts.events {
        let family = Family::counter("events", "Lines of the log by their event");
        let labels = [("pair", pair), ("event", event.event.as_str())];
        to.put(family, &labels, count(event.count));
    }
    for step in &counts.steps {
        let family = Family::counter("actions", "Actions that ended");
        let labels = [
            ("pair", pair),
            ("action", step.action.as_str()),
            ("member", step.member.as_deref().unwrap_or_default()),
            ("result", if step.done { "done" } else { "failed" }),
        ];
        to.put(family, &labels, count(step.count));
    }
    for operation in &counts.operations {
        let kind = match operation.kind {
            OperationKind::Switchover => "switchover",
            OperationKind::Failover => "failover",
        };
        let labels = [("pair", pair), ("kind", kind)];
        for (result, times) in [("moved", operation.moved), ("undone", operation.undone)] {
            let family = Family::counter("failovers", "Role changes that ended");
            let labels = [labels.as_slice(), &[("result", result)]].concat();
            to.put(family, &labels, count(times));
        }
        let took = Family::new(
            "failover_duration",
            "From the begin of a role change to the new writer behind the endpoint",
            Kind::Histogram,
        );
        to.spread(took.seconds(), &labels, &operation.took);
        let gap = Family::new(
            "write_gap",
            "How long a switchover refused writes",
            Kind::Histogram,
        );
        if operation.kind == OperationKind::Switchover {
            to.spread(gap.seconds(), &[("pair", pair)], &operation.gap);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}
