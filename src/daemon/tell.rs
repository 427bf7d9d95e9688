//! What a decision is told to: the journal, the history, the report, the service manager, the ledger.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::history::History;
use super::journal::{Event, Journal, Line};
use super::keep::Shared;
use super::report::{report, summary};
use super::systemd::Notify;
use super::tally::Tally;
use crate::act::Ended;
use crate::control::http::Turned;
use crate::control::meters::Meters;
use crate::control::report::{PairReport, PairState};
use crate::decide::{self, Decision};
use crate::model::action::{Action, Step};
use crate::model::facts::Facts;
use crate::model::finding::Kind;
use crate::model::policy::Policy;
use crate::observe::Seen;
use crate::store::ledger::{LedgerWriter, Written};

/// The one line of each pair, for `STATUS=`.
pub(super) type Statuses = Arc<Mutex<BTreeMap<String, String>>>;

/// Tells of one pair.
pub(super) struct Teller {
    pair: String,
    journal: Journal,
    history: History,
    tally: Tally,
    ledger: Option<LedgerWriter<Step>>,
    report: watch::Sender<Arc<PairReport>>,
    turned: Turned,
    meters: Arc<Meters>,
    notify: Arc<Notify>,
    statuses: Statuses,
}

impl Teller {
    pub(super) fn new(
        pair: String,
        ledger: Option<LedgerWriter<Step>>,
        report: watch::Sender<Arc<PairReport>>,
        turned: Turned,
        meters: Arc<Meters>,
        shared: &Shared,
    ) -> Self {
        Self {
            journal: Journal::new(pair.clone()),
            history: History::default(),
            tally: Tally::default(),
            ledger,
            report,
            turned,
            meters,
            notify: shared.notify.clone(),
            statuses: shared.statuses.clone(),
            pair,
        }
    }

    /// The begin record, not synced: no effect comes before it is written.
    pub(super) fn begun(&mut self, policy: &Policy, facts: &Facts, step: &Step) -> Option<Written> {
        let ledger = self.ledger.as_ref();
        let written = ledger.map(|ledger| ledger.append(step.clone()));
        if let Some(line) = self.journal.begun(policy, step, facts.now) {
            line.emit();
        }
        self.history.begun(step, facts.now);
        written
    }

    /// An action ended.
    pub(super) fn ended(&mut self, ended: &Ended) {
        if let Action::Hook(call) = &ended.step.action {
            self.tally.hook(call.event.name(), ended.result.is_ok());
        }
    }

    /// Something was seen.
    pub(super) fn seen(&self, seen: &Seen) {
        if let Seen::Probe(side, kind, fact) = seen {
            self.meters.probed(*side, *kind, fact);
        }
    }

    /// The loop has turned once.
    pub(super) fn turned(&self, took: Duration) {
        self.meters.turns.add(took);
    }

    /// How often the loop must turn at least, by the service manager's order.
    pub(super) fn turn_within(&self) -> Option<Duration> {
        self.notify.turn_within()
    }

    /// What changed with this decision.
    pub(super) fn decided(&mut self, policy: &Policy, facts: &Facts, decision: &Decision) {
        self.notify.turned(&self.pair, facts.now);
        let now_ms = facts.now.as_nanos() / 1_000_000;
        self.turned.store(now_ms, Ordering::Relaxed);
        let lines = self.journal.turn(policy, facts, decision);
        for line in &lines {
            line.emit();
        }
        self.tally.lines(&lines);
        self.history.turn(policy, facts, decision);
        let explanation = decide::explain(policy, &decision.memory, facts);
        let mut new = report(policy, facts, decision, explanation, &self.history);
        self.tally.operations(&new.operations);
        self.refusals(decision, &lines, &new);
        new.counts = self.tally.counts();
        self.status(&summary(&new));
        self.report.send_if_modified(|told| {
            let changed = **told != new;
            if changed {
                *told = Arc::new(new);
            }
            changed
        });
    }

    /// Guards stood in the way of what an operator asked for, or of what the writer's loss called for.
    fn refusals(&mut self, decision: &Decision, lines: &[Line], new: &PairReport) {
        for reply in &decision.replies {
            if let Err(refusal) = &reply.result {
                self.tally.refused(&refusal.guards);
            }
        }
        let lost = [
            Kind::WriterProcessExited,
            Kind::WriterHung,
            Kind::WriterRefuses,
        ];
        let is_lost = |kind: Kind| lost.contains(&kind);
        let appeared = lines
            .iter()
            .any(|line| line.event != Event::FindingEnded && line.finding.is_some_and(is_lost));
        if appeared && new.state != PairState::Promoting {
            self.tally.refused(&new.guards);
        }
    }

    fn status(&self, line: &str) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        if statuses.get(&self.pair).is_none_or(|told| told != line) {
            statuses.insert(self.pair.clone(), line.to_owned());
            let lines: Vec<&str> = statuses.values().map(String::as_str).collect();
            self.notify.status(&lines.join("; "));
        }
    }
}
