//! The observers: every one publishes its newest fact, and none waits for another.

mod looks;
mod probes;
mod processes;

use dualmasterd::model::facts::{Datadir, EndpointFact, FileState, InstanceFact};
use dualmasterd::model::member::Side;

use super::{Event, MS, Time, World};

/// Time between two probes of a kind; every other time the servers are looked at.
const INTERVAL: Time = 250 * MS;

impl World {
    pub fn observers_start(&mut self) {
        for side in Side::BOTH {
            self.process_seen(side);
            self.look_at_files(side);
        }
        self.look_at_endpoint();
        self.after(MS, Event::Tick(self.generation));
    }

    pub fn tick(&mut self) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        daemon.ticks += 1;
        let ticks = daemon.ticks;
        for side in Side::BOTH {
            self.process_seen(side);
            self.probe(side);
            if ticks % 2 == 1 {
                self.poke(side);
            }
            if ticks % 8 == 1 {
                self.look_at_files(side);
            }
        }
        if ticks % 4 == 1 {
            self.look_at_endpoint();
        }
        self.beat();
        self.after(INTERVAL, Event::Tick(self.generation));
    }

    pub fn look_at_files(&mut self, side: Side) {
        let at = self.stamp(self.now);
        let server = &self.servers[side];
        let fact = InstanceFact {
            at,
            datadir: if server.datadir {
                Datadir::Ours
            } else {
                Datadir::Missing
            },
            config: if server.config {
                FileState::Same
            } else {
                FileState::Missing
            },
            socket_gone: false,
            binary_error: None,
            port_taken_by: None,
            last_words: Vec::new(),
            waits_for_restart: String::new(),
            free_mb: 50_000,
        };
        if let Some(daemon) = &mut self.daemon {
            daemon.facts.members[side].instance = Some(fact);
            daemon.dirty = true;
        }
    }

    pub fn look_at_endpoint(&mut self) {
        let fact = EndpointFact {
            at: self.stamp(self.now),
            writer: self.endpoint.writer,
            reader: self.endpoint.reader,
            address: true,
            answered: None,
            error: None,
            refused: false,
        };
        if let Some(daemon) = &mut self.daemon {
            daemon.facts.endpoint = Some(fact);
            daemon.dirty = true;
        }
    }
}
