//! What the kernel says of the servers' processes.

use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::process::{ProcessFact, ProcessState};
use dualmasterd::observe::Seen;

use crate::world::server::Server;
use crate::world::{Event, Process, SECOND, Time, World};

/// How often a server that nobody follows is looked for.
const SEARCH_EVERY: Time = 2 * SECOND;

/// Who follows one member's processes, life after life.
#[derive(Debug, Clone, Default)]
pub(super) struct Following {
    /// The life that is followed: the other observers ask it.
    pub life: Option<Incarnation>,
    state: Option<ProcessState>,
    last: Option<Incarnation>,
    /// When it was last told that no server was found.
    absent_told: Option<Time>,
}

impl Following {
    pub fn new(last: Option<Incarnation>) -> Self {
        Self {
            last,
            ..Self::default()
        }
    }
}

/// What `/proc` says of a life now.
pub fn state_of(
    processes: &Both<Option<Process>>,
    servers: &Both<Server>,
    life: &Incarnation,
) -> Option<ProcessState> {
    let state = Side::BOTH.into_iter().find_map(|side| {
        let process = processes[side].as_ref()?;
        (process.incarnation == *life).then(|| stands(process, &servers[side]))
    });
    Some(state.unwrap_or(ProcessState::Gone))
}

/// The state of a process that runs, or stands still.
fn stands(process: &Process, server: &Server) -> ProcessState {
    match &server.life {
        Some(life) if life.disk_stuck => ProcessState::DiskSleep,
        Some(life) if life.frozen => ProcessState::Stopped,
        Some(_) | None => process.state,
    }
}

impl World {
    /// The kernel is asked. A change is published, and that a process still stands; the end of a life ends what
    /// was asked of it.
    pub fn process_seen(&mut self, side: Side) {
        match self.process_takes(side) {
            Some(0) => self.process_is_told(side),
            Some(late) => self.after(late, Event::ProcessTold(self.generation, side)),
            None => {}
        }
    }

    pub fn process_is_told(&mut self, side: Side) {
        let at = self.stamp(self.now);
        let truth = self.processes[side].clone();
        let server = &self.servers[side];
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let following = &mut daemon.eyes.following[side];
        let Some(life) = following.life.clone() else {
            self.looks_for_process(side, truth);
            return;
        };
        let process = truth.as_ref().filter(|now| now.incarnation == life);
        let state = process.map_or(ProcessState::Gone, |process| stands(process, server));
        let stands = matches!(state, ProcessState::Stopped | ProcessState::DiskSleep);
        if following.state == Some(state) && !stands {
            return;
        }
        following.state = Some(state);
        let over = state == ProcessState::Gone;
        if over {
            following.life = None;
        }
        self.see(Seen::Process(
            side,
            ProcessFact {
                at,
                incarnation: Some(life),
                state,
                ended: process.and_then(|process| process.ended),
                busy_percent: if state == ProcessState::Running { 3 } else { 0 },
                stops_by_order: false,
                watched: true,
            },
        ));
        if over {
            self.asks_no_more(side);
            self.process_is_told(side);
        }
    }

    /// Nobody is followed. One that ends already is not known for a server of this member.
    fn looks_for_process(&mut self, side: Side, truth: Option<Process>) {
        let now = self.now;
        let at = self.stamp(now);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let following = &mut daemon.eyes.following[side];
        match truth {
            Some(process) if process.state == ProcessState::Running => {
                *following = Following {
                    life: Some(process.incarnation.clone()),
                    state: None,
                    last: Some(process.incarnation),
                    absent_told: None,
                };
                self.process_is_told(side);
                self.look_at_files(side);
                self.poke(side);
            }
            Some(process) if process.state == ProcessState::Exiting => {}
            Some(_) | None
                if following
                    .absent_told
                    .is_some_and(|at| now < at + SEARCH_EVERY) => {}
            Some(_) | None => {
                following.absent_told = Some(now);
                let incarnation = following.last.clone();
                self.see(Seen::Process(
                    side,
                    ProcessFact {
                        at,
                        incarnation,
                        state: ProcessState::Gone,
                        ended: None,
                        busy_percent: 0,
                        stops_by_order: false,
                        watched: false,
                    },
                ));
            }
        }
    }
}
