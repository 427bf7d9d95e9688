//! What is done to processes and to the files of dead servers.

use dualmasterd::model::action::{ActionError, Brought, Saved};
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::member::Side;
use dualmasterd::model::process::ProcessState;

use super::Effect::{self, Ends, Waits};
use super::{done, failed};
use crate::world::server::{Content, Entry, Phase};
use crate::world::{Time, World};

/// Why nothing is saved on a disk that takes nothing.
const NO_COPY: &str = "the copy cannot be written";

impl World {
    /// A start ends once the server lets somebody in, or has ended.
    pub(super) fn starts(&mut self, side: Side, begun: Time) -> Effect {
        let running = self.processes[side]
            .as_ref()
            .is_some_and(|process| process.state != ProcessState::Gone);
        let started = self.servers[side].started >= begun;
        match &self.servers[side].life {
            Some(life) if started && life.phase == Phase::Booting => Waits,
            Some(_) => done(),
            None if started => failed("the server ended at its start"),
            None if running => failed("the old process is still there"),
            None => {
                self.server_starts(side);
                Waits
            }
        }
    }

    /// SIGKILL, if it is still that life.
    pub(super) fn kills(&mut self, side: Side, life: &Incarnation) {
        if self.servers[side]
            .life
            .as_ref()
            .is_some_and(|now| now.incarnation == *life)
        {
            self.server_dies(side);
        }
    }

    /// Why the files of this life are not changed: its process is there, or the server was started since.
    fn keeps_files(&self, side: Side, life: &Incarnation) -> Option<Effect> {
        let there = self.processes[side]
            .as_ref()
            .is_some_and(|process| process.state != ProcessState::Gone);
        if self.servers[side].last_life.as_ref() != Some(life) {
            let why = "the server was started since".to_owned();
            Some(Ends(Err(ActionError::Refused(why))))
        } else {
            there.then(|| failed("the process is still there"))
        }
    }

    pub(super) fn walks(&self, side: Side, known: &GtidSet) -> Effect {
        let server = &self.servers[side];
        let lacking = server.set(&server.binlog).subtract(known);
        Ends(Ok(Brought::Lacking(lacking)))
    }

    /// As the binary log tells: of the numbers that MariaDB counts to a server only the last ones are its own.
    pub(super) fn classifies(&self, side: Side, gtids: &GtidSet) -> Effect {
        let server = &self.servers[side];
        let mut harmless = gtids.clone();
        for entry in &server.binlog {
            let (origin, number) = (entry.txn.origin, entry.txn.number);
            if origin == side && entry.content != Content::Flush {
                let one = server.only(origin, number);
                harmless = harmless.subtract(&one);
            }
        }
        Ends(Ok(Brought::Classified {
            harmless,
            changes: Vec::new(),
        }))
    }

    /// Its own transactions that change nothing leave its binary log.
    pub(super) fn forgets(&mut self, side: Side, life: &Incarnation, known: &GtidSet) -> Effect {
        if let Some(kept) = self.keeps_files(side, life) {
            return kept;
        }
        let server = &self.servers[side];
        if server.full || server.failing {
            return failed(NO_COPY);
        }
        let lacks = |entry: &Entry| !known.contains(&server.set([entry]));
        let Some(first) = server.binlog.iter().position(lacks) else {
            return Ends(Ok(Brought::Removed(Saved::default())));
        };
        let own = &server.binlog[first..];
        if !own.iter().all(|entry| entry.content == Content::Flush) {
            return Ends(Err(ActionError::Refused("it changes something".into())));
        }
        let removed = self.servers[side].truncate(first);
        let gtids = self.servers[side].set(&removed);
        Ends(Ok(Brought::Removed(Saved {
            gtids,
            count: removed.len() as u64,
            rows: Vec::new(),
            saved_to: "/saved".into(),
        })))
    }

    pub(super) fn cuts(&mut self, side: Side, life: &Incarnation, known: &GtidSet) -> Effect {
        if let Some(kept) = self.keeps_files(side, life) {
            return kept;
        }
        let server = &self.servers[side];
        if server.full || server.failing {
            return failed(NO_COPY);
        }
        let lacks = |entry: &Entry| !known.contains(&server.set([entry]));
        let Some(first) = server.binlog.iter().position(lacks) else {
            return Ends(Ok(Brought::Removed(Saved::default())));
        };
        if server.clean {
            return Ends(Err(ActionError::Refused("it was stopped in order".into())));
        }
        if !server.binlog[first..].iter().all(lacks) {
            return Ends(Err(ActionError::Refused("no suffix".into())));
        }
        let removed = self.servers[side].truncate(first);
        self.cuts += 1;
        let gtids = self.servers[side].set(&removed);
        self.check_cut(side, &removed);
        Ends(Ok(Brought::Removed(Saved {
            gtids,
            count: removed.len() as u64,
            rows: Vec::new(),
            saved_to: "/saved".into(),
        })))
    }

    /// What is to be saved finds its place, or none.
    pub(super) fn keeps_copy(&self, side: Side, kept: Effect) -> Effect {
        match &self.servers[side] {
            server if server.full || server.failing => failed(NO_COPY),
            _ => kept,
        }
    }

    pub(super) fn saves_own(&self, side: Side, known: &GtidSet) -> Effect {
        let server = &self.servers[side];
        let lacks = |entry: &&Entry| !known.contains(&server.set([*entry]));
        let own: Vec<_> = server.binlog.iter().filter(lacks).collect();
        let saved = Saved {
            count: own.len() as u64,
            gtids: server.set(own),
            rows: Vec::new(),
            saved_to: "/saved".into(),
        };
        self.keeps_copy(side, Ends(Ok(Brought::Saved(saved))))
    }
}
