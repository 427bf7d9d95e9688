//! What a server says of itself when asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::gtid::GtidSet;
use super::incarnation::Incarnation;
use super::link::LinkStatus;
use super::time::Timestamp;

/// Server family: the two speak different words and keep different kinds of GTID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// MariaDB.
    Mariadb,
    /// MySQL.
    Mysql,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mariadb => "MariaDB",
            Self::Mysql => "MySQL",
        })
    }
}

/// A server's version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// The first three numbers of a text like `10.11.19-MariaDB`; what is missing is 0.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text
            .split(|c: char| c != '.' && !c.is_ascii_digit())
            .next()?;
        let mut numbers = numbers.split('.').map(str::parse);
        let major = numbers.next()?.ok()?;
        let mut next = || numbers.next().and_then(Result::ok).unwrap_or_default();
        Some(Self(major, next(), next()))
    }

    /// Of a later series: its data is not for a server of the other version.
    pub fn is_later_series(self, other: Self) -> bool {
        (self.0, self.1) > (other.0, other.1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Both sides of semi-synchronous replication at one server.
///
/// The replica side is on at both members for ever; the source side alone is flipped, and is on only
/// at the writer: left on at the standby it stalls the applier when the writer dies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SemiSync {
    /// The plugin (or the built-in feature) is there.
    pub available: bool,
    /// The source side's variable is on.
    pub source_on: bool,
    /// The source side says that it really waits (status ON).
    pub source_status: bool,
    /// The replica side's variable is on.
    pub replica_on: bool,
    /// The receiver that runs is a semi-sync replica of its source (status ON). One that was started while
    /// the variable was off is none, whatever the variable says now: it acknowledges nothing.
    pub replica_status: bool,
    /// Connected semi-sync replicas. It stays up to 30 s after a replica died: never proof of life.
    pub clients: u32,
    /// A commit waits for its acknowledgement now.
    pub waiting: bool,
    /// How long a commit waits before it is acknowledged without a replica, in milliseconds.
    pub timeout_ms: u64,
    /// Commits wait before they become visible (`AFTER_SYNC`).
    pub after_sync: bool,
    /// Commits wait though no replica is connected.
    pub wait_no_replica: bool,
    /// How many replicas must acknowledge (always 1 on MariaDB).
    pub wait_count: u32,
}

/// The longest wait that the servers take: no silent fall-back to asynchronous. Milliseconds.
/// MariaDB takes more; the same value at both reads back exactly.
pub const ENDLESS_MS: u64 = 4_294_967_295;

impl SemiSync {
    /// Nothing is acknowledged that the replica has not got: every setting that this rests on was read back.
    pub fn is_lossless(&self) -> bool {
        self.source_on
            && self.source_status
            && self.after_sync
            && self.wait_no_replica
            && self.wait_count == 1
            && self.timeout_ms >= ENDLESS_MS
    }
}

/// One row of the heartbeat table: who wrote it, when, and by which right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatRow {
    /// The server that wrote it.
    pub server_id: u32,
    /// The register's epoch then.
    pub epoch: u64,
    /// `server_id` of the register's writer then.
    pub writer: u32,
    /// When it was written, as milliseconds since 1970 by the daemon's wall clock. For people and lag only.
    pub written_ms: u64,
}

/// A look at one server: a few statements in a row on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFact {
    /// When the first statement was sent: what the look shows was true at this moment or later.
    pub asked: Timestamp,
    /// When the last answer came.
    pub at: Timestamp,
    /// The life of the process that answered.
    pub incarnation: Incarnation,
    /// Family.
    pub family: Family,
    /// Version.
    pub version: Version,
    /// Its `server_id`.
    pub server_id: u32,
    /// Its `server_uuid` (MySQL).
    pub uuid: Option<String>,
    /// Ordinary accounts may write.
    pub writable: bool,
    /// Administrators may write, whatever ordinary accounts may: MySQL's `super_read_only` is off. Where
    /// there is no such switch, what `read_only` lets through is the accounts' business: false.
    #[serde(default)]
    pub admins_write: bool,
    /// Transactions in its binary log (MySQL: `gtid_executed`; MariaDB: `gtid_binlog_state`).
    /// On MariaDB that counts commits which still wait for their acknowledgement.
    pub executed: GtidSet,
    /// Semi-sync.
    pub semi_sync: SemiSync,
    /// Its link from the peer, if one is configured.
    pub link: Option<LinkStatus>,
    /// Rows of the heartbeat table; empty until it exists.
    pub heartbeats: Vec<HeartbeatRow>,
    /// The event scheduler runs.
    pub events_on: bool,
    /// MariaDB's `gtid_strict_mode`; true on MySQL, where GTIDs are always strict.
    pub strict: bool,
    /// What it applies goes into its own binary log.
    pub logs_updates: bool,
    /// Prepared XA transactions.
    pub prepared_xa: u32,
    /// Sessions that hold a global or table lock, or a backup lock, which makes every write wait.
    pub blockers: Vec<Blocker>,
}

impl ServerFact {
    /// Nobody writes but the applier, as far as the server can keep anybody from it.
    pub const fn is_closed(&self) -> bool {
        !self.writable && !self.admins_write
    }
}

/// A session in whose way writes wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Its id at the server.
    pub session: u64,
    /// `user@host`.
    pub account: String,
    /// What it holds, in the server's words.
    pub holds: String,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            session,
            account,
            holds,
        } = self;
        write!(f, "session {session} of {account} holds {holds}")
    }
}
