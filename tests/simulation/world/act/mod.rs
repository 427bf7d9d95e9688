//! Actions turned into delayed effects.

mod files;
mod links;
mod servers;

use dualmasterd::act::Ended;
use dualmasterd::model::action::{Action, ActionError, ActionKind, Brought, Step};
use dualmasterd::model::member::Side;

use super::server::{Content, Life, Session};
use super::{Event, MS, SECOND, Time, World};

/// A statement's deadline.
const DEADLINE: Time = SECOND;

/// What an effect has come to.
enum Effect {
    Ends(Result<Brought, ActionError>),
    /// The effect is there, the statement returns later.
    EndsLater(Time, Result<Brought, ActionError>),
    /// Not yet: try again in a moment.
    Waits,
}

use Effect::{Ends, EndsLater, Waits};

fn done() -> Effect {
    Ends(Ok(Brought::Nothing))
}

fn failed(why: &str) -> Effect {
    Ends(Err(ActionError::Failed(why.into())))
}

impl World {
    /// A step of the plan is begun.
    pub fn begin(&mut self, step: Step) {
        let kind = step.action.kind();
        self.tell_begun(&step.action);
        *self.planned.entry(kind).or_default() += 1;
        let wait = match kind {
            ActionKind::Initialise => 300 * MS,
            ActionKind::Bootstrap => 50 * MS,
            ActionKind::Start => 20 * MS,
            ActionKind::Cut | ActionKind::Forget | ActionKind::Walk => self.rng.within(MS, 10 * MS),
            _ => self.rng.within(MS / 4, 3 * MS),
        };
        let begun = self.now;
        let stale = self.daemon.as_ref().map(|daemon| daemon.epoch) != Some(step.epoch);
        let step = Box::new(step);
        if stale {
            let event = Event::Outcome(self.generation, step, begun, Err(ActionError::Stale));
            self.after(0, event);
        } else {
            self.after(wait, Event::Effect(self.generation, step, begun));
        }
    }

    pub fn outcome(&mut self, step: Step, begun: Time, result: Result<Brought, ActionError>) {
        if let Err(error) = &result {
            self.tell_failed(&step.action, error);
        }
        self.ended(Ended {
            step,
            begun: self.stamp(begun),
            at: self.stamp(self.now),
            result,
        });
    }

    pub fn effect(&mut self, generation: u32, step: &Step, begun: Time) {
        let (wait, result) = match self.perform(&step.action, begun) {
            Ends(result) => (self.rng.within(10, MS / 2), result),
            EndsLater(wait, result) => (wait, result),
            Waits => {
                let again = Event::Effect(generation, Box::new(step.clone()), begun);
                self.after(5 * MS, again);
                return;
            }
        };
        let outcome = Event::Outcome(generation, Box::new(step.clone()), begun, result);
        self.after(wait, outcome);
    }

    /// Its life if one can log in; else how the action ends.
    fn server(&mut self, side: Side, begun: Time) -> Result<&mut Life, Effect> {
        let held_up = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.held_up > self.now);
        if self.servers[side].answers() && !held_up {
            return self.servers[side].life.as_mut().ok_or(Waits);
        }
        let stands = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen || life.disk_stuck);
        if (stands || held_up) && self.now < begun + DEADLINE {
            return Err(Waits);
        }
        Err(failed("no connection"))
    }

    fn perform(&mut self, action: &Action, begun: Time) -> Effect {
        match self.try_perform(action, begun) {
            Ok(effect) | Err(effect) => effect,
        }
    }

    fn try_perform(&mut self, action: &Action, begun: Time) -> Result<Effect, Effect> {
        Ok(match action {
            Action::WriteFiles { side } => {
                self.servers[*side].config = true;
                done()
            }
            Action::Initialise { side } => {
                self.servers[*side].datadir = true;
                done()
            }
            Action::Start { side, .. } => self.starts(*side, begun),
            Action::Kill { side, life } => {
                self.kills(*side, life);
                done()
            }
            Action::DestroyClients { side } => {
                self.sessions_end(*side);
                done()
            }
            Action::Walk { side, known, .. } => self.walks(*side, known),
            Action::Classify { side, gtids } => self.classifies(*side, gtids),
            Action::Cut { side, life, known } => self.cuts(*side, life, known),
            Action::Forget { side, life, known } => self.forgets(*side, life, known),
            Action::SaveOwn { side, known } => self.saves_own(*side, known),
            Action::SaveRelay { side, .. } => self.keeps_copy(*side, done()),
            Action::Hook(_) | Action::Gate(_) => match self.hook_takes() {
                (takes, true) => EndsLater(takes, Ok(Brought::Nothing)),
                (takes, false) => EndsLater(takes, Err(ActionError::Failed("it refused".into()))),
            },
            Action::PurgeBinlogs { .. } => done(),
            Action::Bootstrap { side } => {
                self.server(*side, begun)?;
                self.servers[*side].accounts = true;
                done()
            }
            Action::CreateApp { side } => {
                if !self.server(*side, begun)?.writable {
                    return Err(failed("read-only"));
                }
                if self.servers[*side].holds_writes() {
                    return Err(failed("no answer"));
                }
                self.commits(*side, Content::Empty, Session::Nobody);
                done()
            }
            Action::Close { side } => self.closes(*side, begun)?,
            Action::Open { side } => self.opens(*side, begun)?,
            Action::CloseSessions { side } => self.closes_sessions(*side, begun)?,
            Action::ArmSource { side, timeout_ms } => {
                let life = self.server(*side, begun)?;
                life.source_on = true;
                life.source_status = true;
                life.timeout_ms = *timeout_ms;
                done()
            }
            Action::DisarmSource { side } => self.disarms(*side, begun)?,
            Action::SetAckTimeout { side, timeout_ms } => {
                self.server(*side, begun)?.timeout_ms = *timeout_ms;
                done()
            }
            Action::Point { side, expendable } => {
                self.server(*side, begun)?;
                self.points_anew(*side, expendable)
            }
            Action::ResetLink { side } => self.resets(*side, begun)?,
            Action::StartReceiver { side } => self.starts_receiver(*side, begun)?,
            Action::StopReceiver { side } => self.stops_receiver(*side, begun)?,
            Action::StartApplier { side } => self.starts_applier(*side, begun)?,
            Action::StopApplier { side } => self.stops_applier(*side, begun)?,
            Action::SetEvents { side, on } => {
                self.server(*side, begun)?.events_on = *on;
                done()
            }
            Action::HandOverEvents { side } => {
                self.server(*side, begun)?;
                done()
            }
            Action::Route { writer, reader } => {
                self.endpoint.writer = Some(*writer);
                self.endpoint.reader = Some(*reader);
                done()
            }
        })
    }
}
