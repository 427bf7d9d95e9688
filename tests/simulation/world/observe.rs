//! The observers: every one publishes its newest fact, and none waits for another.

use std::time::Duration;

use dualmasterd::model::facts::{Datadir, EndpointFact, FileState, InstanceFact};
use dualmasterd::model::link::{LinkStatus, Receiver};
use dualmasterd::model::member::Side;
use dualmasterd::model::probe::{ProbeError, ProbeFact};
use dualmasterd::model::process::{ProcessFact, ProcessState};
use dualmasterd::model::server::{Family, HeartbeatRow, SemiSync, ServerFact, Version};

use super::server::{Content, Phase, Server, Session};
use super::{Event, MS, SECOND, Time, World};
use crate::support::{port, server_id};

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

    // Processes.

    pub fn process_seen(&mut self, side: Side) {
        let at = self.stamp(self.now);
        let frozen = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen);
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
                    state: if frozen {
                        ProcessState::Stopped
                    } else {
                        process.state
                    },
                    ended: if lives {
                        None
                    } else if seen {
                        process.ended
                    } else {
                        None
                    },
                    busy_percent: if frozen { 0 } else { 3 },
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
            binary_error: None,
            port_taken_by: None,
            last_words: Vec::new(),
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

    // Looks.

    /// A look now, or as soon as the one under way ends. The files are looked at as well.
    pub fn poke(&mut self, side: Side) {
        self.process_seen(side);
        let unfinished = !self.servers[side].config || !self.servers[side].datadir;
        if unfinished
            || self.daemon.as_ref().is_some_and(|daemon| {
                daemon.facts.members[side]
                    .instance
                    .as_ref()
                    .is_some_and(|instance| {
                        instance.datadir != Datadir::Ours || instance.config != FileState::Same
                    })
            })
        {
            self.look_at_files(side);
        }
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        if daemon.looking[side].is_some() {
            daemon.look_again[side] = true;
            return;
        }
        daemon.looking[side] = Some(now);
        daemon.look_again[side] = false;
        let wait = self.rng.within(MS / 2, 2 * MS);
        self.after(wait, Event::LookEnds(self.generation, side, now));
        self.after(SECOND, Event::LookTimesOut(self.generation, side, now));
    }

    /// While an operation is under way one look follows the other.
    pub fn hurry(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        if daemon.watch.pace == dualmasterd::model::probe::Pace::Rest {
            return;
        }
        for side in Side::BOTH {
            if self
                .daemon
                .as_ref()
                .is_some_and(|daemon| daemon.looking[side].is_none())
            {
                self.poke(side);
            }
        }
    }

    pub fn look_ends(&mut self, side: Side, asked: Time) {
        let frozen = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen);
        if frozen
            || self
                .daemon
                .as_ref()
                .is_none_or(|daemon| daemon.looking[side] != Some(asked))
        {
            return;
        }
        let result = self.look(side, asked);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        daemon.looking[side] = None;
        let again = daemon.look_again[side];
        let member = &mut daemon.facts.members[side];
        match result {
            Ok(look) => {
                member.server = Some(look);
                member.server_error = None;
            }
            Err(error) => member.server_error = Some(error),
        }
        daemon.dirty = true;
        if again {
            self.poke(side);
        }
    }

    pub fn look_times_out(&mut self, side: Side, asked: Time) {
        let at = self.stamp(self.now);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        if daemon.looking[side] != Some(asked) {
            return;
        }
        daemon.looking[side] = None;
        daemon.facts.members[side].server_error = Some(ProbeError {
            at,
            errno: None,
            lost: false,
            text: "no answer".into(),
        });
        daemon.dirty = true;
    }

    fn look(&mut self, side: Side, asked: Time) -> Result<ServerFact, ProbeError> {
        let now = self.stamp(self.now);
        let refused = |errno, text: &str| ProbeError {
            at: now,
            errno,
            lost: errno.is_none(),
            text: text.into(),
        };
        let server = &self.servers[side];
        let Some(life) = server.life.as_ref().filter(|life| life.phase == Phase::Up) else {
            return Err(refused(None, "connection refused"));
        };
        if !server.accounts {
            return Err(refused(Some(1045), "access denied"));
        }
        let received = server.executed.union(&server.received);
        Ok(ServerFact {
            asked: self.stamp(asked),
            at: now,
            incarnation: life.incarnation.clone(),
            family: self.policy.family,
            version: Version(10, 11, 19),
            server_id: server_id(side),
            uuid: (self.policy.family == Family::Mysql).then(|| Server::uuid(side).to_string()),
            writable: life.writable,
            executed: server.executed.clone(),
            semi_sync: SemiSync {
                available: true,
                source_on: life.source_on,
                source_status: life.source_on && life.source_status,
                replica_on: true,
                clients: u32::from(life.client_until > self.now),
                waiting: !life.waiting.is_empty(),
                timeout_ms: life.timeout_ms,
                after_sync: true,
                wait_no_replica: true,
                wait_count: 1,
                unacknowledged: 0,
            },
            link: server.link.then(|| LinkStatus {
                source_host: "127.0.0.1".into(),
                source_port: port(side.peer()),
                by_gtid: true,
                receiver: life.receiver,
                receiver_error: life.receiver_error.clone(),
                applier: life.applier,
                applier_error: life.applier_error.clone(),
                received,
                half: false,
                seconds_behind: (life.receiver == Receiver::Running).then_some(0),
            }),
            heartbeats: server.beats.values().cloned().collect(),
            events_on: life.events_on,
            strict: true,
            logs_updates: true,
            prepared_xa: 0,
            blockers: Vec::new(),
        })
    }

    // Probes.

    fn probe(&mut self, side: Side) {
        let at = self.stamp(self.now);
        let server = &self.servers[side];
        let frozen = server.life.as_ref().is_some_and(|life| life.frozen);
        let answers = server.answers();
        let works = server
            .life
            .as_ref()
            .is_some_and(|life| life.phase != Phase::Booting);
        let writer = self
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.watch.heartbeat);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let probes = &mut daemon.facts.members[side].probes;
        ask(&mut probes.ping, at, works && !frozen, frozen);
        ask(&mut probes.login, at, answers, frozen);
        ask(&mut probes.disk, at, true, false);
        if writer.is_some_and(|(writer, _)| writer == side) {
            ask(&mut probes.local_write, at, answers, frozen);
        } else {
            probes.local_write = ProbeFact::default();
        }
        daemon.dirty = true;
    }

    /// The heartbeat of the writer, one at a time.
    fn beat(&mut self) {
        let (now, wall_ms) = (self.now, self.wall_ms());
        let at = self.stamp(now);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let Some((side, epoch)) = daemon.watch.heartbeat else {
            return;
        };
        if daemon.beating.is_some() {
            return;
        }
        daemon.beating = Some((side, now));
        daemon.facts.members[side].probes.heartbeat.pending_since = Some(at);
        let row = HeartbeatRow {
            server_id: server_id(side),
            epoch,
            writer: server_id(side),
            written_ms: wall_ms,
        };
        let frozen = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen);
        if !frozen && !self.writes(side, Content::Beat(row), Session::Heartbeat) {
            self.beat_answered(side, false);
        }
    }

    pub fn beat_answered(&mut self, side: Side, ok: bool) {
        if let Some((at, sent)) = self.daemon.as_ref().and_then(|daemon| daemon.beating)
            && at == side
        {
            self.after(
                MS / 2,
                Event::HeartbeatEnds(self.generation, side, ok, sent),
            );
        }
    }

    pub fn heartbeat_ends(&mut self, side: Side, ok: bool, sent: Time) {
        let (at, sent_at) = (self.stamp(self.now), self.stamp(sent));
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        if daemon.beating != Some((side, sent)) {
            return;
        }
        daemon.beating = None;
        let probe = &mut daemon.facts.members[side].probes.heartbeat;
        probe.pending_since = None;
        if ok {
            probe.last_ok = Some(at);
            probe.last_ok_sent = Some(sent_at);
            probe.took = at.since(sent_at);
            probe.error = None;
        } else {
            probe.error = Some(lost(at));
        }
        daemon.dirty = true;
    }
}

fn lost(at: dualmasterd::model::time::Timestamp) -> ProbeError {
    ProbeError {
        at,
        errno: None,
        lost: true,
        text: "connection lost".into(),
    }
}

/// One question, and its answer half a millisecond later.
fn ask(probe: &mut ProbeFact, at: dualmasterd::model::time::Timestamp, answers: bool, hangs: bool) {
    if hangs {
        probe.pending_since.get_or_insert(at);
    } else if answers {
        *probe = ProbeFact {
            pending_since: None,
            last_ok: Some(at),
            last_ok_sent: Some(at),
            took: Duration::from_micros(500),
            error: None,
        };
    } else {
        probe.pending_since = None;
        probe.error = Some(lost(at));
    }
}
