//! The observers: every one publishes its newest fact, and none waits for another.

mod looks;
mod probes;
mod processes;

use dualmasterd::decide::Watch;
use dualmasterd::model::facts::{Datadir, EndpointFact, FileState, InstanceFact};
use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::member::{Both, Side};
use dualmasterd::observe::Seen;

use self::looks::Looking;
use self::probes::{Asked, Beating};
use self::processes::Following;
pub use self::processes::state_of;
use super::{Event, MS, Time, World};

/// Time between two probes of the writer.
const INTERVAL: Time = 250 * MS;

/// What the observers know, and what they were told to ask.
#[derive(Debug)]
pub struct Eyes {
    watch: Watch,
    ticks: u64,
    following: Both<Following>,
    looking: Both<Looking>,
    asked: Both<Asked>,
    beating: Option<Beating>,
}

impl Eyes {
    /// They know of the lives before only what the state file says.
    pub fn new(last: &Both<Option<Incarnation>>) -> Self {
        Self {
            watch: Watch::default(),
            ticks: 0,
            following: Both::from_fn(|side| Following::new(last[side].clone())),
            looking: Both::default(),
            asked: Both::default(),
            beating: None,
        }
    }
}

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
        daemon.eyes.ticks += 1;
        let ticks = daemon.eyes.ticks;
        for side in Side::BOTH {
            self.process_seen(side);
            self.probe(side, ticks);
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

    /// What is to be asked is another.
    pub fn steered(&mut self, watch: Watch) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let before = std::mem::replace(&mut daemon.eyes.watch, watch);
        if before.heartbeat != watch.heartbeat {
            self.writer_is_asked_no_more(before.heartbeat.map(|(side, _)| side));
            self.beat();
        }
        if watch.pace > before.pace {
            self.looks_at_once();
        }
    }

    pub fn look_at_files(&mut self, side: Side) {
        let server = &self.servers[side];
        self.see(Seen::Instance(
            side,
            InstanceFact {
                at: self.stamp(self.now),
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
                free_mb: if server.full { 0 } else { 50_000 },
            },
        ));
    }

    pub fn look_at_endpoint(&mut self) {
        self.see(Seen::Endpoint(EndpointFact {
            at: self.stamp(self.now),
            writer: self.endpoint.writer,
            reader: self.endpoint.reader,
            address: true,
            answered: None,
            error: None,
            refused: false,
        }));
    }
}
