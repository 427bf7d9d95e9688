//! The log speaks only of change: a finding that appeared or ended, a step that was begun or ended, a
//! state or a writer that is another one now.
//!
//! [`Journal`] compares and returns [`Line`]s; [`Line::emit`] is the only place that logs them.

pub mod catalog;
mod event;
mod fields;
mod found;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use event::Event;
use fields::{errno, gtids, link_of_step, link_to, shown};
use words::{appeared, ending, entered};

use crate::decide::Decision;
use crate::model::action::{ActionKind, OpId, Step};
use crate::model::facts::{Facts, Work};
use crate::model::finding::{Kind, Severity};
use crate::model::member::Side;
use crate::model::memory::{State, Why};
use crate::model::policy::Policy;
use crate::model::register::Register;
use crate::model::time::Timestamp;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What happened.
    pub event: Event,
    /// How much it matters.
    pub severity: Severity,
    /// In words.
    pub text: String,
    /// The pair; `None` for what concerns the daemon.
    pub pair: Option<String>,
    /// The member.
    pub member: Option<String>,
    /// The finding.
    pub finding: Option<Kind>,
    /// The operation.
    pub op: Option<OpId>,
    /// The step.
    pub step: Option<ActionKind>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The register's epoch.
    pub epoch: Option<u64>,
    /// The link, as `SOURCE->REPLICA`.
    pub link: Option<String>,
    /// The server's error number.
    pub errno: Option<u32>,
    /// Transactions.
    pub gtids: Option<String>,
    /// The writer before, and the writer after.
    pub moved: Option<(String, String)>,
}

impl Line {
    /// A line about the daemon itself.
    pub fn of_daemon(event: Event, severity: Severity, text: impl Into<String>) -> Self {
        Self {
            event,
            severity,
            text: text.into(),
            pair: None,
            member: None,
            finding: None,
            op: None,
            step: None,
            duration_ms: None,
            epoch: None,
            link: None,
            errno: None,
            gtids: None,
            moved: None,
        }
    }

    /// Logs it.
    pub fn emit(&self) {
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    message_id = self.event.message_id(),
                    priority = u64::from(self.event.priority(self.severity)),
                    dualmaster_event = self.event.name(),
                    dualmaster_pair = self.pair.as_deref(),
                    dualmaster_member = self.member.as_deref(),
                    dualmaster_finding = self.finding.map(|kind| kind.to_string()),
                    dualmaster_op_id = self.op.map(|op| op.0),
                    dualmaster_step = self.step.map(|step| format!("{step:?}")),
                    dualmaster_duration_ms = self.duration_ms,
                    dualmaster_epoch = self.epoch,
                    dualmaster_link = self.link.as_deref(),
                    dualmaster_errno = self.errno,
                    dualmaster_gtid = self.gtids.as_deref(),
                    dualmaster_from = self.moved.as_ref().map(|(from, _)| from.as_str()),
                    dualmaster_to = self.moved.as_ref().map(|(_, to)| to.as_str()),
                    "{}",
                    self.text
                )
            };
        }
        match self.severity {
            Severity::Info => log!(info),
            Severity::Warning => log!(warn),
            Severity::Error => log!(error),
        }
    }
}

/// What was said of a pair so far.
#[derive(Debug, Clone)]
pub struct Journal {
    pair: String,
    findings: BTreeSet<(Kind, Option<Side>)>,
    state: Option<State>,
    register: Option<Register>,
    /// Steps under way, with their operation and begin.
    steps: BTreeMap<(Option<Side>, ActionKind), (Option<OpId>, Timestamp)>,
}

impl Journal {
    /// Nothing was said yet.
    pub fn new(pair: impl Into<String>) -> Self {
        Self {
            pair: pair.into(),
            findings: BTreeSet::new(),
            state: None,
            register: None,
            steps: BTreeMap::new(),
        }
    }

    /// The loop begins this step now, unless one of its kind is under way at that member: then nothing
    /// is begun and nothing said.
    pub fn begun(&mut self, policy: &Policy, step: &Step, now: Timestamp) -> Option<Line> {
        let (side, kind) = (step.action.side(), step.action.kind());
        if self.steps.contains_key(&(side, kind)) {
            return None;
        }
        self.steps.insert((side, kind), (step.op, now));
        Some(Line {
            op: step.op,
            step: Some(kind),
            epoch: Some(step.epoch),
            link: link_of_step(policy, side, kind),
            ..self.line(
                policy,
                Event::StepBegun,
                Severity::Info,
                side,
                format!("{kind:?} begins"),
            )
        })
    }

    /// What has changed with this turn of the loop: call it after the decision, before its steps are begun.
    pub fn turn(&mut self, policy: &Policy, facts: &Facts, decision: &Decision) -> Vec<Line> {
        let mut lines = self.steps_ended(policy, facts);
        lines.extend(self.findings_changed(policy, facts, decision));
        lines.extend(self.writer_moved(policy, facts, decision));
        lines.extend(self.state_changed(policy, decision));
        lines
    }

    fn line(
        &self,
        policy: &Policy,
        event: Event,
        severity: Severity,
        side: Option<Side>,
        text: String,
    ) -> Line {
        Line {
            pair: Some(self.pair.clone()),
            member: side.map(|side| policy.name(side).to_owned()),
            epoch: self.register.as_ref().map(|register| register.epoch),
            ..Line::of_daemon(event, severity, text)
        }
    }

