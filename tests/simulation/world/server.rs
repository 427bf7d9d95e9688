//! One server: the files that survive its process, and the life of the process.
//!
//! Both families' traps are here: what a plain start brings back, what a start of a thread throws
//! away, who waits for whom.

use std::collections::{BTreeMap, VecDeque};

use dualmasterd::model::gtid::{Gtid, GtidSet, Origin, Uuid};
use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::link::{Receiver, ThreadError};
use dualmasterd::model::member::Side;
use dualmasterd::model::server::{ENDLESS_MS, Family, HeartbeatRow};

use crate::support::server_id;

/// One transaction by name. MySQL counts per server, MariaDB per pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Txn {
    pub origin: Side,
    pub number: u64,
}

/// What a transaction does. Two contents under one name are a divergence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A client's write with its unique number.
    Write(u64),
    /// A heartbeat.
    Beat(HeartbeatRow),
    /// Something written past the daemon, with its unique number.
    Stray(u64),
    /// Nothing.
    Empty,
    /// A FLUSH on the reader: a transaction that changes nothing.
    Flush,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub txn: Txn,
    pub content: Content,
}

impl Entry {
    /// The number of a client's write.
    pub fn write(&self) -> Option<u64> {
        match self.content {
            Content::Write(write) => Some(write),
            Content::Beat(_) | Content::Stray(_) | Content::Empty | Content::Flush => None,
        }
    }
}

/// Who wrote, and hears of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    Client(usize),
    /// The heartbeat that was sent then, in microseconds.
    Heartbeat(u64),
    Nobody,
}

/// A commit that waits for its acknowledgement.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub entry: Entry,
    pub session: Session,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It starts: nobody can log in.
    Booting,
    /// It serves.
    Up,
    /// It was told to stop: nobody can log in.
    Stopping,
}

/// What a receiver that is connected acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Everything.
    All,
    /// Nothing, though it looks green.
    Mute,
    /// Nothing, as it was started as no semi-sync replica.
    Plain,
}

/// A running process.
#[derive(Debug, Clone)]
pub struct Life {
    pub incarnation: Incarnation,
    pub phase: Phase,
    /// SIGSTOPped.
    pub frozen: bool,
    /// It waits for a disk (D): not even SIGKILL ends it before the disk answers.
    pub disk_stuck: bool,
    /// SIGKILL is pending.
    pub killed: bool,
    /// A SET of the source side holds up logins and looks until then, in microseconds (MySQL).
    pub held_up: u64,
    /// A replica that is not of the pair is connected; it acknowledges from then on.
    pub third: Option<u64>,
    /// The applier has applied the half of a transaction and holds its locks.
    pub half_applied: bool,
    /// The applier works on one transaction until then, in microseconds.
    pub applying: u64,
    pub writable: bool,
    /// Opened by somebody else than the daemon.
    pub opened_by_hand: bool,
    pub source_on: bool,
    pub source_status: bool,
    pub timeout_ms: u64,
    pub receiver: Receiver,
    pub receiver_error: Option<ThreadError>,
    pub applier: bool,
    pub applier_error: Option<ThreadError>,
    /// When the receiver connected, in microseconds.
    pub connected_at: u64,
    /// What its receiver acknowledges.
    pub acks: Acks,
    pub waiting: VecDeque<Waiting>,
    /// Commits that wait for the disk, or for a lock on everything.
    pub committing: u32,
    /// A session holds a lock on everything.
    pub locked: bool,
    /// The peer's receiver counts as a semi-sync client until then, in microseconds.
    pub client_until: u64,
    pub events_on: bool,
    /// Where in the peer's binary log the receiver stands.
    pub cursor: usize,
}

