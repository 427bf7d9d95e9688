//! Actions turned into delayed effects.

use dualmasterd::model::action::{
    Action, ActionError, ActionKind, Brought, Outcome, Removed, Step,
};
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::process::ProcessState;
use dualmasterd::model::server::Family;

use super::server::{Content, Entry, Life, Session};
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
        self.say(|| format!("do {:?}", step.action));
        *self.planned.entry(format!("{kind:?}")).or_default() += 1;
        let work = self.work(step.action.side());
        work.running.insert(kind);
        let wait = match kind {
            ActionKind::Initialise => 300 * MS,
            ActionKind::Bootstrap => 50 * MS,
            ActionKind::Start => 20 * MS,
            ActionKind::Cut | ActionKind::Walk => self.rng.within(MS, 10 * MS),
            _ => self.rng.within(MS / 4, 3 * MS),
        };
        let begun = self.now;
        self.after(wait, Event::Effect(self.generation, Box::new(step), begun));
    }

    fn work(&mut self, side: Option<Side>) -> &mut dualmasterd::model::facts::Work {
        let facts = &mut self.daemon.as_mut().expect("it acts").facts;
        match side {
            Some(side) => &mut facts.members[side].work,
            None => &mut facts.pair,
        }
    }

    pub fn outcome(&mut self, step: &Step, begun: Time, result: Result<Brought, ActionError>) {
        let (begun, at) = (self.stamp(begun), self.stamp(self.now));
        if let Err(error) = &result {
            self.say(|| format!("failed {:?}: {error}", step.action));
        }
        let (side, kind) = (step.action.side(), step.action.kind());
        let work = self.work(side);
        work.running.remove(&kind);
        let before = work.ended.get(&kind).map_or(0, |before| before.failures);
        let failures = if result.is_err() { before + 1 } else { 0 };
        let outcome = Outcome {
            action: step.action.clone(),
            begun,
            at,
            result,
            failures,
        };
        work.ended.insert(kind, outcome);
        if let Some(daemon) = &mut self.daemon {
            daemon.dirty = true;
        }
        match side {
            Some(side) => self.poke(side),
            None => self.look_at_endpoint(),
        }
    }

    pub fn effect(&mut self, generation: u32, step: &Step, begun: Time) {
        let epoch = self
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.memory.durable.register.as_ref())
            .map_or(0, |register| register.epoch);
        let ours = generation == self.generation;
        let effect = if ours && step.epoch != epoch {
            Ends(Err(ActionError::Stale))
        } else {
            self.perform(&step.action, begun)
        };
        let (wait, result) = match effect {
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
        if self.servers[side].answers() {
            return self.servers[side].life.as_mut().ok_or(Waits);
        }
        let frozen = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen);
        if frozen && self.now < begun + DEADLINE {
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
            Action::Start { side, .. } => self.starts(*side),
            Action::Kill { side, life } => {
                self.kills(*side, life);
                done()
            }
            Action::DestroyClients { side } => {
                self.sessions_end(*side);
                done()
            }
            Action::Walk { side, life, known } => self.walks(*side, life, known),
            // Strays of this world change rows.
            Action::Classify { .. } => Ends(Ok(Brought::Classified {
                harmless: GtidSet::new(),
                changes: Vec::new(),
            })),
            Action::Cut { side, life, known } => self.cuts(*side, life, known),
            Action::SaveRelay { .. } | Action::Hook(_) | Action::PurgeBinlogs { .. } => done(),
            Action::Bootstrap { side } => {
                self.server(*side, begun)?;
                self.servers[*side].accounts = true;
                done()
            }
            Action::CreateApp { side } => {
                if !self.server(*side, begun)?.writable {
                    return Err(failed("read-only"));
                }
                self.commits(*side, Content::Empty, Session::Nobody);
                done()
            }
            Action::Close { side } => self.closes(*side, begun)?,
            Action::Open { side } => {
                self.server(*side, begun)?;
                self.check_open(*side);
                let life = self.server(*side, begun)?;
                life.writable = true;
                life.opened_by_hand = false;
                done()
            }
            Action::CloseSessions { side } => {
                self.server(*side, begun)?;
                let sessions = self.sessions_end(*side);
                Ends(Ok(Brought::Closed {
                    sessions,
                    returned: Vec::new(),
                }))
            }
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
            Action::StartReceiver { side } => self.starts_receiver(*side, begun)?,
            Action::StopReceiver { side } => self.stops_receiver(*side, begun)?,
            Action::StartApplier { side } => self.starts_applier(*side, begun)?,
            Action::StopApplier { side } => {
                let life = self.server(*side, begun)?;
                life.applier = false;
                life.applier_error = None;
                done()
            }
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

    fn starts(&mut self, side: Side) -> Effect {
        let running = self.processes[side]
            .as_ref()
            .is_some_and(|process| process.state != ProcessState::Gone);
        if running {
            return if self.servers[side].life.is_some() {
                done()
            } else {
                failed("the old process is still there")
            };
        }
        self.server_starts(side);
        done()
    }

    /// SIGKILL, if it is still that life.
    fn kills(&mut self, side: Side, life: &Incarnation) {
        if self.servers[side]
            .life
            .as_ref()
            .is_some_and(|now| now.incarnation == *life)
        {
            self.server_dies(side);
        }
    }

    fn is_gone(&self, side: Side, life: &Incarnation) -> bool {
        let there = self.processes[side]
            .as_ref()
            .is_some_and(|process| process.state != ProcessState::Gone);
        !there && self.servers[side].last_life.as_ref() == Some(life)
    }

    fn walks(&self, side: Side, life: &Incarnation, known: &GtidSet) -> Effect {
        if !self.is_gone(side, life) {
            return failed("the process is still there");
        }
        let server = &self.servers[side];
        let lacking = server.set(&server.binlog).subtract(known);
        Ends(Ok(Brought::Lacking(lacking)))
    }

    fn cuts(&mut self, side: Side, life: &Incarnation, known: &GtidSet) -> Effect {
        if !self.is_gone(side, life) {
            return failed("the process is still there");
        }
        let server = &self.servers[side];
        let lacks = |entry: &Entry| !known.contains(&server.set([entry]));
        let Some(first) = server.binlog.iter().position(lacks) else {
            return Ends(Ok(Brought::Removed(Removed::default())));
        };
        if server.clean {
            return Ends(Err(ActionError::Refused("it was stopped in order".into())));
        }
        if !server.binlog[first..].iter().all(lacks) {
            return Ends(Err(ActionError::Refused("no suffix".into())));
        }
        let removed = self.servers[side].truncate(first);
        self.cuts += 1;
        let gtids = self.servers[side].set(&removed);
        self.check_cut(side, &removed);
        Ends(Ok(Brought::Removed(Removed {
            gtids,
            rows: Vec::new(),
            saved_to: "/saved".into(),
        })))
    }

    fn closes(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let late = self.now >= begun + 50 * MS;
        let life = self.server(side, begun)?;
        if !life.waiting.is_empty() {
            return Ok(if late {
                failed("the budget of 50 ms is over")
            } else {
                Waits
            });
        }
        life.writable = false;
        life.opened_by_hand = false;
        life.events_on = false;
        Ok(done())
    }

    fn disarms(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        self.server(side, begun)?;
        self.check_disarm(side);
        let registered = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.client_until > self.now);
        self.release_all(side, true);
        let life = self.server(side, begun)?;
        life.source_on = false;
        life.source_status = false;
        self.after(0, Event::Applies(side));
        let slow = self.family() == Family::Mysql && registered;
        Ok(if slow {
            let wait = self.rng.within(MS, 1_100 * MS);
            EndsLater(wait, Ok(Brought::Nothing))
        } else {
            done()
        })
    }

    /// The relay logs of this member are deleted.
    fn purges(&mut self, side: Side) {
        let lost = self.servers[side].purge_relay();
        self.check_purge(side, &lost);
    }

    fn points_anew(&mut self, side: Side, expendable: &GtidSet) -> Effect {
        let server = &self.servers[side];
        let only_received = server.set(&server.relay);
        if !expendable.contains(&only_received.subtract(&server.set(&server.binlog))) {
            return failed("unapplied transactions");
        }
        self.points(side);
        done()
    }

    fn points(&mut self, side: Side) {
        self.purges(side);
        self.servers[side].link = true;
        if let Some(life) = &mut self.servers[side].life {
            let connected = life.receiver == Receiver::Running;
            life.receiver = Receiver::Stopped;
            life.receiver_error = None;
            life.applier = false;
            life.applier_error = None;
            life.mute = false;
            if connected {
                self.client_is_gone(side.peer(), true);
            }
        }
    }

    fn starts_receiver(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let life = self.server(side, begun)?;
        if life.receiver != Receiver::Stopped {
            return Ok(done());
        }
        let both_stopped = !life.applier;
        if !self.servers[side].link {
            return Ok(failed("no link is configured"));
        }
        if both_stopped && self.family() == Family::Mariadb {
            self.points(side);
        }
        let life = self.server(side, begun)?;
        life.receiver = Receiver::Connecting;
        life.receiver_error = None;
        life.mute = false;
        self.after(15 * MS, Event::Connects(side));
        Ok(done())
    }

    fn stops_receiver(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let now = self.now;
        let silent = self.servers[side.peer()]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen);
        let life = self.server(side, begun)?;
        let connecting = life.receiver == Receiver::Connecting;
        if connecting && silent && now < begun + 2 * SECOND {
            return Ok(Waits);
        }
        life.receiver = Receiver::Stopped;
        life.receiver_error = None;
        life.mute = false;
        self.client_is_gone(side.peer(), true);
        Ok(done())
    }

    fn starts_applier(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let life = self.server(side, begun)?;
        if life.applier {
            return Ok(done());
        }
        let both_stopped = life.receiver == Receiver::Stopped;
        if !self.servers[side].link {
            return Ok(failed("no link is configured"));
        }
        if both_stopped && self.family() == Family::Mariadb {
            self.purges(side);
        }
        let life = self.server(side, begun)?;
        life.applier = true;
        life.applier_error = None;
        self.after(MS / 2, Event::Applies(side));
        Ok(done())
    }
}
