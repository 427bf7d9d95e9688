//! Actions under way: begun, taking effect, heard of or given up.

use dualmasterd::model::action::{Action, ActionError, ActionKind, Brought, Outcome, Step};
use dualmasterd::model::time::Timestamp;

use crate::server::set;
use crate::state::{Daemon, State};
use crate::world::Effect;

/// An action under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flight {
    pub step: Step,
    pub begun: Timestamp,
    /// Its effect is there, and its end was not heard yet.
    pub result: Option<Effect>,
}

impl State {
    /// Begins a step. Returns whether it has ended already: what touches neither server nor register
    /// is not worth a state of its own.
    pub fn begin(&mut self, mut step: Step) -> bool {
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return false;
        };
        step.op = None;
        let named = self.disk.register.as_ref().map(|register| register.writer);
        if step.action.kind() == ActionKind::Open && step.action.side() != named {
            let what = "an open was begun before the register was stored";
            self.world.broken.get_or_insert(what);
        }
        match step.action.kind() {
            ActionKind::Hook | ActionKind::Gate | ActionKind::DestroyClients => false,
            ActionKind::CloseSessions | ActionKind::SaveRelay => {
                let brought = match step.action {
                    Action::CloseSessions { side } => Brought::Closed {
                        sessions: 0,
                        returned: Vec::new(),
                        position: {
                            let family = self.world.family;
                            set(family, &self.world.servers[side].executed(family))
                        },
                    },
                    _ => Brought::Nothing,
                };
                daemon.outcome(step, now, now, Ok(brought));
                true
            }
            _ => {
                daemon.flights.push(Flight {
                    step,
                    begun: now,
                    result: None,
                });
                let key = |flight: &Flight| (flight.step.action.side(), flight.step.action.kind());
                daemon.flights.sort_by_key(key);
                false
            }
        }
    }

    /// What an action does to the world; `None`: it waits.
    pub fn perform(&mut self, action: &Action) -> Option<Effect> {
        let register = self.disk.register.clone();
        let before = self.world.clone();
        let effect = self.world.effect(action);
        let (Some(side), Some(Ok(_)), Some(register)) = (action.side(), &effect, register) else {
            return effect;
        };
        let opens = matches!(action, Action::Open { .. });
        if opens && register.writer != side {
            let what = "a member was opened that the store does not name";
            self.world.broken.get_or_insert(what);
        }
        let was_armed = (before.servers[side].life.as_ref()).is_some_and(|life| life.source_on);
        let disarms = matches!(action, Action::DisarmSource { .. });
        if disarms && was_armed && register.writer == side && register.in_sync.is_some() {
            let what = "a writer was disarmed while the store calls its standby in sync";
            self.world.broken.get_or_insert(what);
        }
        effect
    }

    /// An action ends, and its end is heard.
    pub fn ends(&mut self, at: usize) {
        let Some(mut flight) = self.take_flight(at) else {
            return;
        };
        let result = match flight.result.take() {
            Some(result) => Some(result),
            None => self.perform(&flight.step.action.clone()),
        };
        let now = self.now;
        if let (Some(daemon), Some(result)) = (&mut self.daemon, result) {
            daemon.outcome(flight.step, flight.begun, now, result);
        }
    }

    /// Its effect is there; its end is heard later.
    pub fn takes_effect(&mut self, at: usize) {
        let action = match self
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.flights.get(at))
        {
            Some(flight) => flight.step.action.clone(),
            None => return,
        };
        let result = self.perform(&action);
        if let Some(daemon) = &mut self.daemon {
            daemon.flights[at].result = result;
        }
    }

    /// Nobody answers it: it is given up, and the server executes it when it goes on.
    pub fn times_out(&mut self, at: usize) {
        let Some(flight) = self.take_flight(at) else {
            return;
        };
        let side = flight.step.action.side();
        if let Some(life) = side.and_then(|side| self.world.servers[side].life.as_mut()) {
            life.latent.push(flight.step.action.clone());
        }
        let now = self.now;
        let failed = Err(ActionError::Failed("failed".into()));
        if let Some(daemon) = &mut self.daemon {
            daemon.outcome(flight.step, flight.begun, now, failed);
        }
    }

    fn take_flight(&mut self, at: usize) -> Option<Flight> {
        let daemon = self.daemon.as_mut()?;
        (at < daemon.flights.len()).then(|| daemon.flights.remove(at))
    }
}

impl Daemon {
    fn outcome(&mut self, step: Step, begun: Timestamp, at: Timestamp, result: Effect) {
        let kind = step.action.kind();
        let ended = match step.action.side() {
            Some(side) => &mut self.seen[side].ended,
            None => &mut self.pair,
        };
        let before = ended.get(&kind).map_or(0, |before| before.failures);
        // The waits double six times within what the model tells apart.
        let failures = if result.is_err() {
            (before + 1).min(6)
        } else {
            0
        };
        let outcome = Outcome {
            action: step.action,
            begun,
            at,
            result,
            failures,
        };
        ended.insert(kind, outcome);
    }
}
