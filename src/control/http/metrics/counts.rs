//! What happened since the daemon's start, counted: lines, actions, role changes, hooks, refusals.

use std::collections::BTreeSet;

use super::family::{Families, Family, Kind, count};
use crate::control::report::{PairReport, RefusedCount, StepCount};
use crate::model::hook::HookCommand;

/// All of them.
pub(super) fn all(to: &mut Families, report: &PairReport) {
    let (pair, counts) = (report.pair.as_str(), &report.counts);
    for event in &counts.events {
        let family = Family::counter("events", "Lines of the log by their event");
        let labels = [("pair", pair), ("event", event.event.as_str())];
        to.put(family, &labels, count(event.count));
    }
    for step in &counts.steps {
        let family = Family::counter("actions", "Actions that ended");
        let labels = |done| {
            [
                ("pair", pair),
                ("action", step.action.as_str()),
                ("member", step.member.as_deref().unwrap_or_default()),
                ("result", result(done)),
            ]
        };
        to.put(family, &labels(step.done), count(step.count));
        // An increase is seen only in a series that was there before.
        let other = |s: &StepCount| {
            s.done != step.done && s.action == step.action && s.member == step.member
        };
        if !counts.steps.iter().any(other) {
            to.put(family, &labels(!step.done), 0.0);
        }
    }
    for operation in &counts.operations {
        let kind = operation.kind.name();
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
        if operation.kind == HookCommand::Switchover {
            to.spread(gap.seconds(), &[("pair", pair)], &operation.gap);
        }
    }
    for hook in &counts.hooks {
        let family = Family::counter("hook_runs", "Runs of an event's hooks");
        let labels = [
            ("pair", pair),
            ("hook", hook.event.as_str()),
            ("result", result(hook.done)),
        ];
        to.put(family, &labels, count(hook.count));
    }
    let guards = report.guards.iter().chain(&report.switchover_guards);
    let known = guards.map(|guard| guard.name.as_str());
    let counted = counts.refused.iter().map(|refused| refused.guard.as_str());
    let names: BTreeSet<_> = known.chain(counted).collect();
    for guard in names {
        let same = |refused: &&RefusedCount| refused.guard == guard;
        let times = counts.refused.iter().find(same).map_or(0, |r| r.count);
        let family = Family::counter(
            "failover_refused",
            "Role changes that were wanted and that the guard stood in the way of",
        );
        to.put(family, &[("pair", pair), ("guard", guard)], count(times));
    }
}

fn result(done: bool) -> &'static str {
    match done {
        true => "done",
        false => "failed",
    }
}
