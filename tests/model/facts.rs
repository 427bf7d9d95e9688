//! What the daemon sees of a state, in the core's words.

use std::time::Duration;

use dualmasterd::model::action::{ActionKind, Outcome};
use dualmasterd::model::facts::{
    Datadir, EndpointFact, Facts, FileState, InstanceFact, MemberFacts, Work,
};
use dualmasterd::model::incarnation::BootId;
use dualmasterd::model::link::{LinkStatus, Receiver, ThreadError};
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::policy::Policy;
use dualmasterd::model::probe::{ProbeError, ProbeFact, Probes};
use dualmasterd::model::process::{ProcessFact, ProcessState};
use dualmasterd::model::request::{Request, Verb};
use dualmasterd::model::server::{ENDLESS_MS, Family, SemiSync, ServerFact, Version};
use dualmasterd::model::time::Timestamp;

use crate::flight::Flight;
use crate::server::{Txn, incarnation, set, uuid};
use crate::state::{Daemon, Look, Seen, SeenProcess, State};
use crate::support::{port, server_id};

impl State {
    /// The one view that a decision gets.
    pub fn facts(&self, policy: &Policy) -> Option<Facts> {
        let daemon = self.daemon.as_ref()?;
        let mut facts = Facts::unseen(self.now, BootId("boot".into()));
        facts.members = Both::from_fn(|side| self.member(daemon, policy, side));
        facts.endpoint = Some(EndpointFact {
            at: self.now,
            address: true,
            ..EndpointFact::default()
        });
        facts.stored = Some(self.disk.clone());
        facts.pair.ended = daemon.pair.clone();
        if daemon.asked {
            facts.requests.push(Request {
                id: 1,
                verb: Verb::Switchover {
                    to: None,
                    accept_own_rows: false,
                },
                dry_run: false,
            });
        }
        Some(facts)
    }

    fn member(&self, daemon: &Daemon, policy: &Policy, side: Side) -> MemberFacts {
        let seen = &daemon.seen[side];
        MemberFacts {
            privileged: Vec::new(),
            instance: Some(InstanceFact {
                at: self.now,
                datadir: Datadir::Ours,
                config: FileState::Same,
                socket_gone: false,
                binary_error: None,
                port_taken_by: None,
                last_words: Vec::new(),
                waits_for_restart: String::new(),
                free_mb: 100_000,
            }),
            process: seen.process.as_ref().map(process),
            server: seen
                .look
                .as_ref()
                .map(|look| look.told(policy.family, side)),
            server_error: seen.failed.map(lost),
            probes: self.probes(seen),
            work: work(&daemon.flights, side, &seen.ended),
        }
    }

    fn probes(&self, seen: &Seen) -> Probes {
        let answered = ProbeFact {
            last_ok: Some(self.now),
            last_ok_sent: Some(self.now),
            took: Duration::from_micros(500),
            ..ProbeFact::default()
        };
        let asked = match seen.stuck {
            Some(since) => ProbeFact {
                pending_since: Some(since),
                last_ok: Some(since),
                ..ProbeFact::default()
            },
            None => answered.clone(),
        };
        let login = match seen.refused {
            Some(since) => ProbeFact {
                last_ok: Some(since),
                error: Some(lost(self.now)),
                ..ProbeFact::default()
            },
            None => asked.clone(),
        };
        Probes {
            ping: asked.clone(),
            local_write: asked,
            heartbeat: ProbeFact {
                pending_since: seen.beat.pending,
                last_ok: seen.beat.ok,
                last_ok_sent: seen.beat.sent,
                ..ProbeFact::default()
            },
            login,
            disk: answered,
        }
    }

    /// What a look would show now; `None`: nobody answers.
    pub fn look(&self, side: Side) -> Option<Look> {
        let server = &self.world.servers[side];
        let life = server.life.as_ref().filter(|_| server.answers())?;
        let beat = self.daemon.as_ref().map(|daemon| &daemon.seen[side].beat);
        let beat_waits = beat.is_some_and(|beat| beat.pending.is_some());
        let connected = self.world.servers[side.peer()]
            .life
            .as_ref()
            .is_some_and(|peer| peer.receiver == Receiver::Running);
        Some(Look {
            asked: self.now,
            at: self.now,
            life: life.number,
            writable: life.writable,
            source_on: life.source_on,
            waiting: life.source_on && (!life.waiting.is_empty() || beat_waits),
            clients: u32::from(connected),
            link: server.link,
            receiver: life.receiver,
            receiver_error: life.receiver_error,
            applier: life.applier,
            applier_error: life.applier_error,
            executed: server.executed(self.world.family),
            relay: server.relay.clone(),
        })
    }

