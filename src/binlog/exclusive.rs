//! Transactions that only this server has, written out and counted; nothing is changed.
//!
//! For a server that is quarantined or about to be seeded anew: a folder holds whole copies of
//! the binary logs with such transactions, and, written last, `exclusive.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::copy::{self, FsError, failed};
use super::ghost::{self, GhostTransaction};
use super::index::Index;
use super::tail::{self, Refusal};
use super::walk::FileError;
use super::walk::Walk;
use crate::model::gtid::GtidSet;

/// Why it was not written out.
#[derive(Debug, thiserror::Error)]
pub enum ExclusiveError {
    /// The files say nothing certain.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file system.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The summary.
    #[error("writing down what only this server has")]
    Summary(#[source] serde_json::Error),
}

/// What only this server has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusive {
    /// All of it, unfinished transactions left out.
    pub gtids: GtidSet,
    /// Each transaction that is in the files, in order.
    pub transactions: Vec<GhostTransaction>,
    /// The copied files' names, in order.
    pub files: Vec<String>,
}

/// The file that says that the folder is complete.
pub const SUMMARY: &str = "exclusive.json";

/// Copies the files that hold transactions that `known` lacks into a folder of `into` and tells what these
/// are. The folder's name tells the transactions, so that one that is complete is left alone and told again.
///
/// # Errors
/// [`ExclusiveError`].
pub fn save(
    index: &Index,
    known: &GtidSet,
    into: &Path,
) -> Result<(Exclusive, PathBuf), ExclusiveError> {
    let found = find(index, known)?;
    let digest = crc32fast::hash(found.gtids.to_string().as_bytes());
    let folder = into.join(format!("exclusive-{digest:08x}"));
    let path = folder.join(SUMMARY);
    match fs::read(&path) {
        Ok(text) => {
            let told = serde_json::from_slice(&text).map_err(ExclusiveError::Summary)?;
            return Ok((told, folder));
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed("reading", &path)(e).into()),
    }
    let files = index
        .files
        .iter()
        .filter(|file| found.files.contains(&file.name()))
        .map(|file| file.path.clone());
    copy::copy_all(&files.collect::<Vec<_>>(), &folder, 0)?;
    let text = serde_json::to_vec_pretty(&found).map_err(ExclusiveError::Summary)?;
    copy::replace(&path, &text)?;
    copy::sync_folder_of(&folder)?;
    Ok((found, folder))
}

fn find(index: &Index, known: &GtidSet) -> Result<Exclusive, ExclusiveError> {
    let mut found = Exclusive {
        gtids: tail::lacks(index, known)?,
        ..Exclusive::default()
    };
    for file in index.files.iter().rev() {
        let wrong = |source| FileError {
            path: file.path.clone(),
            source,
        };
        let mut walk = Walk::open(&file.path)?;
        let whole = walk
            .history()
            .is_some_and(|history| known.contains(history));
        let mut missing = Vec::new();
        while let Some(transaction) = walk.next().map_err(wrong)? {
            if found.gtids.contains_gtid(&transaction.gtid) {
                missing.push(transaction);
            }
        }
        let mut events = walk.into_events();
        let told = missing
            .iter()
            .map(|of| ghost::describe(&mut events, &file.name(), of));
        let told: Vec<_> = told.collect::<Result<_, _>>().map_err(wrong)?;
        if !told.is_empty() {
            found.files.insert(0, file.name());
            found.transactions.splice(0..0, told);
        }
        if whole {
            break;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::fixture::{Datadir, Log};

    #[test]
    fn the_files_with_unknown_transactions_are_copied_and_told() {
        let first = Log::new(false, 9).gtid_list("").mariadb_insert(1, 1);
        let second = Log::new(false, 0).gtid_list("0-1-1").mariadb_insert(2, 3);
        let third = Log::new(true, 0).gtid_list("0-1-2").mariadb_insert(3, 1);
        let datadir = Datadir::of(&[&first, &second, &third]);
        let known = GtidSet::parse_mariadb("0-1-1").unwrap();
        let into = datadir.path("saved");
        fs::create_dir(&into).unwrap();
        let (found, folder) = save(&datadir.index(), &known, &into).unwrap();
        assert_eq!(found.gtids.to_string(), "0-1-2..3");
        assert_eq!(found.files, ["binlog.000002", "binlog.000003"]);
        assert_eq!(found.transactions[0].tables[0].inserted, 3);
        assert_eq!(
            fs::read(folder.join("binlog.000002")).unwrap(),
            second.bytes
        );
        fs::remove_file(folder.join("binlog.000002")).unwrap();
        assert_eq!(
            save(&datadir.index(), &known, &into).unwrap(),
            (found, folder.clone())
        );
        assert!(!folder.join("binlog.000002").exists(), "it is left alone");
    }
}
