//! One state: the two servers, the disk, and the daemon with what it has seen, remembers and has begun.

use std::collections::BTreeMap;

use dualmasterd::decide::decide;
use dualmasterd::model::action::{Action, ActionError, ActionKind, Brought, OpId, Outcome, Step};
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::memory::{Durable, Memory, State as Machine, Why};
use dualmasterd::model::policy::Policy;
use dualmasterd::model::probe::Pace;
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::time::Timestamp;

use crate::server::{Txn, set};
use crate::world::{Effect, World};

/// What may still happen to the pair: each happening costs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Kills, freezes, orders to stop, deaths of the daemon.
    pub faults: u8,
    /// Clients' writes.
    pub writes: u8,
    /// How often something else happens than what usually comes next: another order, a look that arrives
    /// late, an effect long before its end is heard, time that passes though something is under way.
    pub deviations: u8,
    /// Planned switchovers that an operator asks for.
    pub requests: u8,
}

impl Budget {
    /// Nothing befalls the pair.
    pub const NONE: Self = Self {
        faults: 0,
        writes: 0,
        deviations: 0,
        requests: 0,
    };

    /// One deviation less; the highest number stands for any.
    pub fn deviate(&mut self) {
        if self.deviations != u8::MAX {
            self.deviations = self.deviations.saturating_sub(1);
        }
    }
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub now: Timestamp,
    pub world: World,
    /// The state file.
    pub disk: Durable,
    pub daemon: Option<Daemon>,
    pub budget: Budget,
}

/// The running daemon.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Daemon {
    pub memory: Memory,
    pub seen: Both<Seen>,
    pub pair: BTreeMap<ActionKind, Outcome>,
    /// A switchover was asked for.
    pub asked: bool,
    /// Begun and not ended, in an order of their own.
    pub flights: Vec<Flight>,
    /// On its way to the disk.
    pub storing: Option<Durable>,
    /// Who gets the heartbeat.
    pub beats: Option<Side>,
    /// Looks follow each other.
    pub hurry: bool,
}

/// What is known of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    pub process: Option<SeenProcess>,
    pub look: Option<Look>,
    /// The newest look failed.
    pub failed: Option<Timestamp>,
    /// A look that was taken and has not arrived.
    pub late: Option<Look>,
    /// Questions have hung since then.
    pub stuck: Option<Timestamp>,
    /// Logins have been refused since then.
    pub refused: Option<Timestamp>,
    pub beat: Beat,
    pub ended: BTreeMap<ActionKind, Outcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeenProcess {
    pub at: Timestamp,
    /// Which life; 0 where none was ever known.
    pub number: i32,
    pub state: ProcessState,
    pub ended: Option<Ended>,
    pub stops_by_order: bool,
    pub watched: bool,
}

/// The heartbeat of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Beat {
    /// The newest question.
    pub tried: Option<Timestamp>,
    pub pending: Option<Timestamp>,
    pub sent: Option<Timestamp>,
    pub ok: Option<Timestamp>,
}

/// One look at a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Look {
    pub asked: Timestamp,
    pub at: Timestamp,
    pub life: i32,
    pub writable: bool,
    pub source_on: bool,
    pub waiting: bool,
    pub clients: u32,
    pub link: bool,
    pub receiver: Receiver,
    pub receiver_error: bool,
    pub applier: bool,
    pub applier_error: bool,
    pub executed: Vec<Txn>,
    pub relay: Vec<Txn>,
}

/// An action under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flight {
    pub step: Step,
    pub begun: Timestamp,
    /// Its effect is there, and its end was not heard yet.
    pub result: Option<Effect>,
}

impl State {
    /// Another moment.
    pub fn pass(&mut self) {
        self.now = self.now + std::time::Duration::from_micros(1);
    }

    /// One turn of the loop, and what it begins.
    pub fn think(&mut self, policy: &Policy) {
        for _ in 0..4 {
            let Some(facts) = self.facts(policy) else {
                return;
            };
            let Some(daemon) = &mut self.daemon else {
                return;
            };
            let decision = decide(policy, &daemon.memory, &facts);
            daemon.asked = false;
            daemon.memory = decision.memory;
            scrub(&mut daemon.memory);
            daemon.beats = decision.watch.heartbeat.map(|(side, _)| side);
            daemon.hurry = decision.watch.pace != Pace::Rest;
            let mut at_once = false;
            for step in decision.plan {
                at_once |= self.begin(step);
            }
            if !at_once {
                break;
            }
        }
        self.store();
    }

    /// Begins a step. Returns whether it has ended already: what touches neither server nor register
    /// is not worth a state of its own.
    fn begin(&mut self, mut step: Step) -> bool {
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
            ActionKind::Hook | ActionKind::DestroyClients => false,
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

    fn store(&mut self) {
        if let Some(daemon) = &mut self.daemon
            && daemon.storing.is_none()
            && daemon.memory.durable != self.disk
        {
            daemon.storing = Some(daemon.memory.durable.clone());
        }
    }

    /// The storing thread has done its work.
    pub fn stored(&mut self) {
        if let Some(durable) = self
            .daemon
            .as_mut()
            .and_then(|daemon| daemon.storing.take())
        {
            self.disk = durable;
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

    /// SIGKILL. `sent`: what it had begun still has its effect.
    pub fn daemon_dies(&mut self, sent: bool) {
        let Some(daemon) = self.daemon.take() else {
            return;
        };
        if !sent {
            return;
        }
        for flight in daemon
            .flights
            .iter()
            .filter(|flight| flight.result.is_none())
        {
            if self.perform(&flight.step.action).is_none()
                && let Some(side) = flight.step.action.side()
                && let Some(life) = &mut self.world.servers[side].life
            {
                life.latent.push(flight.step.action.clone());
            }
        }
        if let Some(durable) = daemon.storing {
            self.disk = durable;
        }
    }

    pub fn daemon_starts(&mut self) {
        let memory = Memory::after_start(self.disk.clone(), self.now);
        self.daemon = Some(Daemon {
            memory,
            seen: Both::default(),
            pair: BTreeMap::new(),
            asked: false,
            flights: Vec::new(),
            storing: None,
            beats: None,
            hurry: true,
        });
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

/// What is for people only is not part of a state.
fn scrub(memory: &mut Memory) {
    memory.hooks.clear();
    memory.last_op = None;
    memory.durable.last_op = 0;
    memory.durable.changes.clear();
    // Neither a preferred member nor scheduled events nor the purge of logs are modelled.
    memory.healthy_since = None;
    memory.moved_at = Timestamp::BOOT;
    memory.binlogs = Both::default();
    for side in Side::BOTH {
        let starts = &mut memory.starts[side];
        starts.count = starts.count.min(3);
        if starts.count == 0 {
            starts.last = Timestamp::BOOT;
        }
        memory.restarts[side].receiver = memory.restarts[side].receiver.min(6);
        memory.restarts[side].applier = memory.restarts[side].applier.min(6);
        if let Some(quarantine) = &mut memory.durable.quarantine[side] {
            quarantine.why.clear();
        }
    }
    memory.unproven = memory.unproven.min(4);
    match &mut memory.state {
        Machine::Switching(switch) => {
            switch.op = OpId(0);
            switch.why.clear();
        }
        Machine::Promoting(promotion) => {
            promotion.op = OpId(0);
            promotion.why.clear();
        }
        Machine::Holding { why, .. } => {
            if let Why::WriterDoesNotStart { reason } = why {
                reason.clear();
            }
        }
        Machine::Settling { .. } | Machine::Serving | Machine::Paused => {}
    }
}
