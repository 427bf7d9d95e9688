//! The promises of the design that can be seen from outside, after every step.

use std::collections::BTreeSet;

use dualmasterd::model::member::Side;
use dualmasterd::model::policy::Durability;

use crate::world::World;
use crate::world::server::{Content, Entry, Phase};

impl World {
    pub fn is_lossless(&self) -> bool {
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

    /// The writer that the state file names.
    pub fn stored_writer(&self) -> Option<Side> {
        let register = self.state.durable()?.register.as_ref()?;
        Some(register.writer)
    }

    /// The standby that runs now is on record as complete. What an older copy of the state file says is
    /// nobody's word: the daemon corrects it by what it sees, and until then there is no record.
    fn is_on_record(&self, standby: Side) -> bool {
        if self.state_is_old {
            return false;
        }
        let register = self.state.durable().and_then(|disk| disk.register.as_ref());
        let life = self.servers[standby].life.as_ref();
        register.is_some_and(|register| {
            register.writer != standby
                && register.in_sync.is_some()
                && register.in_sync.as_ref() == life.map(|life| &life.incarnation)
        })
    }

    /// Promise 1, after whatever happened: never two writers.
    pub fn check_step(&mut self) {
        if self.can_acknowledge(Side::A) && self.can_acknowledge(Side::B) {
            self.violated("both members accept and acknowledge writes".into());
        }
    }

    /// Promises 1 and 2, whenever a client hears OK.
    pub fn check_ack(&mut self, side: Side, entry: &Entry) {
        let peer = &self.servers[side.peer()];
        let by_order = self.servers[side]
            .life
            .as_ref()
            .is_none_or(|life| life.phase != Phase::Up || life.opened_by_hand);
        if by_order || !self.is_lossless() || self.state_is_old {
            return;
        }
        // The old writer may still answer commits that the new one has received.
        let covered = peer.has_or_received(entry.txn);
        if !covered && peer.life.is_some() && self.stored_writer() != Some(side) {
            self.violated(format!(
                "{side} acknowledges and is not the register's writer"
            ));
        }
        if !covered && self.is_on_record(side.peer()) {
            self.violated(format!(
                "{side} acknowledges what {}, on record as in sync, has not received: {entry:?}",
                side.peer()
            ));
        }
    }

    /// Promise 2: what is stored of the standby is true.
    pub fn check_stored(&mut self) {
        let Some(standby) = self.stored_writer().map(Side::peer) else {
            return;
        };
        if !self.is_lossless() || !self.is_on_record(standby) {
            return;
        }
        let mut has = self.written_at(standby);
        has.extend(self.servers[standby].relay.iter().filter_map(Entry::write));
        let lacks = self.acknowledged.difference(&has).next();
        let by_order = self.servers[standby.peer()]
            .life
            .as_ref()
            .is_none_or(|life| life.phase != Phase::Up);
        if let Some(write) = lacks.filter(|_| !by_order) {
            self.violated(format!(
                "{standby} is stored as in sync and lacks write {write}"
            ));
        }
    }

    /// A member is opened only after the register that names it was stored, and only complete.
    pub fn check_open(&mut self, side: Side) {
        let stored = self.state.durable().and_then(|disk| disk.register.as_ref());
        // What a daemon had begun before the state file was replaced may come after it.
        if !self.state_is_old && stored.is_none_or(|register| register.writer != side) {
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
        let half = self.servers[side].life.as_ref();
        if half.is_some_and(|life| life.half_applied) {
            self.violated(format!(
                "{side} is opened while half a transaction holds its locks"
            ));
        }
    }

    /// Promise 8: what was written past the daemon on the reader does not become the truth by a role
    /// change that is decided by somebody who sees it.
    pub fn check_move(&mut self, to: Side) {
        let (server, peer) = (&self.servers[to], &self.servers[to.peer()]);
        let look = self
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.facts().members[to].server.as_ref());
        let stray = server.binlog.iter().find(|entry| {
            self.was_reader.contains(&entry.txn)
                && matches!(entry.content, Content::Stray(_))
                && !peer.has.contains_key(&entry.txn)
                && look.is_some_and(|look| look.executed.contains(&server.set([*entry])))
        });
        if let Some(stray) = stray {
            let text = format!("{to} becomes the writer with a stray of its own: {stray:?}");
            self.violated(text);
        }
    }

    /// Acknowledged writes that this member's binary log lacks.
    pub fn lost_at(&self, side: Side) -> usize {
        self.acknowledged.difference(&self.written_at(side)).count()
    }

    fn written_at(&self, side: Side) -> BTreeSet<u64> {
        self.servers[side]
            .binlog
            .iter()
            .filter_map(Entry::write)
            .collect()
    }

    /// Commits go unacknowledged only after that was stored: while the standby lives that the state file
    /// names, somebody may rely upon it.
    pub fn check_disarm(&mut self, side: Side) {
        if self.is_on_record(side.peer()) {
            self.violated(format!("{side} is disarmed while the store says in sync"));
        }
    }

    /// Nothing received is thrown away that exists nowhere else.
    pub fn check_purge(&mut self, side: Side, lost: &[Entry]) {
        let has = |entry: &&Entry| {
            // A FLUSH that its reader has forgotten was copied aside by it.
            entry.content == Content::Flush
                || self.given_up.contains(&entry.txn)
                || self.servers[Side::A].has.contains_key(&entry.txn)
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
}
