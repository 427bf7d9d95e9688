use super::*;
use crate::daemon::report::tests::{at, healthy, policy};
use crate::model::action::Action;
use crate::model::action::{ActionError, Brought};
use crate::model::memory::{OpEnded, Stage, Switch};

fn switching() -> State {
    State::Switching(Switch {
        clock: Timestamp::BOOT,
        op: OpId(9),
        to: Side::B,
        since: at(9_900),
        stage: Stage::Checking,
        accepted: crate::model::gtid::GtidSet::new(),
        returned: None,
        position: None,
        why: "asked".to_owned(),
    })
}

fn step(action: Action) -> Step {
    Step {
        op: Some(OpId(9)),
        epoch: 7,
        action,
    }
}

fn end(work: &mut Work, action: Action, at_ms: u64, result: Result<Brought, ActionError>) {
    let outcome = Outcome {
        begun: at(at_ms - 1),
        at: at(at_ms),
        result,
        failures: 0,
        action,
    };
    work.ended.insert(outcome.action.kind(), outcome);
}

fn moved(decision: &mut Decision) {
    decision.memory.durable.changes.push(RoleChange {
        op: OpId(9),
        at_ms: 1,
        epoch: 8,
        to: Side::B,
        planned: true,
        why: "asked".to_owned(),
        acked: false,
    });
}

#[test]
fn a_switchover_lasts_until_the_core_has_left_it_and_its_gap_is_measured() {
    let (mut facts, mut decision) = healthy();
    let (policy, mut history) = (policy(), History::default());
    decision.memory.state = switching();
    history.turn(&policy, &facts, &decision);
    let close = Action::Close { side: Side::A };
    let open = Action::Open { side: Side::B };
    let route = Action::Route {
        writer: Side::B,
        reader: Side::A,
    };
    history.begun(&step(close.clone()), at(10_000));
    end(
        &mut facts.members.a.work,
        close,
        10_002,
        Ok(Brought::Nothing),
    );
    moved(&mut decision);
    history.turn(&policy, &facts, &decision);
    history.begun(&step(open.clone()), at(10_006));
    let op = |history: &History| {
        history
            .report(&policy, &decision.memory.durable.changes)
            .remove(0)
    };
    assert_eq!(
        op(&history).ended,
        None,
        "the register has moved, and no more"
    );
    end(
        &mut facts.members.b.work,
        open,
        10_008,
        Ok(Brought::Nothing),
    );
    history.turn(&policy, &facts, &decision);
    history.begun(&step(route.clone()), at(10_008));
    end(&mut facts.pair, route, 10_010, Ok(Brought::Nothing));
    decision.memory.state = State::Serving;
    history.turn(&policy, &facts, &decision);
    let seen = op(&history);
    let ended = seen.ended.unwrap();
    assert_eq!(
        (ended.moved, ended.took_us, ended.write_gap_us, ended.epoch),
        (true, Some(110_000), Some(8_000), Some(8))
    );
    assert_eq!(seen.begun_ms, 999_900);
    assert_eq!(seen.from.as_deref(), Some("db1"));
    assert_eq!(seen.steps.len(), 3);
    assert_eq!(seen.steps[0].took_us, Some(2_000));
}

#[test]
fn an_undone_switchover_says_why() {
    let (mut facts, mut decision) = healthy();
    let (policy, mut history) = (policy(), History::default());
    decision.memory.state = switching();
    history.turn(&policy, &facts, &decision);
    let close = Action::Close { side: Side::A };
    history.begun(&step(close.clone()), at(10_000));
    let failed = Err(ActionError::Failed("50 ms are over".to_owned()));
    end(&mut facts.members.a.work, close, 10_050, failed);
    decision.memory.state = State::Serving;
    decision.memory.last_op = Some(OpEnded {
        op: OpId(9),
        result: Err("a session holds a table lock".to_owned()),
    });
    history.turn(&policy, &facts, &decision);
    let seen = history.report(&policy, &[]).remove(0);
    let ended = seen.ended.unwrap();
    assert!(!ended.moved);
    assert_eq!(ended.text, "a session holds a table lock");
    assert_eq!(seen.steps[0].error.as_deref(), Some("50 ms are over"));
}

#[test]
fn the_memory_is_bounded() {
    let (facts, mut decision) = healthy();
    let (policy, mut history) = (policy(), History::default());
    for op in 0..200 {
        let mut next = switching();
        if let State::Switching(s) = &mut next {
            s.op = OpId(op);
        }
        decision.memory.state = next;
        history.turn(&policy, &facts, &decision);
    }
    assert_eq!(history.report(&policy, &[]).len(), KEPT);
}
