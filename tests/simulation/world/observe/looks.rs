//! Looks at the servers.

use dualmasterd::model::link::{LinkStatus, Receiver};
use dualmasterd::model::member::Side;
use dualmasterd::model::probe::{Pace, ProbeError};
use dualmasterd::model::server::{Blocker, Family, SemiSync, ServerFact, Version};
use dualmasterd::observe::Seen;

use crate::support::{port, server_id};
use crate::world::server::{Acks, Phase, Server};
use crate::world::{Event, MS, SECOND, Time, World};

/// A statement of a look must be answered by then.
const LIMIT: Time = 1_500 * MS;

/// Who looks at one server again and again.
#[derive(Debug, Default)]
pub(super) struct Looking {
    /// When the look under way was sent.
    asked: Option<Time>,
    /// Another look is wanted as soon as that one ends.
    again: bool,
    /// Counts the rests between looks: one that was cut short wakes nobody.
    rests: u64,
}

impl World {
    /// A look now, or as soon as the one under way ends. Nobody looks where no process is known.
    pub fn poke(&mut self, side: Side) {
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let looking = &mut daemon.eyes.looking[side];
        if daemon.eyes.following[side].life.is_none() || looking.asked.is_some() {
            looking.again = true;
            return;
        }
        looking.asked = Some(now);
        looking.again = false;
        looking.rests += 1;
        let wait = self.look_takes();
        self.after(wait, Event::LookEnds(self.generation, side, now));
        self.after(LIMIT, Event::LookTimesOut(self.generation, side, now));
    }

    /// Something is waited for from now on: nobody rests.
    pub(super) fn looks_at_once(&mut self) {
        for side in Side::BOTH {
            let daemon = self.daemon.as_ref();
            if daemon.is_some_and(|daemon| daemon.eyes.looking[side].asked.is_none()) {
                self.poke(side);
            }
        }
    }

    /// The life that is looked at is over.
    pub(super) fn gives_up_look(&mut self, side: Side) {
        if let Some(daemon) = &mut self.daemon {
            daemon.eyes.looking[side].asked = None;
            daemon.eyes.looking[side].rests += 1;
        }
    }

    /// How long nobody looks after a look.
    fn rests(&mut self, side: Side, failed: bool) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let looking = &mut daemon.eyes.looking[side];
        if looking.again {
            self.poke(side);
            return;
        }
        let rests = looking.rests;
        let wait = match daemon.eyes.watch.pace {
            Pace::Rest => SECOND - self.now % SECOND,
            Pace::Attentive | Pace::Urgent if failed => 50 * MS,
            Pace::Attentive => 10 * MS,
            Pace::Urgent => MS,
        };
        self.after(wait, Event::LookDue(self.generation, side, rests));
    }

    pub fn look_due(&mut self, side: Side, rests: u64) {
        let daemon = self.daemon.as_ref();
        if daemon.is_some_and(|daemon| daemon.eyes.looking[side].rests == rests) {
            self.poke(side);
        }
    }

    fn is_looking(&self, side: Side, asked: Time) -> bool {
        let daemon = self.daemon.as_ref();
        daemon.is_some_and(|daemon| daemon.eyes.looking[side].asked == Some(asked))
    }

    pub fn look_ends(&mut self, side: Side, asked: Time) {
        // The sockets of a process that ends are closed last.
        let life = self.servers[side].life.as_ref();
        let stands = life.is_none_or(|life| life.frozen || life.disk_stuck);
        let held_up = life.map_or(0, |life| life.held_up);
        if held_up > self.now {
            let wait = held_up - self.now;
            self.after(wait, Event::LookEnds(self.generation, side, asked));
            return;
        }
        if stands || self.look_is_lost(side) || !self.is_looking(side, asked) {
            return;
        }
        let result = self.look(side, asked);
        self.looked(side, result);
    }

    pub fn look_times_out(&mut self, side: Side, asked: Time) {
        if self.is_looking(side, asked) {
            let error = ProbeError {
                at: self.stamp(self.now),
                errno: None,
                lost: false,
                text: "no answer".into(),
            };
            self.looked(side, Err(error));
        }
    }

    fn looked(&mut self, side: Side, result: Result<ServerFact, ProbeError>) {
        if let Some(daemon) = &mut self.daemon {
            daemon.eyes.looking[side].asked = None;
        }
        let failed = result.is_err();
        self.see(Seen::Look(side, Box::new(result)));
        self.rests(side, failed);
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
            blockers: Vec::from_iter(life.locked.then(|| Blocker {
                session: 99,
                account: "root@localhost".into(),
                holds: "a global read lock".into(),
            })),
        })
    }
}
