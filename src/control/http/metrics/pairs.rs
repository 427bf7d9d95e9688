//! The series of one pair as a whole: its state, its guards, its endpoint, its findings. Times are in
//! seconds, and labels hold names of the configuration, never hosts.

use std::sync::atomic::Ordering;

use super::family::{Families, Family, Kind, count, flag, seconds};
use super::{Measured, counts, member};
use crate::control::report::{EndpointReport, PairReport, PairState};
use crate::model::finding::Severity;
use crate::model::request::Guard;

/// Labels of a series.
pub(super) type Labels<'a> = [(&'static str, &'a str)];

/// All of them.
pub(super) fn all(to: &mut Families, measured: &Measured, boot_at_ms: u64) {
    let report = &measured.report;
    of_pair(to, measured, boot_at_ms);
    guards(to, report);
    for of in &report.members {
        member::all(to, measured, of, boot_at_ms);
    }
    if let Some(endpoint) = &report.endpoint {
        of_endpoint(to, measured, endpoint);
    }
    findings(to, report);
    counts::all(to, report);
}

fn of_pair(to: &mut Families, measured: &Measured, boot_at_ms: u64) {
    let report = &measured.report;
    let pair: &Labels<'_> = &[("pair", &report.pair)];
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
    let at_ms = boot_at_ms.saturating_add(measured.turned_ms);
    to.put(turned.seconds(), pair, seconds(at_ms));
    let took = Family::new(
        "loop_duration",
        "How long the decision loop takes for one turn",
        Kind::Histogram,
    );
    to.spread(took.seconds(), pair, &measured.meters.turns.spread());
    let until = Family::gauge(
        "failover_cooldown_until_timestamp",
        "Anti-flapping holds automatic role changes back until then; 0: it does not",
    );
    let until_ms = report.cooldown_until_ms.unwrap_or(0);
    to.put(until.seconds(), pair, seconds(until_ms));
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

fn of_endpoint(to: &mut Families, measured: &Measured, endpoint: &EndpointReport) {
    let report = &measured.report;
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
    let announced = Family::counter(
        "vip_announcements",
        "How often the endpoint's address was announced to the neighbours",
    );
    let times = measured.meters.announced.load(Ordering::Relaxed);
    to.put(announced, &pair, count(times));
}

fn findings(to: &mut Families, report: &PairReport) {
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
}
