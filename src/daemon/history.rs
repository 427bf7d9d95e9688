//! Operations as they went: kind, steps, result, measured time. Kept in memory; what an earlier daemon
//! did is known from the stored role changes alone.

use std::collections::VecDeque;
use std::time::Duration;

use crate::control::report::{Ended, OperationKind, OperationReport, StepReport};
use crate::decide::Decision;
use crate::model::action::{ActionKind, OpId, Outcome, Step};
use crate::model::facts::{Facts, Work};
use crate::model::member::Side;
use crate::model::memory::{Memory, RoleChange, State};
use crate::model::policy::Policy;
use crate::model::time::Timestamp;

/// As many operations are kept.
const KEPT: usize = 64;

/// As many steps of one operation are kept: a step that fails again and again must not fill the memory.
const STEPS_KEPT: usize = 200;

/// An operation whose register moved is called over after this time, even if the new writer was never
/// seen open behind the endpoint.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// The operations of one pair since the daemon's start.
#[derive(Debug, Clone, Default)]
pub struct History {
    operations: VecDeque<Operation>,
}

#[derive(Debug, Clone)]
struct Operation {
    id: OpId,
    kind: OperationKind,
    from: Option<Side>,
    to: Side,
    why: String,
    begun: Timestamp,
    begun_ms: u64,
    moved_at: Option<Timestamp>,
    ended: Option<Ended>,
    steps: Vec<StepRecord>,
}

#[derive(Debug, Clone)]
struct StepRecord {
    kind: ActionKind,
    side: Option<Side>,
    begun: Timestamp,
    ended: Option<(Timestamp, Option<String>)>,
}

impl History {
    /// Notes that the loop begins this step now.
    pub fn begun(&mut self, step: &Step, now: Timestamp) {
        let Some(op) = step.op else { return };
        let found = self.operations.iter_mut().rfind(|o| o.id == op);
        if let Some(operation) = found.filter(|o| o.steps.len() < STEPS_KEPT) {
            operation.steps.push(StepRecord {
                kind: step.action.kind(),
                side: step.action.side(),
                begun: now,
                ended: None,
            });
        }
    }

    /// Takes in one turn of the loop: after its decision, before its steps are begun.
    pub fn turn(&mut self, policy: &Policy, facts: &Facts, decision: &Decision) {
        for operation in &mut self.operations {
            operation.note_outcomes(facts);
        }
        let current = under_way(&decision.memory);
        if let Some(fresh) = current.as_ref()
            && self.operations.iter().all(|o| o.id != fresh.id)
        {
            let begun_ago = facts.now.since(fresh.begun);
            let begun_ago = u64::try_from(begun_ago.as_millis()).unwrap_or(0);
            if self.operations.len() >= KEPT {
                self.operations.pop_front();
            }
            self.operations.push_back(Operation {
                begun_ms: facts.wall_ms.saturating_sub(begun_ago),
                ..fresh.clone()
            });
        }
        let current = current.map(|c| c.id);
        for operation in &mut self.operations {
            if operation.ended.is_none() && current != Some(operation.id) {
                operation.close(policy, facts, &decision.memory, current.is_some());
            }
        }
    }

    /// The operations for people, oldest first: those of earlier daemons from the stored role changes,
    /// then ours.
    pub fn report(&self, policy: &Policy, changes: &[RoleChange]) -> Vec<OperationReport> {
        let earlier = changes
            .iter()
            .filter(|change| self.operations.iter().all(|o| o.id != change.op));
        let mut all: Vec<_> = earlier.map(|change| stored(policy, change)).collect();
        all.extend(self.operations.iter().map(|o| o.report(policy)));
        all.sort_by_key(|o| o.op);
        all
    }
}

/// The operation that the state speaks of.
fn under_way(memory: &Memory) -> Option<Operation> {
    let (id, kind, to, begun, why) = match &memory.state {
        State::Switching(s) => (s.op, OperationKind::Switchover, s.to, s.since, &s.why),
        State::Promoting(p) => (p.op, OperationKind::Failover, p.to, p.since, &p.why),
        State::Settling { .. } | State::Serving | State::Holding { .. } | State::Paused => {
            return None;
        }
    };
    Some(Operation {
        id,
        kind,
        from: memory.writer(),
        to,
        why: why.clone(),
        begun,
        begun_ms: 0,
        moved_at: None,
        ended: None,
        steps: Vec::new(),
    })
}