pub struct Server {
    pub family: Family,
    pub side: Side,
    pub datadir: bool,
    pub config: bool,
    pub accounts: bool,
    pub link: bool,
    /// The last life ended in order: its binary log has no IN_USE flag.
    pub clean: bool,
    pub binlog: Vec<Entry>,
    pub has: BTreeMap<Txn, Content>,
    pub relay: VecDeque<Entry>,
    /// The relay log ends within a transaction.
    pub partial: bool,
    /// The relay log and its index are at odds: neither thread starts.
    pub unreadable: bool,
    /// The applier takes this long for a transaction.
    pub apply_takes: u64,
    /// A commit takes this long on its disk.
    pub disk_takes: u64,
    /// Its recovery at a start takes so much longer.
    pub recovery_takes: u64,
    /// Its disk has no space: whoever writes waits for some.
    pub full: bool,
    /// Its disk fails: whoever writes ends its server.
    pub failing: bool,
    pub prepared_xa: u32,
    /// As the server reports it.
    pub executed: GtidSet,
    /// As the server reports it.
    pub received: GtidSet,
    pub life: Option<Life>,
    /// Its datadir is replaced by a copy of its peer's before it starts again.
    pub reseed: bool,
    /// When it was started last, in microseconds.
    pub started: u64,
    /// What its pid file says.
    pub last_life: Option<Incarnation>,
    /// The heartbeat table.
    pub beats: BTreeMap<u32, HeartbeatRow>,
    /// The highest number of each origin in the binary log.
    top: BTreeMap<Side, u64>,
}

impl Server {
    pub fn new(family: Family, side: Side) -> Self {
        Self {
            family,
            side,
            datadir: false,
            config: false,
            accounts: false,
            link: false,
            clean: true,
            binlog: Vec::new(),
            has: BTreeMap::new(),
            relay: VecDeque::new(),
            partial: false,
            unreadable: false,
            apply_takes: 0,
            disk_takes: 0,
            recovery_takes: 0,
            full: false,
            failing: false,
            prepared_xa: 0,
            executed: GtidSet::new(),
            received: GtidSet::new(),
            life: None,
            reseed: false,
            started: 0,
            last_life: None,
            beats: BTreeMap::new(),
            top: BTreeMap::new(),
        }
    }

    /// It can execute statements now.
    pub fn works(&self) -> bool {
        self.life
            .as_ref()
            .is_some_and(|life| !life.frozen && !life.disk_stuck)
    }

    /// Whoever writes waits, though the server answers.
    pub fn holds_writes(&self) -> bool {
        self.full || self.life.as_ref().is_some_and(|life| life.locked)
    }

    /// One can log in now.
    pub fn answers(&self) -> bool {
        self.works()
            && self
                .life
                .as_ref()
                .is_some_and(|life| life.phase == Phase::Up)
    }

    pub fn uuid(side: Side) -> Uuid {
        Uuid([u8::try_from(server_id(side)).expect("small"); 16])
    }

    fn insert(family: Family, set: &mut GtidSet, txn: Txn) {
        match family {
            Family::Mysql => set.insert(Gtid {
                origin: Origin::Mysql {
                    uuid: Self::uuid(txn.origin),
                    tag: None,
                },
                number: txn.number,
            }),
            Family::Mariadb => set.insert_through(Gtid {
                origin: Origin::Mariadb {
                    domain: 0,
                    server: server_id(txn.origin),
                },
                number: txn.number,
            }),
        }
    }

