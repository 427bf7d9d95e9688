//! What is told of a pair before its first look, or in the place of one that is not kept.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::config::PairSettings;
use crate::control::desk::PairHandle;
use crate::control::http::Turned;
use crate::control::report::{PairReport, PairState};
use crate::daemon::clock;
use crate::daemon::history::History;
use crate::daemon::report::report as report_of;
use crate::decide;
use crate::model::facts::Facts;
use crate::model::incarnation::BootId;
use crate::model::member::Both;
use crate::model::memory::{Durable, Memory};
use crate::model::policy::Policy;

/// What stands in the place of a pair that is not kept: its name, and why.
pub(in crate::daemon) fn unkept(settings: &PairSettings, why: &str) -> PairHandle {
    let mut report = unseen(&settings.policy, &Durable::default());
    report.state = PairState::NotKept;
    report.detail = Some(format!("not kept: {why}"));
    report.findings.clear();
    report.guards.clear();
    report.switchover_guards.clear();
    PairHandle {
        members: Both::from_fn(|side| settings.members[side].name.clone()),
        requests: mpsc::channel(1).0,
        sessions: mpsc::channel(1).0,
        report: watch::channel(Arc::new(report)).1,
        turned_ms: Turned::default(),
        meters: Arc::default(),
    }
}

/// What is known before the first look.
pub(super) fn unseen(policy: &Policy, durable: &Durable) -> PairReport {
    let facts = Facts::unseen(clock::now(), BootId::default());
    let memory = Memory::after_start(durable.clone(), facts.now);
    let decision = decide::decide(policy, &memory, &facts);
    let explanation = decide::explain(policy, &decision.memory, &facts);
    report_of(policy, &facts, &decision, explanation, &History::default())
}
