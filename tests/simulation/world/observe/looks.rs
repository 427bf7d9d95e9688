//! Looks at the servers.

use dualmasterd::model::facts::{Datadir, FileState};
use dualmasterd::model::link::{LinkStatus, Receiver};
use dualmasterd::model::member::Side;
use dualmasterd::model::probe::{Pace, ProbeError};
use dualmasterd::model::server::{Family, SemiSync, ServerFact, Version};

use crate::support::{port, server_id};
use crate::world::server::{Acks, Phase, Server};
use crate::world::{Event, SECOND, Time, World};

impl World {
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
        let wait = self.look_takes();
        self.after(wait, Event::LookEnds(self.generation, side, now));
        self.after(SECOND, Event::LookTimesOut(self.generation, side, now));
    }

    /// While an operation is under way one look follows the other.
    pub fn hurry(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        if daemon.watch.pace == Pace::Rest {
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
        let life = self.servers[side].life.as_ref();
        let stands = life.is_some_and(|life| life.frozen || life.disk_stuck);
        let held_up = life.map_or(0, |life| life.held_up);
        if held_up > self.now {
            let wait = held_up - self.now;
            self.after(wait, Event::LookEnds(self.generation, side, asked));
            return;
        }
        if stands
            || self.look_is_lost(side)
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
        let sees_third = self.now + SECOND;
        let server = &mut self.servers[side];
        if let Some(life) = &mut server.life
            && let Some(from) = life.third.as_mut().filter(|from| **from == Time::MAX)
        {
            // What it acknowledges before anybody can have seen it cannot be guarded against.
            *from = sees_third;
        }
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
            admins_write: false,
            executed: server.executed.clone(),
            semi_sync: SemiSync {
                available: true,
                source_on: life.source_on,
                source_status: life.source_on && life.source_status,
                replica_on: true,
                replica_status: life.receiver != Receiver::Stopped && life.acks != Acks::Plain,
                clients: u32::from(life.client_until > self.now) + u32::from(life.third.is_some()),
                waiting: !life.waiting.is_empty(),
                timeout_ms: life.timeout_ms,
                after_sync: true,
                wait_no_replica: true,
                wait_count: 1,
            },
            link: server.link.then(|| LinkStatus {
                delay_s: 0,
                source_host: "127.0.0.1".into(),
                source_port: port(side.peer()),
                by_gtid: true,
                receiver: life.receiver,
                receiver_error: life.receiver_error.clone(),
                applier: life.applier,
                applier_error: life.applier_error.clone(),
                received,
                half: match server.family {
                    Family::Mysql => life.half_applied,
                    Family::Mariadb => life.half_applied && life.receiver == Receiver::Stopped,
                },
            }),
            heartbeats: server.beats.values().cloned().collect(),
            events_on: life.events_on,
            strict: true,
            logs_updates: true,
            prepared_xa: server.prepared_xa,
            blockers: Vec::new(),
        })
    }
}
