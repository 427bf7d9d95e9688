//! What a decision is told to: the journal, the history, the report, the service manager, the ledger.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::history::History;
use super::journal::Journal;
use super::keep::Shared;
use super::report::{report, summary};
use super::systemd::Notify;
use super::tally::Tally;
use crate::control::http::Turned;
use crate::control::report::PairReport;
use crate::decide::{self, Decision};
use crate::model::action::Step;
use crate::model::facts::Facts;
use crate::model::policy::Policy;
use crate::store::ledger::LedgerWriter;

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
    notify: Arc<Notify>,
    statuses: Statuses,
}

impl Teller {
    pub(super) fn new(
        pair: String,
        ledger: Option<LedgerWriter<Step>>,
        report: watch::Sender<Arc<PairReport>>,
        turned: Turned,
        shared: &Shared,
    ) -> Self {
        Self {
            journal: Journal::new(pair.clone()),
            history: History::default(),
            tally: Tally::default(),
            ledger,
            report,
            turned,
            notify: shared.notify.clone(),
            statuses: shared.statuses.clone(),
            pair,
        }
    }

    /// The begin record: handed on before the first effect, not synced.
    pub(super) fn begun(&mut self, policy: &Policy, facts: &Facts, step: &Step) {
        if let Some(ledger) = &self.ledger {
            ledger.append(step.clone());
        }
        if let Some(line) = self.journal.begun(policy, step, facts.now) {
            line.emit();
        }
        self.history.begun(step, facts.now);
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

    fn status(&self, line: &str) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        if statuses.get(&self.pair).is_none_or(|told| told != line) {
            statuses.insert(self.pair.clone(), line.to_owned());
            let lines: Vec<&str> = statuses.values().map(String::as_str).collect();
            self.notify.status(&lines.join("; "));
        }
    }
}
