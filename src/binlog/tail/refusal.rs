//! Each reason why the files forbid a cut, or say nothing certain.

use std::path::PathBuf;

use crate::binlog::walk::FileError;
use crate::model::gtid::{Gtid, GtidSet};

/// Why a tail is not cut, or a dead server's files say nothing certain.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Unreadable, encrypted or damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// The server closed its log: it committed what is in it.
    #[error(
        "{path} was closed in order (its in-use flag is 0) and {first} in it is not known to the \
         peer: the server has committed it, and cutting the log would not undo that"
    )]
    ClosedInOrder {
        /// The last file.
        path: PathBuf,
        /// The first transaction that the peer lacks.
        first: Gtid,
    },
    /// The tail is not a tail.
    #[error("in {path} {missing}, which is not known to the peer, stands before {known}, which is")]
    UnknownBeforeKnown {
        /// The file of the known one.
        path: PathBuf,
        /// The first transaction that the peer lacks.
        missing: Gtid,
        /// A later one that it has.
        known: Gtid,
    },
    /// MariaDB: in one group commit what follows a refused transaction may still be committed.
    #[error(
        "in {path} {known} stands behind {own}, a transaction of the reader's own: what its writer \
         made under that number was refused (1950), and what came after it was applied all the same"
    )]
    Skipped {
        /// The file.
        path: PathBuf,
        /// The reader's own transaction.
        own: Box<Gtid>,
        /// A later one of its writer.
        known: Gtid,
    },
    /// The peer lacks transactions of files that were closed.
    #[error("the peer lacks {missing}, which was logged before {path} began")]
    MissingEarlier {
        /// The first file that was looked at.
        path: PathBuf,
        /// What it lacks.
        missing: GtidSet,
    },
    /// The peer has what this server began to write.
    #[error("{gtid} at position {position} of {path} is not whole, and yet the peer has it")]
    KnownButUnfinished {
        /// The file.
        path: PathBuf,
        /// The transaction.
        gtid: Gtid,
        /// Its start.
        position: u64,
    },
    /// Someone started the server after the tail was written.
    #[error(
        "{missing} is not known to the peer, and the server was started since: it opened {path} \
         at its start, so it has committed what stands before"
    )]
    StartedSince {
        /// The file that the start opened.
        path: PathBuf,
        /// The first transaction that the peer lacks.
        missing: Gtid,
    },
    /// The file says nothing of what was logged before it.
    #[error("{path} has no list of the GTIDs before it")]
    NoHistory {
        /// The file.
        path: PathBuf,
    },
    /// Without GTIDs nothing can be told apart.
    #[error("a transaction without GTID is at position {position} of {path}")]
    Anonymous {
        /// The file.
        path: PathBuf,
        /// Its start.
        position: u64,
    },
    /// Engines that cannot roll back keep the rows when the log is cut.
    #[error("{gtid} at position {position} of {path} changed a table that cannot roll back")]
    NotTransactional {
        /// The file.
        path: PathBuf,
        /// The transaction.
        gtid: Gtid,
        /// Its start.
        position: u64,
    },
    /// MariaDB's recovery of DDL logs the statement again; on MySQL an engine that cannot roll back keeps
    /// what it did.
    #[error("{gtid} at position {position} of {path} is DDL or stands alone: {statement}")]
    Ddl {
        /// The file.
        path: PathBuf,
        /// The transaction.
        gtid: Gtid,
        /// Its start.
        position: u64,
        /// The statement's first words.
        statement: String,
    },
    /// A transaction of a reader's own that is more than a FLUSH or a repetition.
    #[error("{gtid} at position {position} of {path} changes something: {statement}")]
    Changes {
        /// The file.
        path: PathBuf,
        /// The transaction.
        gtid: Gtid,
        /// Its start.
        position: u64,
        /// The statement's first words.
        statement: String,
    },
    /// MariaDB's XA transactions survive or vanish apart from the log.
    #[error("{gtid} at position {position} of {path} is a step of an XA transaction")]
    Xa {
        /// The file.
        path: PathBuf,
        /// The transaction.
        gtid: Gtid,
        /// Its start.
        position: u64,
    },
    /// Its end could not be found, so what it is is not certain.
    #[error("where {gtid} at position {position} of {path} ends cannot be told")]
    Unclear {
        /// The file.
        path: PathBuf,
        /// The transaction.
        gtid: Gtid,
        /// Its start.
        position: u64,
    },
}
