//! What must hold after every step, and what a healthy pair looks like.

use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::memory::State;
use dualmasterd::model::policy::Durability;

use crate::world::World;
use crate::world::server::{Content, Entry};

impl World {
    fn is_lossless(&self) -> bool {
        self.policy.durability == Durability::Lossless
    }

    /// It takes writes of ordinary accounts and answers OK.
    fn can_acknowledge(&self, side: Side) -> bool {
        let server = &self.servers[side];
        server.answers()
            && server.life.as_ref().is_some_and(|life| {
                let alone = !life.source_on || !life.source_status;
                life.writable
                    && !life.opened_by_hand
                    && (alone || self.is_acknowledging(side.peer()))
            })
    }

    /// Never two writers.
    pub fn check_ack(&mut self, side: Side) {
        if self.can_acknowledge(side) && self.can_acknowledge(side.peer()) {
            self.violated(format!(
                "{side} acknowledges while {} can as well",
                side.peer()
            ));
        }
        let stored = self.disk.as_ref().and_then(|disk| disk.register.clone());
        let by_hand = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.opened_by_hand);
        if !by_hand && stored.is_none_or(|register| register.writer != side) && self.is_lossless() {
            // The old writer may still answer commits that the new one has received.
            let covered = self.servers[side.peer()].life.is_none()
                || self.acknowledged.iter().next_back().is_some_and(|newest| {
                    self.servers[side.peer()]
                        .has
                        .values()
                        .chain(
                            self.servers[side.peer()]
                                .relay
                                .iter()
                                .map(|entry| &entry.content),
                        )
                        .any(|content| *content == Content::Write(*newest))
                });
            if !covered {
                self.violated(format!(
                    "{side} acknowledges and is not the register's writer"
                ));
            }
        }
    }

    /// A member is opened only after the register that names it was stored, and only complete.
    pub fn check_open(&mut self, side: Side) {
        let stored = self.disk.as_ref().and_then(|disk| disk.register.as_ref());
        if stored.is_none_or(|register| register.writer != side) {
            let stored = format!("{stored:?}");
            self.violated(format!("{side} is opened while the store says {stored}"));
        }
        if self.is_lossless() {
            let lost = self.lost_at(side);
            if lost > 0 {
                self.violated(format!(
                    "{side} is opened without {lost} acknowledged writes"
                ));
            }
        }
    }

    /// Acknowledged writes that this member's binary log lacks.
    pub fn lost_at(&self, side: Side) -> usize {
        let written: std::collections::BTreeSet<u64> = self.servers[side]
            .has
            .values()
            .filter_map(|content| match content {
                Content::Write(write) => Some(*write),
                Content::Beat(_) | Content::Stray(_) | Content::Empty => None,
            })
            .collect();
        self.acknowledged.difference(&written).count()
    }

    /// Commits go unacknowledged only after that was stored.
    pub fn check_disarm(&mut self, side: Side) {
        let stored = self.disk.as_ref().and_then(|disk| disk.register.clone());
        if let Some(register) = stored
            && register.writer == side
            && register.in_sync.is_some()
        {
            self.violated(format!("{side} is disarmed while the store says in sync"));
        }
    }

    /// Nothing received is thrown away that exists nowhere else.
    pub fn check_purge(&mut self, side: Side, lost: &[Entry]) {
        let has = |entry: &&Entry| {
            self.servers[Side::A].has.contains_key(&entry.txn)
                || self.servers[Side::B].has.contains_key(&entry.txn)
        };
        if let Some(entry) = lost.iter().find(|entry| !has(entry)) {
            let text = format!("{side} throws away its relay log with {entry:?}");
            self.violated(text);
        }
    }

    /// What is cut off was never acknowledged, or is kept by the peer.
    pub fn check_cut(&mut self, side: Side, removed: &[Entry]) {
        let peer = &self.servers[side.peer()];
        for entry in removed {
            if let Content::Write(write) = entry.content
                && self.acknowledged.contains(&write)
                && !peer.has.values().any(|content| *content == entry.content)
                && !peer
                    .relay
                    .iter()
                    .any(|relay| relay.content == entry.content)
            {
                self.violated(format!(
                    "{side}: an acknowledged write was cut off: {entry:?}"
                ));
                return;
            }
        }
    }

    /// What keeps the pair from being healthy; `None` if it is.
    pub fn unhealthy(&self) -> Option<String> {
        let Some(daemon) = &self.daemon else {
            return Some("no daemon".into());
        };
        if daemon.memory.state != State::Serving {
            return Some(format!("state {:?}", daemon.memory.state));
        }
        let Some(register) = &daemon.memory.durable.register else {
            return Some("no register".into());
        };
        let (writer, reader) = (register.writer, register.writer.peer());
        let (w, r) = (&self.servers[writer], &self.servers[reader]);
        if !w.answers() || !r.answers() {
            return Some("a server does not answer".into());
        }
        let (Some(wl), Some(rl)) = (&w.life, &r.life) else {
            return Some("a server is down".into());
        };
        if register.in_sync.as_ref() != Some(&rl.incarnation) {
            return Some(format!("not in sync: {:?}", daemon.memory.earning));
        }
        if !wl.writable || rl.writable {
            return Some("wrong member open".into());
        }
        if !wl.events_on || rl.events_on {
            return Some("events run at the wrong member".into());
        }
        if !wl.source_on || rl.source_on {
            return Some("wrong source side on".into());
        }
        if rl.receiver != Receiver::Running || !rl.applier {
            return Some(format!(
                "the link does not run: {:?} {:?}",
                rl.receiver_error, rl.applier_error
            ));
        }
        if wl.receiver != Receiver::Running || wl.applier {
            return Some("the gated link is not as it must be".into());
        }
        if self.endpoint.writer != Some(writer) || self.endpoint.reader != Some(reader) {
            return Some("the endpoint leads elsewhere".into());
        }
        let age = self.now.saturating_sub(self.last_ack);
        if age > 200_000 {
            return Some(format!("no write was acknowledged for {} ms", age / 1000));
        }
        None
    }

    /// Both sides hold the same, and everything acknowledged is there. Clients must be quiet.
    pub fn check_equal_but_heartbeats(&mut self) {
        let (a, b) = (&self.servers[Side::A], &self.servers[Side::B]);
        {
            let only = |x: &crate::world::server::Server, y: &crate::world::server::Server| {
                x.has
                    .iter()
                    .filter(|(_, content)| !matches!(content, Content::Beat(_)))
                    .filter(|(txn, content)| y.has.get(txn) != Some(content))
                    .take(3)
                    .map(|(txn, content)| format!("{txn:?} {content:?}"))
                    .collect::<Vec<_>>()
            };
            let (a, b) = (only(a, b), only(b, a));
            if !a.is_empty() || !b.is_empty() {
                self.violated(format!("the members differ: a {a:?}, b {b:?}"));
            }
        }
        if self.is_lossless() {
            let lost = self.lost_at(Side::A);
            if lost > 0 {
                self.violated(format!("{lost} acknowledged writes are lost"));
            }
        }
    }
}
