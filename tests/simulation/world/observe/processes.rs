//! What the kernel says of the servers' processes.

use dualmasterd::model::member::Side;
use dualmasterd::model::process::{ProcessFact, ProcessState};

use crate::world::World;

impl World {
    pub fn process_seen(&mut self, side: Side) {
        let at = self.stamp(self.now);
        let life = self.servers[side].life.as_ref();
        let stands = match life {
            Some(life) if life.disk_stuck => Some(ProcessState::DiskSleep),
            Some(life) if life.frozen => Some(ProcessState::Stopped),
            Some(_) | None => None,
        };
        let truth = self.processes[side].clone();
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let before = daemon.facts.members[side].process.take();
        let last = daemon.last_lives[side].clone();
        let fact = match truth {
            Some(process) => {
                let lives = matches!(process.state, ProcessState::Running);
                let known = before.as_ref().is_some_and(|before| {
                    before.incarnation.as_ref() == Some(&process.incarnation)
                });
                let watched = if known {
                    before.as_ref().is_some_and(|before| before.watched)
                } else {
                    lives
                };
                // Who was not there does not know whose process it was, nor how it ended.
                let seen = lives || watched;
                ProcessFact {
                    at,
                    incarnation: if seen {
                        Some(process.incarnation)
                    } else {
                        last
                    },
                    state: stands.unwrap_or(process.state),
                    ended: if lives {
                        None
                    } else if seen {
                        process.ended
                    } else {
                        None
                    },
                    busy_percent: if stands.is_some() { 0 } else { 3 },
                    stops_by_order: seen && process.stops_by_order,
                    watched,
                }
            }
            None => ProcessFact {
                at,
                incarnation: last,
                state: ProcessState::Gone,
                ended: None,
                busy_percent: 0,
                stops_by_order: false,
                watched: false,
            },
        };
        let changed = before.as_ref().is_none_or(|before| {
            before.state != fact.state
                || before.incarnation != fact.incarnation
                || before.stops_by_order != fact.stops_by_order
        });
        daemon.facts.members[side].process = Some(fact);
        daemon.dirty |= changed;
    }
}
