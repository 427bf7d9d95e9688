//! The questions that tell a hung server from a busy one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// One kind of question, asked again and again on a connection of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeFact {
    /// When the one that waits for its answer was sent.
    pub pending_since: Option<Timestamp>,
    /// When the newest good answer came.
    pub last_ok: Option<Timestamp>,
    /// When the question of the newest good answer was sent.
    pub last_ok_sent: Option<Timestamp>,
    /// How long that one took.
    pub took: Duration,
    /// What the newest question got instead of an answer.
    pub error: Option<ProbeError>,
}

/// The questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    /// `SELECT 1`.
    Ping,
    /// A write to an unlogged table.
    LocalWrite,
    /// A binlogged write.
    Heartbeat,
    /// A new login.
    Login,
    /// A write with fdatasync on its file system.
    Disk,
}

impl ProbeKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ping,
        Self::LocalWrite,
        Self::Heartbeat,
        Self::Login,
        Self::Disk,
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::LocalWrite => "local_write",
            Self::Heartbeat => "heartbeat",
            Self::Login => "login",
            Self::Disk => "disk",
        }
    }
}

/// What a probe got instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeError {
    /// When it came.
    pub at: Timestamp,
    /// The server's error number; `None` where no server answered.
    pub errno: Option<u32>,
    /// The connection ended or was refused, rather than silent: with no exiting flag in `/proc` at
    /// that moment, a server that stops by order.
    pub lost: bool,
    /// In words.
    pub text: String,
}

impl ProbeError {
    /// The server answered, and the answer shows that it lives: these eleven are never death
    /// (MHA's list: too many connections, access denied, host blocked, ...).
    pub fn shows_life(&self) -> bool {
        const ALIVE: [u32; 11] = [
            1040, 1042, 1043, 1044, 1045, 1129, 1130, 1203, 1226, 1251, 1275,
        ];
        self.errno
            .is_some_and(|errno| ALIVE.contains(&errno) || refuses_login(errno))
    }
}

/// Error numbers by which a server that lives does not let an account in: it is unknown or has another
/// password, is locked (MySQL, MariaDB), or its password has expired.
pub fn refuses_login(errno: u32) -> bool {
    const REFUSALS: [u32; 6] = [1045, 1698, 1820, 1862, 3118, 4151];
    REFUSALS.contains(&errno)
}

/// Error numbers by which a server says that something that we made there is not there any more, or not
/// as it was made: an account, a right, the schema, one of its tables.
pub fn lacks_ours(errno: u32) -> bool {
    const LACKS: [u32; 7] = [1044, 1049, 1142, 1143, 1146, 1227, 1370];
    refuses_login(errno) || LACKS.contains(&errno)
}

/// All questions put to one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    /// `SELECT 1`: the server answers at all.
    pub ping: ProbeFact,
    /// A write to an unlogged table: its data disk and its locks. Writer only.
    pub local_write: ProbeFact,
    /// A binlogged write: binary log and acknowledgement. Writer only.
    pub heartbeat: ProbeFact,
    /// A new login.
    pub login: ProbeFact,
    /// A write with fdatasync on the file system of its datadir.
    pub disk: ProbeFact,
}

/// How often a server is looked at, and how much of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Nothing is under way.
    #[default]
    Rest,
    /// Something is waited for.
    Attentive,
    /// Writes are stopped until what is waited for is seen: only what moves is read, the rest comes
    /// from the last whole look.
    Urgent,
}
