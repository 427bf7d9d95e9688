//! May the tail be cut, and where; what does a standby lack of a dead server's files.
//!
//! The binary log is the coordinator's log: a server that starts after a crash commits every
//! prepared transaction that it finds there and rolls back the others. Cut off what the peer
//! never received, and the server rolls it back. That holds only where the conditions of
//! [`Refusal`] do not; each was seen to diverge on real servers.

mod own;
mod refusal;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::own::plan_own;
pub use self::refusal::Refusal;
use super::event::ReadError;
use super::ghost::{self, GhostTransaction};
use super::gtid_event::mariadb_flag as flag;
use super::index::{Index, LogFile};
use super::walk::{Ending, FileError, Transaction, Walk};
use crate::model::gtid::{Gtid, GtidSet};
use crate::model::server::Family;

/// What is to be done with the tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailVerdict {
    /// The known transactions include everything in the files.
    NothingMissing,
    /// The tail can be cut off.
    Cut(Box<CutPlan>),
}

/// A cut: everything behind a position, and the files after that one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutPlan {
    /// The family that wrote the files.
    pub family: Family,
    /// The index.
    pub index: PathBuf,
    /// Its lines, before the cut.
    pub lines: Vec<String>,
    /// The file to be cut.
    pub file: SizedFile,
    /// Where it is cut, in bytes from its start.
    pub position: u64,
    /// Where its head ends: format description and list of GTIDs.
    pub head_end: u64,
    /// The files after it, to be deleted.
    pub later: Vec<SizedFile>,
    /// What is removed by that, in order.
    pub removes: Vec<GhostTransaction>,
    /// The first of these stays, before the cut, as another transaction.
    #[serde(default)]
    pub rename: Option<Rename>,
}

/// A MariaDB transaction that is given another server's id. The number stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// Start of its GTID event, in bytes from the start of the file; the cut is its end.
    pub start: u64,
    /// What it is from then on.
    pub gtid: Gtid,
}

impl CutPlan {
    /// The removed transactions as a set.
    pub fn gtids(&self) -> GtidSet {
        self.removes
            .iter()
            .map(|ghost| ghost.gtid.clone())
            .collect()
    }
}

/// A file and its size before the cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizedFile {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
}

/// Says where the log must be cut so that only known transactions remain. Reads only.
///
/// # Errors
/// [`Refusal`] when there is something unknown and the cut would not undo it.
pub fn plan_cut(index: &Index, known: &GtidSet, family: Family) -> Result<TailVerdict, Refusal> {
    let chain = match family {
        // A rotation waits until the prepared transactions are committed.
        Family::Mysql => chain(index, known, 1)?,
        Family::Mariadb => chain(index, known, usize::MAX)?,
    };
    if !chain.before.is_empty() {
        return Err(Refusal::MissingEarlier {
            path: chain.path(),
            missing: chain.before,
        });
    }
    let missing = unknown_suffix(&chain, known)?;
    let Some((at, first)) = missing.first() else {
        return Ok(TailVerdict::NothingMissing);
    };
    refuse_committed(&chain, *at, first)?;
    for (at, transaction) in &missing {
        refuse_kind(family, chain.path_of(*at), transaction)?;
    }
    plan(index, &chain, &missing, family).map(|plan| TailVerdict::Cut(Box::new(plan)))
}

/// The transactions in the files, whole ones only, that `known` lacks; also those of files that
/// were purged, as far as the oldest file lists them. An unfinished transaction at the end was
/// never committed, so nobody was told that it was.
///
/// # Errors
/// [`Refusal`]: what is in the files cannot be told for certain.
pub fn lacks(index: &Index, known: &GtidSet) -> Result<GtidSet, Refusal> {
    let chain = chain(index, known, usize::MAX)?;
    let mut lacking = chain.before.clone();
    chain.each(|_, transaction| {
        if transaction.ending != Ending::Unfinished && !known.contains_gtid(&transaction.gtid) {
            lacking.insert(transaction.gtid);
        }
        Ok(())
    })?;
    Ok(lacking)
}

/// The last files of a log, as far back as there is something unknown.
struct Chain<'a> {
    files: Vec<&'a LogFile>,
    /// Where `files` starts in the index.
    from: usize,
    /// What is unknown and stands before the first of `files`.
    before: GtidSet,
}

fn chain<'a>(index: &'a Index, known: &GtidSet, most: usize) -> Result<Chain<'a>, Refusal> {
    let mut chain = Chain {
        files: Vec::new(),
        from: index.files.len(),
        before: GtidSet::new(),
    };
    for file in index.files.iter().rev().take(most) {
        let walk = Walk::open(&file.path)?;
        let history = walk.history();
        let history = history.ok_or_else(|| Refusal::NoHistory {
            path: file.path.clone(),
        })?;
        chain.before = history.subtract(known);
        chain.files.insert(0, file);
        chain.from -= 1;
        if chain.before.is_empty() {
            break;
        }
    }
    Ok(chain)
}

impl Chain<'_> {
    fn path(&self) -> PathBuf {
        self.path_of(0).to_owned()
    }

    fn path_of(&self, at: usize) -> &Path {
        self.files.get(at).map_or(Path::new(""), |file| &file.path)
    }

    fn each(
        &self,
        mut take: impl FnMut(usize, Transaction) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        for (at, file) in self.files.iter().enumerate() {
            let mut walk = Walk::open(&file.path)?;
            while let Some(transaction) = walk.next().map_err(|e| unreadable(&file.path, e))? {
                take(at, transaction)?;
            }
            if let Some(position) = walk.anonymous() {
                return Err(Refusal::Anonymous {
                    path: file.path.clone(),
                    position,
                });
            }
        }
        Ok(())
    }
}

