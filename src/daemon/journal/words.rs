//! The words for what changed.

use super::Event;
use crate::model::action::{Action, ActionError, Outcome};
use crate::model::finding::{Kind, Severity};
use crate::model::memory::{State, Why};
use crate::model::policy::Policy;

/// What a state says when it is entered.
pub(super) fn entered(policy: &Policy, state: &State) -> (Event, Severity, String) {
    match state {
        State::Settling { .. } => (
            Event::StateChanged,
            Severity::Info,
            "looking at both members".to_owned(),
        ),
        State::Serving => (
            Event::StateChanged,
            Severity::Info,
            "the writer serves".to_owned(),
        ),
        State::Switching(s) => (
            Event::SwitchoverStarted,
            Severity::Info,
            format!("switching over to {}: {}", policy.name(s.to), s.why),
        ),
        State::Promoting(p) => (
            Event::FailoverStarted,
            Severity::Warning,
            format!("{} takes over: {}", policy.name(p.to), p.why),
        ),
        State::Holding { why, .. } => (
            match why {
                Why::Split { .. } | Why::BothWritable | Why::OtherWriter { .. } => {
                    Event::SplitBrain
                }
                Why::WriterDoesNotStart { .. } => Event::FailoverRefused,
            },
            Severity::Error,
            format!("no safe move: {why}"),
        ),
        State::Paused => (
            Event::Paused,
            Severity::Warning,
            "paused: nobody promotes".to_owned(),
        ),
    }
}

/// A few findings have an event of their own, which catalogs and alerts may watch for.
pub(super) fn appeared(kind: Kind) -> Event {
    const OWN: [(Kind, Event); 4] = [
        (Kind::LinkBroken, Event::LinkBroken),
        (Kind::WriterProcessExited, Event::InstanceCrashed),
        (Kind::ReaderProcessExited, Event::InstanceCrashed),
        (Kind::BothWritable, Event::SplitBrain),
    ];
    let own = OWN.into_iter().find(|(own, _)| *own == kind);
    own.map_or(Event::FindingAppeared(kind), |(_, event)| event)
}

/// How a step ended.
pub(super) fn ending(outcome: &Outcome) -> (Event, Severity, String) {
    let kind = outcome.action.kind();
    match (&outcome.result, &outcome.action) {
        (Ok(_), Action::Kill { .. }) => (
            Event::Fenced,
            Severity::Warning,
            "the server was killed".to_owned(),
        ),
        (Ok(_), _) => (
            Event::StepEnded,
            Severity::Info,
            format!("{kind:?} is done"),
        ),
        (Err(ActionError::Stale), _) => (
            Event::StepEnded,
            Severity::Info,
            format!("{kind:?} was dropped: {}", ActionError::Stale),
        ),
        (
            Err(
                error @ (ActionError::Refused(_)
                | ActionError::Failed(_)
                | ActionError::Denied(_)
                | ActionError::Unreadable(_)),
            ),
            _,
        ) => (
            Event::StepFailed,
            Severity::Warning,
            format!("{kind:?} failed, {} in a row: {error}", outcome.failures),
        ),
    }
}