impl Operation {
    fn note_outcomes(&mut self, facts: &Facts) {
        for step in self.steps.iter_mut().filter(|s| s.ended.is_none()) {
            let work: &Work = match step.side {
                Some(side) => &facts.members[side].work,
                None => &facts.pair,
            };
            let outcome = work.ended.get(&step.kind).filter(|o| o.at >= step.begun);
            if let Some(Outcome { at, result, .. }) = outcome {
                let error = result.as_ref().err().map(ToString::to_string);
                step.ended = Some((*at, error));
            }
        }
    }

    /// The state no longer speaks of this operation: it moved the writer, or it did not.
    fn close(&mut self, policy: &Policy, facts: &Facts, memory: &Memory, superseded: bool) {
        let change = memory.durable.changes.iter().rfind(|c| c.op == self.id);
        let Some(change) = change else {
            let why = match &memory.state {
                State::Holding { why, .. } => super::report::why(why),
                State::Settling { .. }
                | State::Serving
                | State::Switching(_)
                | State::Promoting(_)
                | State::Paused => memory.last_failure().unwrap_or("the writer stays").to_owned(),
            };
            self.ended = Some(Ended {
                moved: false,
                text: why,
                epoch: None,
                took_us: Some(micros(facts.now.since(self.begun))),
                write_gap_us: None,
            });
            return;
        };
        let moved_at = *self.moved_at.get_or_insert(facts.now);
        let late = facts.now.since(moved_at) >= SEEN_WITHIN;
        let Some(at) = self
            .served_at(policy, facts)
            .or((late || superseded).then_some(facts.now))
        else {
            return;
        };
        let closed = self.steps.iter().find(|s| s.kind == ActionKind::Close);
        let opened = self.done(ActionKind::Open, Some(self.to));
        let gap = closed.zip(opened).map(|(c, at)| micros(at.since(c.begun)));
        self.ended = Some(Ended {
            moved: true,
            text: format!("{} is the writer", policy.name(change.to)),
            epoch: Some(change.epoch),
            took_us: Some(micros(at.since(self.begun))),
            write_gap_us: gap.filter(|_| self.kind == OperationKind::Switchover),
        });
    }

    /// When the new writer was open and the endpoint led to it: by the steps that did it, else by what
    /// is seen now.
    fn served_at(&self, policy: &Policy, facts: &Facts) -> Option<Timestamp> {
        let seen_open = || {
            let server = facts.members[self.to].server.as_ref();
            let open = server.is_some_and(|s| s.writable && s.asked >= self.begun);
            open.then_some(facts.now)
        };
        let opened = self
            .done(ActionKind::Open, Some(self.to))
            .or_else(seen_open)?;
        if !policy.endpoint.redirect {
            return Some(opened);
        }
        let seen_led = || {
            let endpoint = facts.endpoint.as_ref();
            let led = endpoint.is_some_and(|e| e.writer == Some(self.to) && e.at >= self.begun);
            led.then_some(facts.now)
        };
        let led = self.done(ActionKind::Route, None).or_else(seen_led)?;
        Some(opened.max(led))
    }

    fn done(&self, kind: ActionKind, side: Option<Side>) -> Option<Timestamp> {
        let ended = self
            .steps
            .iter()
            .filter(|s| s.kind == kind && s.side == side)
            .filter_map(|s| s.ended.as_ref());
        ended
            .filter(|(_, error)| error.is_none())
            .map(|(at, _)| *at)
            .next_back()
    }

    fn report(&self, policy: &Policy) -> OperationReport {
        let steps = self.steps.iter().map(|s| StepReport {
            action: format!("{:?}", s.kind),
            member: s.side.map(|side| policy.name(side).to_owned()),
            after_us: micros(s.begun.since(self.begun)),
            took_us: s.ended.as_ref().map(|(at, _)| micros(at.since(s.begun))),
            error: s.ended.as_ref().and_then(|(_, error)| error.clone()),
        });
        OperationReport {
            op: self.id.0,
            kind: self.kind,
            from: self.from.map(|side| policy.name(side).to_owned()),
            to: policy.name(self.to).to_owned(),
            why: self.why.clone(),
            begun_ms: self.begun_ms,
            ended: self.ended.clone(),
            steps: steps.collect(),
        }
    }
}

fn stored(policy: &Policy, change: &RoleChange) -> OperationReport {
    OperationReport {
        op: change.op.0,
        kind: match change.planned {
            true => OperationKind::Switchover,
            false => OperationKind::Failover,
        },
        from: Some(policy.name(change.to.peer()).to_owned()),
        to: policy.name(change.to).to_owned(),
        why: change.why.clone(),
        begun_ms: change.at_ms,
        ended: Some(Ended {
            moved: true,
            text: format!("{} is the writer", policy.name(change.to)),
            epoch: Some(change.epoch),
            took_us: None,
            write_gap_us: None,
        }),
        steps: Vec::new(),
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
