//! The daemon's turn: it decides, begins, stores; it dies and starts again.

use std::collections::BTreeMap;

use dualmasterd::decide::decide;
use dualmasterd::model::action::OpId;
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::memory::{Memory, State as Machine, Why};
use dualmasterd::model::policy::Policy;
use dualmasterd::model::probe::Pace;
use dualmasterd::model::time::Timestamp;

use crate::state::{Daemon, State};

impl State {
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
