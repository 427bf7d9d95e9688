//! `dualmasterd prepare NAME --order FILE`: everything that touches a datadir, run as the
//! server's own user and apart from the daemon.
//!
//! The order is a file, the reply one line of JSON on standard output. Each step may be killed at
//! any point and ordered again. Nothing is deleted that was not made here; what is removed by
//! order is saved first. The daemon kills an order that takes too long; a server that such an
//! order started to initialise a datadir keeps that datadir's lock, so the next order finds it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::binlog::classify;
use crate::binlog::cut::{self, CutError, Outcome};
use crate::binlog::exclusive::{self, ExclusiveError};
use crate::binlog::index::{Index, IndexError};
use crate::binlog::relay::{self, RelayError};
use crate::binlog::tail;
use crate::binlog::tail::Refusal;
use crate::binlog::walk::FileError;
use crate::runtime::systemd;

pub mod initialise;
pub mod inspect;
pub mod lock;
pub mod order;
mod unit;

use self::initialise::InitialiseError;
pub use self::order::{
    Answer, Binaries, Failure, FailureKind, InUnit, Log, Marker, Order, Reply, Step,
};

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The order file.
    #[error("reading the order {path}")]
    ReadOrder {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Not an order of this version.
    #[error("reading the order {path}")]
    ParseOrder {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: serde_json::Error,
    },
    /// The daemon and this binary are of different versions.
    #[error("the order {path} has version {found}, this binary knows version {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The order's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The order is for another server than the command line names.
    #[error("the order {path} is for {found}, not for {name}")]
    Name {
        /// The file.
        path: PathBuf,
        /// The order's.
        found: String,
        /// The command line's.
        name: String,
    },
    /// The server is not dead.
    #[error("process {pid} uses the datadir {datadir}: it holds the lock of ibdata1")]
    Running {
        /// The datadir.
        datadir: PathBuf,
        /// The process; 0 or less when it cannot be seen from here.
        pid: i32,
    },
    /// Finding out whether the server is dead failed.
    #[error("testing whether a server uses the datadir {datadir}")]
    Lock {
        /// The datadir.
        datadir: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Folders, or what the daemon is to see.
    #[error(transparent)]
    Unit(#[from] unit::UnitError),
    /// Making a datadir.
    #[error(transparent)]
    Initialise(#[from] InitialiseError),
    /// The binary logs must not be cut, or say nothing certain.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Cutting.
    #[error(transparent)]
    Cut(CutError),
    /// Saving what only this server has.
    #[error(transparent)]
    Exclusive(#[from] ExclusiveError),
    /// Looking transactions up.
    #[error(transparent)]
    Classify(#[from] FileError),
    /// The list of binary logs.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The relay logs.
    #[error(transparent)]
    Relay(#[from] RelayError),
}

impl From<CutError> for PrepareError {
    fn from(error: CutError) -> Self {
        match error {
            CutError::Refused(refusal) => Self::Refused(refusal),
            CutError::Index(error) => Self::Index(error),
            other @ (CutError::Save(_) | CutError::Fs(_) | CutError::Changed { .. }) => {
                Self::Cut(other)
            }
        }
    }
}

/// Carries out the order for the server `name` and tells the reply: on standard output, or in the
/// file that the order names. Exit code 0 with an [`Answer`], 1 with a [`Failure`].
pub fn run(name: &str, order_path: &Path) -> ExitCode {
    let order = read(name, order_path);
    let unit = order.as_ref().ok().and_then(|order| order.unit.clone());
    let done = order.and_then(|order| {
        unit::make_folders(order.unit.as_ref())?;
        let answer = carry_out(&order)?;
        unit::show(order.unit.as_ref(), &order.datadir)?;
        Ok(answer)
    });
    let reply = match done {
        Ok(answer) => Reply::Answer(Box::new(answer)),
        Err(error) => Reply::Failure(Failure::of(&error)),
    };
    if let Some(unit) = &unit
        && let Some(file) = &unit.answer
        && let Err(error) = systemd::order::answer(file, &unit.ticket, &reply, unit.group)
    {
        let _ = writeln!(io::stderr(), "dualmasterd: {}: {error}", file.display());
    }
    // Nobody reads that a server may start: it starts.
    let told = unit.is_some_and(|unit| unit.answer.is_some())
        || matches!(&reply, Reply::Answer(answer) if **answer == Answer::MayServe);
    if told {
        return match reply {
            Reply::Answer(_) => ExitCode::SUCCESS,
            Reply::Failure(_) => ExitCode::FAILURE,
        };
    }
    let line = serde_json::to_string(&reply).unwrap_or_else(|e| {
        format!(r#"{{"failure":{{"kind":"failed","message":"writing the reply: {e}"}}}}"#)
    });
    let printed = writeln!(io::stdout().lock(), "{line}");
    match (reply, printed) {
        (Reply::Answer(_), Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Reads an order.
///
/// # Errors
/// [`PrepareError`]: unreadable, another version, another server's.
pub fn read(name: &str, path: &Path) -> Result<Order, PrepareError> {
    let text = fs::read(path).map_err(|source| PrepareError::ReadOrder {
        path: path.to_owned(),
        source,
    })?;
    let order: Order =
        serde_json::from_slice(&text).map_err(|source| PrepareError::ParseOrder {
            path: path.to_owned(),
            source,
        })?;
    let path = path.to_owned();
    if order.version != order::VERSION {
        let (found, known) = (order.version, order::VERSION);
        return Err(PrepareError::Version { path, found, known });
    }
    if order.name != name {
        return Err(PrepareError::Name {
            path,
            found: order.name,
            name: name.to_owned(),
        });
    }
    Ok(order)
}

/// Carries out an order in this process.
///
/// # Errors
/// [`PrepareError`].
pub fn carry_out(order: &Order) -> Result<Answer, PrepareError> {
    let datadir = &order.datadir;
    let binlog = || Index::read(&order.binlog_index, datadir);
    match &order.step {
        Step::Inspect {} => Ok(Answer::Inspected(inspect::inspect(datadir))),
        Step::Version {} => Ok(Answer::Version {
            said: initialise::version(&order.server.server)?,
        }),
        Step::Initialise { marker } => initialise::initialise(order, marker).map_err(Into::into),
        Step::Cut { known, save_to } => {
            refuse_running(datadir)?;
            let done = cut::cut(&order.binlog_index, datadir, known, order.family, save_to)?;
            Ok(cut_answer(done, save_to))
        }
        Step::SaveOwn { known, into } => {
            let (found, saved) = exclusive::save(&binlog()?, known, into)?;
            Ok(Answer::OwnSaved { found, saved })
        }
        Step::Lacks { known } => Ok(Answer::Lacks {
            gtids: tail::lacks(&binlog()?, known)?,
        }),
        Step::Forget {
            known,
            peer,
            save_to,
        } => {
            refuse_running(datadir)?;
            let peer = Index::read(&peer.index, &peer.datadir)?;
            let forgotten = cut::forget(&order.binlog_index, datadir, known, &peer, save_to)?;
            Ok(cut_answer(forgotten, save_to))
        }
        Step::Classify { gtids, peer } => {
            let peer = peer.as_ref();
            let peer = peer.map(|log| Index::read(&log.index, &log.datadir));
            let found = classify::classify(&binlog()?, gtids, peer.transpose()?.as_ref())?;
            Ok(Answer::Classified {
                harmless: found.harmless,
                changes: found.changes,
            })
        }
        Step::CopyRelay { into } => {
            let (to, files) = relay::copy_aside(&order.relay_index, datadir, into)?;
            Ok(Answer::RelayCopied { to, files })
        }
        Step::Serve { .. } => {
            refuse_running(datadir)?;
            Ok(Answer::MayServe)
        }
    }
}

fn cut_answer(done: Outcome, save_to: &Path) -> Answer {
    match done {
        Outcome::NothingMissing => Answer::NothingMissing,
        Outcome::Cut(plan) => Answer::Cut {
            plan,
            saved: save_to.to_owned(),
        },
    }
}

fn refuse_running(datadir: &Path) -> Result<(), PrepareError> {
    match lock::holder(datadir) {
        Ok(None) => Ok(()),
        Ok(Some(pid)) => Err(PrepareError::Running {
            datadir: datadir.to_owned(),
            pid,
        }),
        Err(source) => Err(PrepareError::Lock {
            datadir: datadir.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests;