    /// The names of these transactions as a set of this family.
    pub fn set<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) -> GtidSet {
        let mut set = GtidSet::new();
        for entry in entries {
            Self::insert(self.family, &mut set, entry.txn);
        }
        set
    }

    /// This transaction alone.
    pub fn only(&self, origin: Side, number: u64) -> GtidSet {
        let up_to = |number| {
            let mut set = GtidSet::new();
            if number > 0 {
                Self::insert(self.family, &mut set, Txn { origin, number });
            }
            set
        };
        up_to(number).subtract(&up_to(number - 1))
    }

    pub fn next_name(&self) -> Txn {
        let top = match self.family {
            Family::Mysql => self.top.get(&self.side).copied(),
            Family::Mariadb => self.top.values().max().copied(),
        };
        Txn {
            origin: self.side,
            number: top.unwrap_or(0) + 1,
        }
    }

    /// The highest sequence number in the binary log (MariaDB).
    pub fn sequence(&self) -> u64 {
        self.top.values().max().copied().unwrap_or(0)
    }

    /// Into the binary log; MySQL counts it as executed only once it is committed.
    pub fn log(&mut self, entry: Entry, committed: bool) {
        if committed || self.family == Family::Mariadb {
            Self::insert(self.family, &mut self.executed, entry.txn);
        }
        if committed {
            self.show(&entry);
        }
        self.note(&entry);
        self.has.insert(entry.txn, entry.content.clone());
        self.binlog.push(entry);
    }

    pub fn committed(&mut self, entry: &Entry) {
        Self::insert(self.family, &mut self.executed, entry.txn);
        self.show(entry);
    }

    fn note(&mut self, entry: &Entry) {
        let top = self.top.entry(entry.txn.origin).or_default();
        *top = (*top).max(entry.txn.number);
    }

    /// Its rows become visible.
    fn show(&mut self, entry: &Entry) {
        if let Content::Beat(row) = &entry.content {
            self.beats.insert(row.server_id, row.clone());
        }
    }

    /// Into the relay log.
    pub fn receive(&mut self, entry: Entry) {
        Self::insert(self.family, &mut self.received, entry.txn);
        self.relay.push_back(entry);
    }

    pub fn has_or_received(&self, txn: Txn) -> bool {
        self.has.contains_key(&txn) || self.relay.iter().any(|entry| entry.txn == txn)
    }

    /// The relay logs are deleted.
    pub fn purge_relay(&mut self) -> Vec<Entry> {
        let lost = self.relay.drain(..).collect();
        self.drop_half();
        self.received = GtidSet::new();
        lost
    }

    /// The half of a transaction is gone, with its locks.
    pub fn drop_half(&mut self) {
        self.partial = false;
        if let Some(life) = &mut self.life {
            life.half_applied = false;
        }
    }

    /// Drops the binary log's entries from `first` on.
    pub fn truncate(&mut self, first: usize) -> Vec<Entry> {
        let removed = self.binlog.split_off(first);
        for entry in &removed {
            self.has.remove(&entry.txn);
        }
        self.rescan();
        removed
    }

    /// A start: whatever the binary log holds is committed, ghosts included.
    pub fn rescan(&mut self) {
        self.executed = GtidSet::new();
        self.top.clear();
        self.beats.clear();
        for entry in std::mem::take(&mut self.binlog) {
            self.committed(&entry);
            self.note(&entry);
            self.binlog.push(entry);
        }
    }

    pub fn reseeded(&mut self, copy: Vec<Entry>) {
        self.has = copy
            .iter()
            .map(|entry| (entry.txn, entry.content.clone()))
            .collect();
        self.binlog = copy;
        self.relay.clear();
        self.partial = false;
        self.unreadable = false;
        self.received = GtidSet::new();
        self.link = false;
    }

    pub fn boot(&mut self, incarnation: Incarnation) {
        self.rescan();
        if self.family == Family::Mariadb {
            // Gtid_IO_Pos is empty until a start, which throws the files away.
            self.received = GtidSet::new();
        }
        self.last_life = Some(incarnation.clone());
        self.life = Some(Life {
            incarnation,
            phase: Phase::Booting,
            frozen: false,
            disk_stuck: false,
            killed: false,
            held_up: 0,
            third: None,
            half_applied: false,
            applying: 0,
            writable: false,
            opened_by_hand: false,
            source_on: false,
            source_status: false,
            timeout_ms: ENDLESS_MS,
            receiver: Receiver::Stopped,
            receiver_error: None,
            applier: false,
            applier_error: None,
            connected_at: 0,
            acks: Acks::All,
            waiting: VecDeque::new(),
            committing: 0,
            locked: false,
            client_until: 0,
            events_on: false,
            cursor: 0,
        });
        self.clean = false;
    }
}