fn unreadable(path: &Path, source: ReadError) -> Refusal {
    Refusal::File(FileError {
        path: path.to_owned(),
        source,
    })
}

/// The unknown transactions, each with its file's place in the chain; refuses when a known one
/// follows.
fn unknown_suffix(
    chain: &Chain<'_>,
    known: &GtidSet,
) -> Result<Vec<(usize, Transaction)>, Refusal> {
    let mut missing: Vec<(usize, Transaction)> = Vec::new();
    chain.each(|at, transaction| {
        if !known.contains_gtid(&transaction.gtid) {
            missing.push((at, transaction));
            return Ok(());
        }
        let path = chain.path_of(at).to_owned();
        if transaction.ending == Ending::Unfinished {
            let (gtid, position) = (transaction.gtid, transaction.start);
            return Err(Refusal::KnownButUnfinished {
                path,
                gtid,
                position,
            });
        }
        match missing.first() {
            Some((_, first)) => Err(Refusal::UnknownBeforeKnown {
                path,
                missing: first.gtid.clone(),
                known: transaction.gtid,
            }),
            None => Ok(()),
        }
    })?;
    Ok(missing)
}

/// Refuses when the server has already committed what its log holds: it closed the log, or it was
/// started again, for which it opened a new file that says so.
fn refuse_committed(chain: &Chain<'_>, at: usize, first: &Transaction) -> Result<(), Refusal> {
    for file in chain.files.iter().skip(at + 1) {
        if Walk::open(&file.path)?.format().created != 0 {
            let (path, missing) = (file.path.clone(), first.gtid.clone());
            return Err(Refusal::StartedSince { path, missing });
        }
    }
    let last = chain.path_of(chain.files.len().saturating_sub(1));
    if Walk::open(last)?.format().in_use {
        return Ok(());
    }
    Err(Refusal::ClosedInOrder {
        path: last.to_owned(),
        first: first.gtid.clone(),
    })
}

/// Words with which a statement begins that makes, changes or removes tables.
const OF_TABLES: [&str; 6] = ["CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "IMPORT"];

fn changes_tables(text: &str) -> bool {
    let text = text.trim_start();
    // A comment may hide the word.
    text.starts_with('/') || {
        let word = text.split(|c: char| !c.is_alphanumeric()).next();
        let word = word.unwrap_or_default().to_ascii_uppercase();
        OF_TABLES.contains(&word.as_str())
    }
}

/// Refuses a transaction that its server would not roll back.
fn refuse_kind(family: Family, path: &Path, of: &Transaction) -> Result<(), Refusal> {
    let (path, gtid, position) = (path.to_owned(), of.gtid.clone(), of.start);
    let statement = if let Ending::Statement(text) = &of.ending {
        text.clone()
    } else {
        String::new()
    };
    match (family, &of.ending) {
        (_, Ending::Unknown) => Err(Refusal::Unclear {
            path,
            gtid,
            position,
        }),
        (_, Ending::WithoutEngine) => Err(Refusal::NotTransactional {
            path,
            gtid,
            position,
        }),
        // Its files are changed before it is logged; what InnoDB rolls back is the dictionary alone.
        (Family::Mysql, Ending::Statement(text)) if !of.atomic && changes_tables(text) => {
            Err(Refusal::Ddl {
                path,
                gtid,
                position,
                statement,
            })
        }
        (Family::Mysql, _) => Ok(()),
        (Family::Mariadb, _) if of.flags & (flag::PREPARED_XA | flag::COMPLETED_XA) != 0 => {
            Err(Refusal::Xa {
                path,
                gtid,
                position,
            })
        }
        (Family::Mariadb, _) if of.flags & (flag::STANDALONE | flag::DDL) != 0 => {
            Err(Refusal::Ddl {
                path,
                gtid,
                position,
                statement,
            })
        }
        (Family::Mariadb, _) if of.flags & flag::TRANSACTIONAL == 0 => {
            Err(Refusal::NotTransactional {
                path,
                gtid,
                position,
            })
        }
        (Family::Mariadb, _) => Ok(()),
    }
}

fn plan(
    index: &Index,
    chain: &Chain<'_>,
    missing: &[(usize, Transaction)],
    family: Family,
) -> Result<CutPlan, Refusal> {
    let (cut_at, position) = missing.first().map_or((0, 0), |(at, t)| (*at, t.start));
    let mut removes = Vec::new();
    let mut sizes = Vec::new();
    let mut head_end = 0;
    for (at, file) in chain.files.iter().enumerate().skip(cut_at) {
        let walk = Walk::open(&file.path)?;
        if at == cut_at {
            head_end = walk.header_end();
        }
        let mut events = walk.into_events();
        sizes.push(SizedFile {
            path: file.path.clone(),
            size: events.size(),
        });
        for (_, transaction) in missing.iter().filter(|(of, _)| *of == at) {
            let ghost = ghost::describe(&mut events, &file.name(), transaction);
            removes.push(ghost.map_err(|e| unreadable(&file.path, e))?);
        }
    }
    Ok(CutPlan {
        family,
        index: index.path.clone(),
        lines: index.files.iter().map(|file| file.line.clone()).collect(),
        file: sizes.remove(0),
        position,
        head_end,
        later: sizes,
        removes,
        rename: None,
    })
}

#[cfg(test)]
mod tests;
