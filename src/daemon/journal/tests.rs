use std::collections::BTreeSet;

use super::*;
use crate::daemon::report::tests::{at, healthy, policy};
use crate::model::action::{Action, ActionError, Brought, Outcome};
use crate::model::finding::Finding;
use crate::model::gtid::GtidSet;
use crate::model::link::ThreadError;
use crate::model::memory::{Promotion, RoleChange};

fn events(lines: &[Line]) -> Vec<Event> {
    lines.iter().map(|line| line.event).collect()
}

#[test]
fn message_ids_are_128_bits_and_each_has_one_entry_in_the_catalog() {
    let catalog = catalog::catalog();
    let found = found::ALL.iter().map(|kind| words::appeared(*kind));
    let all: Vec<_> = Event::ALL.iter().copied().chain(found).collect();
    for event in &all {
        let id = event.message_id();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(
            catalog.matches(&format!("-- {id}\n")).count(),
            1,
            "{event:?}"
        );
    }
    let names: BTreeSet<_> = Event::ALL.iter().map(|event| event.name()).collect();
    assert_eq!(names.len(), Event::ALL.len());
    let ids: BTreeSet<_> = all.iter().map(|event| event.message_id()).collect();
    // Both servers' ends are one event, and three events are findings as well.
    assert_eq!(ids.len(), all.len() - 4);
}

#[test]
fn an_event_that_is_a_finding_has_the_findings_message_id() {
    for kind in found::ALL {
        assert_eq!(found::entry(*kind).id, words::appeared(*kind).message_id());
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

#[test]
fn a_broken_link_is_told_with_its_name_and_the_servers_error_number() {
    let (mut facts, mut decision) = healthy();
    let (policy, mut journal) = (policy(), Journal::new("orders"));
    let server = facts.members.b.server.as_mut().unwrap();
    server.link.as_mut().unwrap().applier_error = Some(ThreadError {
        errno: 1062,
        text: "Duplicate entry".to_owned(),
    });
    decision.findings = vec![Finding::at(Side::B, Kind::LinkBroken, "1062")];
    let lines = journal.turn(&policy, &facts, &decision);
    let broken = &lines[0];
    assert_eq!(broken.link.as_deref(), Some("db1->db2"));
    assert_eq!(broken.errno, Some(1062));
}
