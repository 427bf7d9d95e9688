//! What follows from an event.

use dualmasterd::model::member::Side;
use dualmasterd::model::policy::Policy;
use dualmasterd::model::process::Ended;

use crate::events::Event;
use crate::state::State;
use crate::time::TICK;

impl State {
    /// The state after an event.
    pub fn after(&self, policy: &Policy, event: Event) -> Self {
        let mut next = self.clone();
        next.pass();
        if self.deviates(event) {
            next.budget.deviate();
        }
        next.happens(policy, event);
        next.settle_time();
        next
    }

    fn happens(&mut self, policy: &Policy, event: Event) {
        let world = &mut self.world;
        match event {
            Event::Writes(side) => {
                self.budget.writes -= 1;
                world.write(side);
            }
            Event::Ships(side) => world.ship(side),
            Event::Hears(side) => world.hears(side),
            Event::Applies(side) => world.apply(side),
            Event::Reaped(side) => world.reap(side),
            Event::Booted(side) => {
                if let Some(life) = &mut world.servers[side].life {
                    life.up = true;
                }
            }
            Event::Exits(side) => world.exits(side),
            Event::Thaws(side) => world.freeze(side, false),
            Event::Kill(side) => {
                self.budget.faults -= 1;
                world.servers[side].dies(Ended::Signal(9));
            }
            Event::Freeze(side) => {
                self.budget.faults -= 1;
                world.freeze(side, true);
            }
            Event::Stop(side) => {
                self.budget.faults -= 1;
                world.told_to_stop(side);
            }
            Event::Restart(side) => {
                self.budget.faults -= 1;
                world.servers[side].dies(Ended::Signal(9));
                world.reap(side);
                world.servers[side].boot(world.family);
            }
            Event::DaemonDies(sent) => {
                self.budget.faults -= 1;
                self.daemon_dies(sent);
            }
            Event::SeesProcess(side) => {
                self.sees_process(side);
                self.think(policy);
            }
            Event::Looks(side) => {
                self.sees_process(side);
                self.looks(side);
                self.think(policy);
            }
            Event::LookTaken(side) => {
                let look = self.look(side);
                if let Some(daemon) = &mut self.daemon {
                    daemon.seen[side].late = look;
                }
            }
            Event::LookArrives(side) => {
                self.look_arrives(side);
                self.think(policy);
            }
            Event::Beats => {
                self.beats();
                self.think(policy);
            }
            Event::Ends(at) => {
                self.ends(at);
                self.think(policy);
            }
            Event::TakesEffect(at) => {
                self.takes_effect(at);
            }
            Event::TimesOut(at) => {
                self.times_out(at);
                self.think(policy);
            }
            Event::Stores => {
                self.stored();
                self.think(policy);
            }
            Event::DaemonStarts => {
                self.daemon_starts();
                self.think(policy);
            }
            Event::Tick => self.tick(policy),
            Event::Switchover => {
                self.budget.requests -= 1;
                if let Some(daemon) = &mut self.daemon {
                    daemon.asked = true;
                }
                self.think(policy);
            }
        }
    }

    fn tick(&mut self, policy: &Policy) {
        self.now = self.now + TICK;
        let now = self.now;
        for side in Side::BOTH {
            let frozen = (self.world.servers[side].life.as_ref()).is_some_and(|life| life.frozen);
            if let Some(daemon) = &mut self.daemon
                && frozen
            {
                daemon.seen[side].failed.get_or_insert(now);
            }
        }
        self.think(policy);
    }
}
