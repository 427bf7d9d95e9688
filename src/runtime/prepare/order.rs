//! Orders and replies, as they stand in files and on standard output.

use std::error::Error;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::PrepareError;
use super::initialise::InitialiseError;
use super::inspect::Datadir;
use crate::binlog::exclusive::{Exclusive, ExclusiveError};
use crate::binlog::relay::Copied;
use crate::binlog::tail::CutPlan;
use crate::model::gtid::GtidSet;
use crate::model::server::Family;

/// The version of [`Order`] and [`Reply`]; it rises with each change of their form.
pub const VERSION: u32 = 4;

/// What is to be done to one server's datadir.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// [`VERSION`].
    pub version: u32,
    /// The server's name in the configuration; it must be the command line's.
    pub name: String,
    /// The server's family.
    pub family: Family,
    /// The datadir.
    pub datadir: PathBuf,
    /// The server's programs.
    pub server: Binaries,
    /// The rendered option file.
    pub defaults_file: PathBuf,
    /// The index of the binary logs.
    pub binlog_index: PathBuf,
    /// The index of the relay logs.
    pub relay_index: PathBuf,
    /// What is to be made and shown where a unit of the server's account carries it out.
    #[serde(default)]
    pub unit: Option<InUnit>,
    /// What to do.
    pub step: Step,
}

/// What is different in a unit: the daemon has no right over the servers' files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InUnit {
    /// Folders that have to be there, with their modes.
    pub folders: Vec<(PathBuf, u32)>,
    /// The daemon's group, which may enter the datadir and read the marker in it, and write the one file
    /// that tells how the disk does.
    pub group: u32,
    /// That file.
    pub probe: PathBuf,
    /// Where the answer goes; `None`: to standard output.
    pub answer: Option<PathBuf>,
    /// Tells the answer to this order from others.
    pub ticket: String,
}

/// The programs of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binaries {
    /// `mysqld` or `mariadbd`.
    pub server: PathBuf,
    /// `mariadb-install-db`; MySQL's server initialises by itself.
    pub install_db: Option<PathBuf>,
}

/// One thing to do. Each may be ordered again after it was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Say what is in the datadir.
    Inspect {},
    /// Ask the server's binary for its version.
    Version {},
    /// Make the datadir, unless it is there and ours.
    Initialise {
        /// Who makes it.
        marker: Marker,
    },
    /// Save, then cut off the tail of the binary log that is not in `known`. The server is dead.
    Cut {
        /// What the peer executed or received.
        known: GtidSet,
        /// A folder for this cut alone.
        save_to: PathBuf,
    },
    /// Save the transactions that are not in `known`, and change nothing. The server may run.
    SaveOwn {
        /// What the peer executed.
        known: GtidSet,
        /// The folder of all that is saved; each set of transactions gets a folder of its own in it.
        into: PathBuf,
    },
    /// Say which transactions of the files are not in `known`.
    Lacks {
        /// What the standby executed, and received where that can still be applied.
        known: GtidSet,
    },
    /// Say which of these transactions of the binary log change no row. The server may run.
    Classify {
        /// Transactions that the server executed.
        gtids: GtidSet,
        /// Its peer's binary log: a statement that repeats one of it changes nothing (MariaDB).
        peer: Option<Log>,
    },
    /// Save, then take out of a MariaDB reader's binary log its own transactions that are not in `known`,
    /// where they change nothing. The server is dead.
    Forget {
        /// What the writer executed.
        known: GtidSet,
        /// The writer's binary log.
        peer: Log,
        /// A folder for this purpose alone.
        save_to: PathBuf,
    },
    /// Copy relay logs, their index and the server's notes about them.
    CopyRelay {
        /// The folder of all such copies; each state of the relay logs gets a folder of its own in it.
        into: PathBuf,
    },
    /// Start the server, which must not run: folders and datadir are there.
    Serve {
        /// Arguments behind `--defaults-file`.
        arguments: Vec<String>,
        /// Where its output is appended.
        log: PathBuf,
        /// As many files may it open at most; `None`: as the unit says.
        open_files: Option<u64>,
    },
}

/// Where a binary log is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Its index.
    pub index: PathBuf,
    /// Where relative lines of the index start.
    pub datadir: PathBuf,
}

