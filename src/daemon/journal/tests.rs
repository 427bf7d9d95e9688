use std::collections::BTreeSet;

use super::*;
use crate::daemon::report::tests::{at, healthy, policy};
use crate::model::action::{Action, ActionError, Brought, Outcome};
use crate::model::gtid::GtidSet;
use crate::model::memory::{Promotion, RoleChange};

fn events(lines: &[Line]) -> Vec<Event> {
    lines.iter().map(|line| line.event).collect()
}

#[test]
fn message_ids_are_128_bits_and_differ() {
    let all = [
        Event::DaemonReady,
        Event::DaemonStopping,
        Event::ConfigReloaded,
        Event::ConfigRejected,
        Event::FailoverStarted,
        Event::FailoverRefused,
        Event::FailoverFailed,
        Event::SwitchoverStarted,
        Event::SwitchoverDone,
        Event::SwitchoverUndone,
        Event::WriterMoved,
        Event::SplitBrain,
        Event::Paused,
        Event::Resumed,
        Event::StateChanged,
        Event::LinkBroken,
        Event::LinkRepaired,
        Event::InstanceCrashed,
        Event::Fenced,
        Event::FindingAppeared,
        Event::FindingEnded,
        Event::StepBegun,
        Event::StepEnded,
        Event::StepFailed,
    ];
    let ids: BTreeSet<_> = all.iter().map(|event| event.message_id()).collect();
    let names: BTreeSet<_> = all.iter().map(|event| event.name()).collect();
    assert_eq!((ids.len(), names.len()), (all.len(), all.len()));
    for id in ids {
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}

#[test]
fn a_finding_is_said_once_and_its_end_once_whatever_its_detail() {
    let (facts, mut decision) = healthy();
    let (policy, mut journal) = (policy(), Journal::new("orders"));
    assert_eq!(
        events(&journal.turn(&policy, &facts, &decision)),
        [Event::StateChanged]
    );
    decision.findings = vec![Finding::at(Side::B, Kind::LinkBroken, "1062")];
    let lines = journal.turn(&policy, &facts, &decision);
    assert_eq!(events(&lines), [Event::LinkBroken]);
    assert_eq!(lines[0].member.as_deref(), Some("db2"));
    assert_eq!(lines[0].epoch, Some(7));
    decision.findings = vec![Finding::at(Side::B, Kind::LinkBroken, "1032")];
    assert!(journal.turn(&policy, &facts, &decision).is_empty());
    decision.findings.clear();
    assert_eq!(
        events(&journal.turn(&policy, &facts, &decision)),
        [Event::LinkRepaired]
    );
}

fn promoting() -> State {
    State::Promoting(Promotion {
        op: OpId(9),
        to: Side::B,
        life: None,
        since: at(9_000),
        why: "the writer's process ended".to_owned(),
        ordered: false,
        proven: true,
        accept_loss: false,
        fenced: None,
    })
}

#[test]
fn a_failover_is_told_with_its_steps() {
    let (mut facts, mut decision) = healthy();
    let (policy, mut journal) = (policy(), Journal::new("orders"));
    journal.turn(&policy, &facts, &decision);
    decision.memory.state = promoting();
    let lines = journal.turn(&policy, &facts, &decision);
    assert_eq!(events(&lines), [Event::FailoverStarted]);
    assert_eq!(lines[0].op, Some(OpId(9)));
    let action = Action::StopReceiver { side: Side::B };
    let step = Step {
        op: Some(OpId(9)),
        epoch: 7,
        action: action.clone(),
    };
    let line = journal.begun(&policy, &step, at(10_000)).unwrap();
    assert_eq!(journal.begun(&policy, &step, at(10_001)), None);
    assert_eq!((line.event, line.op), (Event::StepBegun, Some(OpId(9))));
    let outcome = Outcome {
        begun: at(10_000),
        at: at(10_003),
        result: Ok(Brought::Nothing),
        failures: 0,
        action,
    };
    let ended = &mut facts.members.b.work.ended;
    ended.insert(ActionKind::StopReceiver, outcome);
    let lines = journal.turn(&policy, &facts, &decision);
    assert_eq!(events(&lines), [Event::StepEnded]);
    assert_eq!(
        (lines[0].duration_ms, lines[0].op),
        (Some(3), Some(OpId(9)))
    );
    decision.memory.durable.register = Some(Register {
        epoch: 8,
        writer: Side::B,
        in_sync: None,
    });
    decision.memory.durable.changes.push(RoleChange {
        op: OpId(9),
        at_ms: 1,
        epoch: 8,
        to: Side::B,
        planned: false,
        why: "the writer's process ended".to_owned(),
        acked: false,
    });
    decision.memory.state = State::Serving;
    let lines = journal.turn(&policy, &facts, &decision);
    assert_eq!(events(&lines), [Event::WriterMoved, Event::StateChanged]);
    assert_eq!(
        lines[0].text,
        "the writer moved from db1 to db2: the writer's process ended"
    );
    assert!(journal.turn(&policy, &facts, &decision).is_empty());
}

#[test]
fn a_failover_that_ends_in_holding_failed() {
    let (facts, mut decision) = healthy();
    let (policy, mut journal) = (policy(), Journal::new("orders"));
    decision.memory.state = promoting();
    journal.turn(&policy, &facts, &decision);
    decision.memory.state = State::Holding {
        why: Why::Split {
            only_a: GtidSet::new(),
            only_b: GtidSet::new(),
        },
        since: at(1),
    };
    let lines = journal.turn(&policy, &facts, &decision);
    assert_eq!(events(&lines), [Event::FailoverFailed]);
    assert_eq!(lines[0].severity, Severity::Error);
}

#[test]
fn a_failed_step_and_a_kill_have_lines_of_their_own() {
    let (mut facts, decision) = healthy();
    let (policy, mut journal) = (policy(), Journal::new("orders"));
    journal.turn(&policy, &facts, &decision);
    let life = facts
        .members
        .a
        .process
        .as_ref()
        .unwrap()
        .incarnation
        .clone();
    let kill = Action::Kill {
        side: Side::A,
        life: life.unwrap(),
    };
    let route = Action::Route {
        writer: Side::A,
        reader: Side::B,
    };
    for (action, result) in [
        (kill, Ok(Brought::Nothing)),
        (route, Err(ActionError::Failed("no nft".to_owned()))),
    ] {
        let step = Step {
            op: None,
            epoch: 7,
            action: action.clone(),
        };
        journal.begun(&policy, &step, at(10_000));
        let outcome = Outcome {
            begun: at(10_000),
            at: at(10_001),
            result,
            failures: 1,
            action,
        };
        let work = match outcome.action.side() {
            Some(side) => &mut facts.members[side].work,
            None => &mut facts.pair,
        };
        work.ended.insert(outcome.action.kind(), outcome);
    }
    let lines = journal.turn(&policy, &facts, &decision);
    let said = events(&lines);
    assert!(
        said.contains(&Event::Fenced) && said.contains(&Event::StepFailed),
        "{said:?}"
    );
}