    fn steps_ended(&mut self, policy: &Policy, facts: &Facts) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut left = std::mem::take(&mut self.steps);
        left.retain(|(side, kind), (op, begun)| {
            let work: &Work = match side {
                Some(side) => &facts.members[*side].work,
                None => &facts.pair,
            };
            let Some(outcome) = work.ended.get(kind).filter(|o| o.at >= *begun) else {
                return true;
            };
            let (event, severity, text) = ending(outcome);
            let took = outcome.at.since(outcome.begun).as_millis();
            lines.push(Line {
                op: *op,
                step: Some(*kind),
                duration_ms: u64::try_from(took).ok(),
                link: link_of_step(policy, *side, *kind),
                ..self.line(policy, event, severity, *side, text)
            });
            false
        });
        self.steps = left;
        lines
    }

    fn findings_changed(
        &mut self,
        policy: &Policy,
        facts: &Facts,
        decision: &Decision,
    ) -> Vec<Line> {
        let mut now = BTreeSet::new();
        let mut lines = Vec::new();
        for finding in &decision.findings {
            let fresh = now.insert((finding.kind, finding.side));
            if fresh && !self.findings.contains(&(finding.kind, finding.side)) {
                let text = match finding.detail.is_empty() {
                    true => finding.kind.meaning().to_owned(),
                    false => format!("{}: {}", finding.kind.meaning(), finding.detail),
                };
                lines.push(Line {
                    finding: Some(finding.kind),
                    link: link_to(policy, finding),
                    errno: errno(facts, finding),
                    gtids: gtids(facts, &decision.memory, finding),
                    op: operation(&decision.memory.state),
                    ..self.line(
                        policy,
                        appeared(finding.kind),
                        finding.kind.severity(),
                        finding.side,
                        text,
                    )
                });
            }
        }
        for (kind, side) in self.findings.difference(&now) {
            let event = match *kind == Kind::LinkBroken {
                true => Event::LinkRepaired,
                false => Event::FindingEnded,
            };
            let text = format!("no longer: {}", kind.meaning());
            lines.push(Line {
                finding: Some(*kind),
                ..self.line(policy, event, Severity::Info, *side, text)
            });
        }
        self.findings = now;
        lines
    }

    fn writer_moved(
        &mut self,
        policy: &Policy,
        facts: &Facts,
        decision: &Decision,
    ) -> Option<Line> {
        let register = decision.memory.durable.register.clone();
        let before = std::mem::replace(&mut self.register, register);
        let now = self.register.as_ref()?;
        // The first register that is seen after a start is no change.
        let before = before.filter(|before| before.epoch != now.epoch)?;
        let change = decision.memory.durable.changes.last();
        let change = change.filter(|change| change.epoch == now.epoch);
        let why = change.map_or("", |change| change.why.as_str());
        let (from, to) = (policy.name(before.writer), policy.name(now.writer));
        let text = format!("the writer moved from {from} to {to}: {why}");
        let line = self.line(
            policy,
            Event::WriterMoved,
            Severity::Warning,
            Some(now.writer),
            text,
        );
        let has = facts.members[now.writer].server.as_ref();
        Some(Line {
            op: change.map(|change| change.op),
            gtids: has.map(|server| shown(&server.executed)),
            moved: Some((from.to_owned(), to.to_owned())),
            ..line
        })
    }

    fn state_changed(&mut self, policy: &Policy, decision: &Decision) -> Option<Line> {
        let now = &decision.memory.state;
        let before = self.state.replace(now.clone());
        if before.as_ref().map(Phase::of) == Some(Phase::of(now)) {
            return None;
        }
        let moved = |op: OpId| decision.memory.durable.changes.iter().any(|c| c.op == op);
        let (mut event, mut severity, mut text) = entered(policy, now);
        let mut op = operation(now);
        match before {
            Some(State::Switching(s)) if !matches!(now, State::Promoting(_)) => {
                op = op.or(Some(s.op));
                (event, severity, text) = match moved(s.op) {
                    true => (
                        Event::SwitchoverDone,
                        Severity::Info,
                        format!("{} is the writer, as planned", policy.name(s.to)),
                    ),
                    false => (
                        Event::SwitchoverUndone,
                        Severity::Warning,
                        format!("the switchover was undone: {}", refusal(decision)),
                    ),
                };
            }
            Some(State::Promoting(p)) if !moved(p.op) => {
                op = op.or(Some(p.op));
                (event, severity) = (Event::FailoverFailed, Severity::Error);
                text = format!("the failover did not take place; {text}");
            }
            Some(State::Paused) if event == Event::StateChanged => event = Event::Resumed,
            Some(_) | None => {}
        }
        Some(Line {
            op,
            ..self.line(policy, event, severity, None, text)
        })
    }
}

/// The part of a state whose change is worth a line: its kind and its operation, not its progress.
#[derive(PartialEq, Eq)]
enum Phase {
    Settling,
    Serving,
    Switching(OpId),
    Promoting(OpId),
    Holding(std::mem::Discriminant<Why>),
    Paused,
}

impl Phase {
    fn of(state: &State) -> Self {
        match state {
            State::Settling { .. } => Self::Settling,
            State::Serving => Self::Serving,
            State::Switching(s) => Self::Switching(s.op),
            State::Promoting(p) => Self::Promoting(p.op),
            State::Holding { why, .. } => Self::Holding(std::mem::discriminant(why)),
            State::Paused => Self::Paused,
        }
    }
}

fn operation(state: &State) -> Option<OpId> {
    match state {
        State::Switching(s) => Some(s.op),
        State::Promoting(p) => Some(p.op),
        State::Settling { .. } | State::Serving | State::Holding { .. } | State::Paused => None,
    }
}

fn refusal(decision: &Decision) -> &str {
    decision.memory.last_failure().unwrap_or("the writer stays")
}

#[cfg(test)]
mod tests;
