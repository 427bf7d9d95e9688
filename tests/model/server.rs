//! One server, as small as the promises allow: what is on its disk, and the life of its process.

use dualmasterd::model::action::Action;
use dualmasterd::model::gtid::{Gtid, GtidSet, Origin, Uuid};
use dualmasterd::model::incarnation::{BootId, Incarnation};
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::server::Family;

use crate::support::server_id;

/// A client's write under its name. MySQL counts per server, MariaDB per pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Txn {
    pub origin: Side,
    pub number: u8,
    /// Which of the clients' writes it is.
    pub write: u8,
}

impl Txn {
    /// Under the same name: a server that has one of them does not take the other.
    pub fn is(self, other: Self) -> bool {
        (self.origin, self.number) == (other.origin, other.number)
    }
}

/// A process that can execute statements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Life {
    pub number: i32,
    /// One can log in.
    pub up: bool,
    /// It was told to stop: nobody can log in.
    pub stopping: bool,
    /// SIGSTOPped.
    pub frozen: bool,
    pub writable: bool,
    pub source_on: bool,
    pub receiver: Receiver,
    pub receiver_error: bool,
    pub applier: bool,
    pub applier_error: bool,
    /// Commits that wait for their acknowledgement; they are in the binary log already.
    pub waiting: Vec<Txn>,
    /// Acknowledgements on the wire.
    pub heard: Vec<Txn>,
    /// Statements that were sent while it was frozen, and given up by who sent them: it executes them
    /// when it goes on.
    pub latent: Vec<Action>,
}

/// What the kernel knows of the last process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    pub number: i32,
    pub state: ProcessState,
    pub ended: Option<Ended>,
    pub stops_by_order: bool,
}

/// One server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Server {
    /// Its binary log.
    pub log: Vec<Txn>,
    /// Received and not applied.
    pub relay: Vec<Txn>,
    /// A link is configured.
    pub link: bool,
    /// The last life ended in order: nothing may be cut.
    pub clean: bool,
    pub life: Option<Life>,
    pub process: Option<Process>,
}

impl Server {
    /// It can execute statements now.
    pub fn works(&self) -> bool {
        self.life.as_ref().is_some_and(|life| !life.frozen)
    }

    /// One can log in now.
    pub fn answers(&self) -> bool {
        self.works()
            && self
                .life
                .as_ref()
                .is_some_and(|life| life.up && !life.stopping)
    }

    pub fn has(&self, txn: Txn) -> bool {
        self.log.iter().any(|mine| mine.is(txn))
    }

    pub fn has_or_received(&self, txn: Txn) -> bool {
        self.has(txn) || self.relay.iter().any(|mine| mine.is(txn))
    }

    /// This very write, not another one of its name.
    pub fn holds(&self, write: u8) -> bool {
        self.log.iter().any(|txn| txn.write == write)
    }

    /// The highest number in its binary log, of one origin or of all.
    pub fn top(&self, origin: Option<Side>) -> u8 {
        let counted = self
            .log
            .iter()
            .filter(|txn| origin.is_none_or(|origin| txn.origin == origin));
        counted.map(|txn| txn.number).max().unwrap_or(0)
    }

    /// What it calls executed: MySQL does not count a commit that waits.
    pub fn executed(&self, family: Family) -> Vec<Txn> {
        let waiting = match (&self.life, family) {
            (Some(life), Family::Mysql) => life.waiting.as_slice(),
            _ => &[],
        };
        let done = self.log.iter().filter(|txn| !waiting.contains(txn));
        done.copied().collect()
    }

    /// A process starts: whatever the binary log holds is committed, ghosts included. MariaDB's relay
    /// logs are gone with the next start of a thread, and nothing can be applied before it.
    pub fn boot(&mut self, family: Family) {
        let number = self.process.as_ref().map_or(0, |process| process.number) + 1;
        if family == Family::Mariadb {
            self.relay.clear();
        }
        self.clean = false;
        self.process = Some(Process {
            number,
            state: ProcessState::Running,
            ended: None,
            stops_by_order: false,
        });
        self.life = Some(Life {
            number,
            up: false,
            stopping: false,
            frozen: false,
            writable: false,
            source_on: false,
            receiver: Receiver::Stopped,
            receiver_error: false,
            applier: false,
            applier_error: false,
            waiting: Vec::new(),
            heard: Vec::new(),
            latent: Vec::new(),
        });
    }

    /// From one moment to the next it executes nothing more.
    pub fn dies(&mut self, how: Ended) {
        if self.life.take().is_some()
            && let Some(process) = &mut self.process
        {
            process.state = ProcessState::Exiting;
            process.ended = Some(how);
        }
    }
}

/// The name of a member's life in the core's words.
pub fn incarnation(number: i32) -> Incarnation {
    Incarnation {
        boot: BootId("boot".into()),
        pid: number,
        started: 0,
    }
}

/// `server_uuid` of a member.
pub fn uuid(side: Side) -> Uuid {
    Uuid([server_id(side) as u8; 16])
}

/// Transactions as a set of this family.
pub fn set(family: Family, txns: &[Txn]) -> GtidSet {
    let mut set = GtidSet::new();
    for txn in txns {
        let number = u64::from(txn.number);
        match family {
            Family::Mysql => {
                let origin = Origin::Mysql {
                    uuid: uuid(txn.origin),
                    tag: None,
                };
                set.insert(Gtid { origin, number });
            }
            Family::Mariadb => {
                let origin = Origin::Mariadb {
                    domain: 0,
                    server: server_id(txn.origin),
                };
                set.insert_through(Gtid { origin, number });
            }
        }
    }
    set
}
