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

/// The operations of one pair since the daemon's start.
#[derive(Debug, Clone, Default)]
pub struct History {
    operations: VecDeque<Operation>,
}

#[derive(Debug, Clone)]
struct Operation {
    id: OpId,
    kind: OperationKind,
    ordered: bool,
    from: Option<Side>,
    to: Side,
    why: String,
    begun: Timestamp,
    begun_ms: u64,
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
    /// Notes that the loop begins this step now. One of its kind that is under way at that member stays
    /// the one that counts.
    pub fn begun(&mut self, step: &Step, now: Timestamp) {
        let Some(op) = step.op else { return };
        let (side, kind) = (step.action.side(), step.action.kind());
        let runs = |s: &StepRecord| s.ended.is_none() && s.kind == kind && s.side == side;
        if self.operations.iter().any(|o| o.steps.iter().any(runs)) {
            return;
        }
        let found = self.operations.iter_mut().rfind(|o| o.id == op);
        if let Some(operation) = found.filter(|o| o.steps.len() < STEPS_KEPT) {
            operation.steps.push(StepRecord {
                kind,
                side,
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
                operation.close(policy, facts, &decision.memory);
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
        ordered: matches!(&memory.state, State::Promoting(p) if p.ordered),
        from: memory.writer(),
        to,
        why: why.clone(),
        begun,
        begun_ms: 0,
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

    /// The state no longer speaks of this operation: it has ended, with what the core says of it.
    fn close(&mut self, policy: &Policy, facts: &Facts, memory: &Memory) {
        let change = memory.durable.changes.iter().rfind(|c| c.op == self.id);
        let said = memory.last_op.as_ref().filter(|ended| ended.op == self.id);
        let result = match (said, change) {
            (Some(said), _) => said.result.clone(),
            (None, Some(change)) => Ok(format!("{} is the writer", policy.name(change.to))),
            (None, None) => Err("the writer stays".to_owned()),
        };
        let opened = self.done(ActionKind::Open, Some(self.to));
        let led = self.done(ActionKind::Route, None);
        let ended = match result.is_ok() {
            true => opened.max(led).unwrap_or(facts.now),
            false => facts.now,
        };
        let closed = self.steps.iter().find(|s| s.kind == ActionKind::Close);
        let gap = closed
            .zip(opened)
            .filter(|_| self.kind == OperationKind::Switchover && result.is_ok());
        self.ended = Some(Ended {
            moved: result.is_ok(),
            text: result.unwrap_or_else(|why| why),
            epoch: change.map(|change| change.epoch),
            took_us: Some(micros(ended.since(self.begun))),
            write_gap_us: gap.map(|(close, open)| micros(open.since(close.begun))),
        });
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
            ordered: self.ordered,
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
        ordered: false,
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