impl Step {
    /// Its name in the order.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Inspect {} => "inspect",
            Self::Version {} => "version",
            Self::Initialise { .. } => "initialise",
            Self::Cut { .. } => "cut",
            Self::SaveOwn { .. } => "save_own",
            Self::Lacks { .. } => "lacks",
            Self::Classify { .. } => "classify",
            Self::Forget { .. } => "forget",
            Self::CopyRelay { .. } => "copy_relay",
            Self::Serve { .. } => "serve",
        }
    }
}

/// Who made a datadir: the file `.dualmasterd.json` in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// The pair's name.
    pub pair: String,
    /// The member's name.
    pub member: String,
    /// The server's family.
    pub family: Family,
}

/// The one line on standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// Done.
    Answer(Box<Answer>),
    /// Not done.
    Failure(Failure),
}

/// What was done or found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// What is in the datadir.
    Inspected(Datadir),
    /// What the binary says of itself.
    Version {
        /// As `mysqld  Ver 9.7.4 for Linux on x86_64`.
        said: String,
    },
    /// The datadir is there and ours.
    Initialised {
        /// It was made by this order; false: it was there.
        made: bool,
    },
    /// The tail has nothing unknown.
    NothingMissing,
    /// The tail is cut off.
    Cut {
        /// What was cut.
        plan: Box<CutPlan>,
        /// Where it is saved.
        saved: PathBuf,
    },
    /// The unknown transactions are saved.
    OwnSaved {
        /// What was found.
        found: Exclusive,
        /// Where it is saved.
        saved: PathBuf,
    },
    /// The unknown transactions.
    Lacks {
        /// Empty: the files hold nothing unknown.
        gtids: GtidSet,
    },
    /// The transactions were looked up.
    Classified {
        /// Those that change no row.
        harmless: GtidSet,
        /// What the others change, in words.
        changes: Vec<String>,
    },
    /// The server may start.
    MayServe,
    /// The relay logs are copied.
    RelayCopied {
        /// Their folder.
        to: PathBuf,
        /// The copies.
        files: Vec<Copied>,
    },
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What the daemon distinguishes.
    pub kind: FailureKind,
    /// The error with its causes.
    pub message: String,
    /// The server's last log lines, where a server was started.
    #[serde(default)]
    pub log: Vec<String>,
}

/// The kinds of failure that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The files forbid the cut, or say nothing certain.
    Refused,
    /// A process uses the datadir: the order comes too early.
    Running,
    /// The datadir is someone else's or holds something else.
    Foreign,
    /// The server's own program failed.
    Server,
    /// The order is not one for this binary.
    Order,
    /// Anything else, as a full disk.
    Failed,
}

impl Failure {
    /// Tells an error with its causes.
    pub fn of(error: &PrepareError) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        let mut log = Vec::new();
        if let PrepareError::Initialise(InitialiseError::Server { log: lines, .. }) = error {
            log.clone_from(lines);
        }
        Self {
            kind: kind(error),
            message,
            log,
        }
    }
}

fn kind(error: &PrepareError) -> FailureKind {
    match error {
        PrepareError::Refused(_) | PrepareError::Exclusive(ExclusiveError::Refused(_)) => {
            FailureKind::Refused
        }
        PrepareError::Running { .. } => FailureKind::Running,
        PrepareError::Initialise(error) => match error {
            InitialiseError::StillMaking { .. } => FailureKind::Running,
            InitialiseError::Taken { .. } => FailureKind::Foreign,
            InitialiseError::Server { .. }
            | InitialiseError::Spawn { .. }
            | InitialiseError::NoInstaller { .. } => FailureKind::Server,
            InitialiseError::Fs(_) | InitialiseError::Marker(_) => FailureKind::Failed,
        },
        PrepareError::ReadOrder { .. }
        | PrepareError::ParseOrder { .. }
        | PrepareError::Version { .. }
        | PrepareError::Name { .. } => FailureKind::Order,
        PrepareError::Lock { .. }
        | PrepareError::Unit(_)
        | PrepareError::Cut(_)
        | PrepareError::Exclusive(_)
        | PrepareError::Classify(_)
        | PrepareError::Index(_)
        | PrepareError::Relay(_) => FailureKind::Failed,
    }
}
