use std::time::Duration;

use super::*;
use crate::daemon::report;
use crate::model::action::{Action, ActionError, ActionKind, Brought, Step};
use crate::model::incarnation::{BootId, Incarnation};
use crate::model::process::Ended as Death;
use crate::runtime::proc;

const SIDE: Side = Side::A;

/// As `/proc` has it.
fn see(facts: &mut Facts, new: Seen) -> bool {
    seen(facts, new, |life| {
        proc::look(life).ok().map(|look| look.state.into())
    })
}

fn at(ms: u64) -> Timestamp {
    Timestamp::BOOT + Duration::from_millis(ms)
}

fn facts() -> Facts {
    Facts::unseen(at(0), BootId("boot".into()))
}

/// This process: one that surely runs.
fn ourselves() -> Incarnation {
    let pid = i32::try_from(std::process::id()).unwrap();
    proc::incarnation(pid).unwrap().unwrap()
}

fn running(life: &Incarnation) -> ProcessFact {
    ProcessFact {
        at: at(1),
        incarnation: Some(life.clone()),
        state: ProcessState::Running,
        ended: None,
        busy_percent: 0,
        stops_by_order: false,
        watched: false,
    }
}

fn error(lost: bool) -> ProbeError {
    ProbeError {
        at: at(10),
        errno: None,
        lost,
        text: "end of file".into(),
    }
}

fn answer() -> ProbeFact {
    ProbeFact {
        last_ok: Some(at(20)),
        last_ok_sent: Some(at(19)),
        ..ProbeFact::default()
    }
}

/// A member whose server, this process, has answered once.
fn answering() -> Facts {
    let (mut facts, _) = report::tests::healthy();
    let member = &mut facts.members[SIDE];
    member.process = Some(running(&ourselves()));
    if let Some(look) = &mut member.server {
        look.incarnation = ourselves();
    }
    facts
}

fn stops_by_order(facts: &Facts) -> bool {
    facts.members[SIDE].process.as_ref().unwrap().stops_by_order
}

#[test]
fn what_was_found_out_of_one_life_stays_true_of_it_alone() {
    let mut facts = facts();
    let life = ourselves();
    let mut known = running(&life);
    known.stops_by_order = true;
    known.watched = true;
    known.ended = Some(Death::Signal(9));
    see(&mut facts, Seen::Process(SIDE, known.clone()));
    see(&mut facts, Seen::Process(SIDE, running(&life)));
    assert_eq!(facts.members[SIDE].process, Some(known));

    let next = running(&Incarnation { pid: 1, ..life });
    see(&mut facts, Seen::Process(SIDE, next.clone()));
    assert_eq!(facts.members[SIDE].process, Some(next));
}

#[test]
fn an_answer_wakes_the_loop_unless_all_was_well_and_is() {
    let mut facts = facts();
    let mut take = |fact| see(&mut facts, Seen::Probe(SIDE, ProbeKind::Ping, fact));
    let waiting = ProbeFact {
        pending_since: Some(at(30)),
        ..answer()
    };
    let refused = ProbeFact {
        error: Some(error(false)),
        ..answer()
    };
    assert!(!take(answer()));
    assert!(take(waiting), "a question waits");
    assert!(take(answer()), "it waits no longer");
    assert!(take(refused), "an error");
    assert!(take(answer()), "no error any more");
    assert!(!take(answer()));
}

#[test]
fn a_session_that_ends_while_its_server_runs_is_a_stop_by_order() {
    let lost = |lost| Seen::Look(SIDE, Box::new(Err(error(lost))));
    let mut facts = answering();
    see(&mut facts, lost(false));
    assert!(!stops_by_order(&facts), "a silent server");
    see(&mut facts, lost(true));
    assert!(stops_by_order(&facts));

    let mut starting = answering();
    starting.members[SIDE].server = None;
    see(&mut starting, lost(true));
    assert!(!stops_by_order(&starting), "it has never answered yet");
}

#[test]
fn a_server_that_lets_somebody_in_later_does_not_stop() {
    let mut facts = answering();
    see(&mut facts, Seen::Look(SIDE, Box::new(Err(error(true)))));
    let login = |sent| ProbeFact {
        last_ok_sent: Some(at(sent)),
        ..answer()
    };
    see(&mut facts, Seen::Probe(SIDE, ProbeKind::Login, login(9)));
    assert!(stops_by_order(&facts), "asked before the session ended");
    see(&mut facts, Seen::Probe(SIDE, ProbeKind::Login, login(11)));
    assert!(!stops_by_order(&facts));
}

#[test]
fn failures_in_a_row_are_counted_and_a_success_ends_the_row() {
    let mut facts = facts();
    let action = Action::StopReceiver { side: SIDE };
    let mut take = |result| {
        let running = &mut work(&mut facts, Some(SIDE)).running;
        running.insert(ActionKind::StopReceiver);
        let step = Step {
            op: None,
            epoch: 1,
            action: action.clone(),
        };
        let done = Ended {
            step,
            begun: at(1),
            at: at(2),
            result,
        };
        ended(&mut facts, done);
        let work = &facts.members[SIDE].work;
        assert!(work.running.is_empty());
        work.ended[&ActionKind::StopReceiver].failures
    };
    let failed = || Err(ActionError::Failed("refused".into()));
    assert_eq!(take(failed()), 1);
    assert_eq!(take(failed()), 2);
    assert_eq!(take(Ok(Brought::Nothing)), 0);
    assert_eq!(take(failed()), 1);
}
