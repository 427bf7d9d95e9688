//! Counts what the journal says and how operations end, since the daemon's start.

use super::journal::{Event, Line};
use crate::control::report::{
    Counts, EventCount, HookCount, OperationReport, RefusedCount, StepCount,
};
use crate::model::request::Guard;

/// The counts of one pair.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    counts: Counts,
    /// The newest operation that was counted; `None` before the first look.
    counted: Option<u64>,
}

impl Tally {
    /// Takes in the lines of one turn.
    pub fn lines(&mut self, lines: &[Line]) {
        for line in lines {
            self.event(line.event.name());
            match (line.event, line.step) {
                (Event::StepEnded | Event::Fenced, Some(step)) => {
                    self.step(&format!("{step:?}"), line.member.as_deref(), true);
                }
                (Event::StepFailed, Some(step)) => {
                    self.step(&format!("{step:?}"), line.member.as_deref(), false);
                }
                (_, _) => {}
            }
        }
    }

    /// Takes in all operations that are known, oldest first. What an earlier daemon did is not counted.
    pub fn operations(&mut self, operations: &[OperationReport]) {
        let ended = || operations.iter().filter(|op| op.ended.is_some());
        let newest = ended().map(|op| op.op).max();
        if let Some(counted) = self.counted {
            for operation in ended().filter(|op| op.op > counted) {
                self.operation(operation);
            }
        }
        self.counted = newest.max(self.counted).or(Some(0));
    }

    /// The hooks of an event were run.
    pub fn hook(&mut self, event: &str, done: bool) {
        let same = |h: &&mut HookCount| h.event == event && h.done == done;
        match self.counts.hooks.iter_mut().find(same) {
            Some(known) => known.count += 1,
            None => self.counts.hooks.push(HookCount {
                event: event.to_owned(),
                done,
                count: 1,
            }),
        }
    }

    /// These guards stood in the way of a role change, where they do not hold.
    pub fn refused(&mut self, guards: &[Guard]) {
        for guard in guards.iter().filter(|guard| !guard.ok) {
            let refused = &mut self.counts.refused;
            match refused.iter_mut().find(|r| r.guard == guard.name) {
                Some(known) => known.count += 1,
                None => refused.push(RefusedCount {
                    guard: guard.name.clone(),
                    count: 1,
                }),
            }
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    fn event(&mut self, name: &str) {
        match self.counts.events.iter_mut().find(|e| e.event == name) {
            Some(known) => known.count += 1,
            None => self.counts.events.push(EventCount {
                event: name.to_owned(),
                count: 1,
            }),
        }
    }

    fn step(&mut self, action: &str, member: Option<&str>, done: bool) {
        let same = |s: &&mut StepCount| {
            s.action == action && s.member.as_deref() == member && s.done == done
        };
        match self.counts.steps.iter_mut().find(same) {
            Some(known) => known.count += 1,
            None => self.counts.steps.push(StepCount {
                action: action.to_owned(),
                member: member.map(str::to_owned),
                done,
                count: 1,
            }),
        }
    }

    fn operation(&mut self, operation: &OperationReport) {
        let of_kind = self.counts.operations.iter_mut();
        let (Some(count), Some(ended)) = (
            of_kind.into_iter().find(|c| c.kind == operation.command()),
            &operation.ended,
        ) else {
            return;
        };
        if !ended.moved {
            count.undone += 1;
            return;
        }
        count.moved += 1;
        if let Some(us) = ended.took_us {
            count.took.add(us);
        }
        if let Some(us) = ended.write_gap_us {
            count.gap.add(us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::report::{Ended, OperationCount, OperationKind};
    use crate::model::action::ActionKind;
    use crate::model::finding::Severity;
    use crate::model::hook::HookCommand;

    fn operation(op: u64, moved: Option<bool>) -> OperationReport {
        OperationReport {
            op,
            kind: OperationKind::Switchover,
            ordered: false,
            from: None,
            to: "db2".to_owned(),
            why: String::new(),
            begun_ms: 0,
            ended: moved.map(|moved| Ended {
                moved,
                text: String::new(),
                epoch: None,
                took_us: Some(20_000),
                write_gap_us: Some(40_000_000),
            }),
            steps: Vec::new(),
        }
    }

    #[test]
    fn operations_are_counted_once_and_those_of_an_earlier_daemon_never() {
        let mut tally = Tally::default();
        let mut all = vec![operation(3, Some(true)), operation(4, None)];
        tally.operations(&all);
        all[1] = operation(4, Some(true));
        all.push(operation(5, Some(false)));
        tally.operations(&all);
        tally.operations(&all);
        let counts = tally.counts();
        let of_kind = |c: &&OperationCount| c.kind == HookCommand::Switchover;
        let switchovers = counts.operations.iter().find(of_kind).unwrap();
        assert_eq!((switchovers.moved, switchovers.undone), (1, 1));
        assert_eq!(
            (switchovers.took.count, switchovers.took.sum_us),
            (1, 20_000)
        );
        assert!(switchovers.took.buckets.contains(&(25_000, 1)));
        // Above the last limit it is counted all the same.
        assert_eq!(switchovers.gap.count, 1);
        assert!(switchovers.gap.buckets.iter().all(|(_, count)| *count == 0));
    }

    #[test]
    fn only_guards_that_do_not_hold_are_counted() {
        let guard = |name: &str, ok| Guard {
            name: name.to_owned(),
            ok,
            value: String::new(),
            limit: String::new(),
            remedy: String::new(),
        };
        let mut tally = Tally::default();
        for _ in 0..2 {
            tally.refused(&[guard("InSync", false), guard("NotPaused", true)]);
        }
        let refused = tally.counts().refused;
        let counted: Vec<_> = refused.iter().map(|r| (&*r.guard, r.count)).collect();
        assert_eq!(counted, [("InSync", 2)]);
    }

    #[test]
    fn steps_are_counted_by_their_end() {
        let mut tally = Tally::default();
        let line = |event| Line {
            step: Some(ActionKind::Start),
            member: Some("db1".to_owned()),
            ..Line::of_daemon(event, Severity::Info, "")
        };
        tally.lines(&[
            line(Event::StepBegun),
            line(Event::StepEnded),
            line(Event::StepFailed),
        ]);
        tally.lines(&[line(Event::StepEnded)]);
        let counts = tally.counts();
        let counted: Vec<_> = counts.steps.iter().map(|s| (s.done, s.count)).collect();
        assert_eq!(counted, [(true, 2), (false, 1)]);
        assert_eq!(counts.events.len(), 3);
    }
}