    /// What is known of the process now, by someone who knew `before`.
    pub fn look_at_process(&self, side: Side) -> SeenProcess {
        let server = &self.world.servers[side];
        let seen = self.daemon.as_ref().map(|daemon| &daemon.seen[side]);
        let before = seen.and_then(|seen| seen.process.as_ref());
        let stored = self.disk.lives[side].as_ref().map_or(0, |life| life.pid);
        let Some(truth) = &server.process else {
            return SeenProcess {
                at: self.now,
                number: stored,
                state: ProcessState::Gone,
                ended: None,
                stops_by_order: false,
                watched: false,
            };
        };
        let lives = server.life.is_some();
        let frozen = server.life.as_ref().is_some_and(|life| life.frozen);
        let known = before.filter(|before| before.number == truth.number);
        let watched = known.map_or(lives, |before| before.watched);
        // Who was not there does not know whose process it was, nor how it ended.
        let told = lives || watched;
        SeenProcess {
            at: self.now,
            number: if told { truth.number } else { stored },
            state: if frozen {
                ProcessState::Stopped
            } else {
                truth.state
            },
            ended: truth.ended.filter(|_| told && !lives),
            stops_by_order: told && truth.stops_by_order,
            watched,
        }
    }
}

impl Look {
    /// The same but for its time.
    pub fn shows(&self, other: &Self) -> bool {
        let mut other = other.clone();
        (other.asked, other.at) = (self.asked, self.at);
        *self == other
    }

    fn told(&self, family: Family, side: Side) -> ServerFact {
        let error = |on: bool| {
            on.then(|| ThreadError {
                errno: 1236,
                text: String::new(),
            })
        };
        let received: Vec<Txn> = self.executed.iter().chain(&self.relay).copied().collect();
        ServerFact {
            asked: self.asked,
            at: self.at,
            incarnation: incarnation(self.life),
            family,
            version: Version(10, 11, 19),
            server_id: server_id(side),
            uuid: (family == Family::Mysql).then(|| uuid(side).to_string()),
            writable: self.writable,
            admins_write: false,
            executed: set(family, &self.executed),
            semi_sync: SemiSync {
                available: true,
                source_on: self.source_on,
                source_status: self.source_on,
                replica_on: true,
                replica_status: true,
                clients: self.clients,
                waiting: self.waiting,
                timeout_ms: ENDLESS_MS,
                after_sync: true,
                wait_no_replica: true,
                wait_count: 1,
            },
            link: self.link.then(|| LinkStatus {
                delay_s: 0,
                source_host: "127.0.0.1".into(),
                source_port: port(side.peer()),
                by_gtid: true,
                receiver: self.receiver,
                receiver_error: error(self.receiver_error),
                applier: self.applier,
                applier_error: error(self.applier_error),
                received: set(family, &received),
                half: false,
            }),
            heartbeats: Vec::new(),
            events_on: false,
            strict: true,
            logs_updates: true,
            prepared_xa: 0,
            blockers: Vec::new(),
        }
    }
}

fn process(seen: &SeenProcess) -> ProcessFact {
    ProcessFact {
        at: seen.at,
        incarnation: (seen.number > 0).then(|| incarnation(seen.number)),
        state: seen.state,
        ended: seen.ended,
        busy_percent: 0,
        stops_by_order: seen.stops_by_order,
        watched: seen.watched,
    }
}

fn lost(at: Timestamp) -> ProbeError {
    ProbeError {
        at,
        errno: None,
        lost: true,
        text: String::new(),
    }
}

fn work(
    flights: &[Flight],
    side: Side,
    ended: &std::collections::BTreeMap<ActionKind, Outcome>,
) -> Work {
    let here = flights
        .iter()
        .filter(|flight| flight.step.action.side() == Some(side));
    Work {
        running: here.map(|flight| flight.step.action.kind()).collect(),
        ended: ended.clone(),
    }
}
