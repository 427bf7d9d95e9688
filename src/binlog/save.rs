//! What is to be removed is first put where it can be read and put back from.
//!
//! The folder holds a whole copy of every file that the cut touches, the index, the tail as a
//! file that `mysqlbinlog` decodes (`NAME.tail`), and, written last, `summary.json`: with it the
//! folder is complete.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::copy::{self, FsError, failed};
use super::event::{FLAGS_AT, IN_USE};
use super::tail::CutPlan;

/// Why saving failed, or what was saved cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file system.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The folder belongs to another cut.
    #[error("{folder} already holds what another cut saved: {found}")]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// The transactions saved there.
        found: String,
    },
    /// The summary is not one.
    #[error("reading {path}, which should tell what was saved")]
    Summary {
        /// The summary.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// The file that tells what was saved.
pub const SUMMARY: &str = "summary.json";

/// Saves everything that the plan removes. Repeatable; a folder that is complete is left alone.
///
/// # Errors
/// [`SaveError`]; nothing of the server's files was changed.
pub fn save(plan: &CutPlan, folder: &Path) -> Result<(), SaveError> {
    if let Some(saved) = load(folder)? {
        if saved == *plan {
            return Ok(());
        }
        let found = saved.gtids().to_string();
        return Err(SaveError::Taken {
            folder: folder.to_owned(),
            found,
        });
    }
    copy::make_folder(folder)?;
    for file in std::iter::once(&plan.file).chain(&plan.later) {
        copy::copy(&file.path, &saved_as(folder, &file.path))?;
    }
    let lines: String = plan.lines.iter().map(|line| format!("{line}\n")).collect();
    copy::replace(&saved_as(folder, &plan.index), lines.as_bytes())?;
    let tail = saved_as(folder, &plan.file.path).with_added_extension("tail");
    write_tail(plan, &tail).map_err(failed("writing", &tail))?;
    let path = folder.join(SUMMARY);
    let summary = serde_json::to_vec_pretty(plan).map_err(|source| SaveError::Summary {
        path: path.clone(),
        source,
    })?;
    copy::replace(&path, &summary)?;
    Ok(())
}

/// What a complete folder says; none where it is not complete.
///
/// # Errors
/// [`SaveError`].
pub fn load(folder: &Path) -> Result<Option<CutPlan>, SaveError> {
    let path = folder.join(SUMMARY);
    let bytes = match fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(failed("reading", &path))?,
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| SaveError::Summary { path, source })
}

/// Where a file's copy stands.
pub fn saved_as(folder: &Path, file: &Path) -> PathBuf {
    folder.join(file.file_name().unwrap_or_default())
}

/// The head, with the in-use flag cleared, and everything from the cut on.
fn write_tail(plan: &CutPlan, to: &Path) -> io::Result<()> {
    let mut from = File::open(&plan.file.path)?;
    let mut head = vec![0; usize::try_from(plan.head_end).unwrap_or_default()];
    from.read_exact(&mut head)?;
    if let Some(flags) = head.get_mut(FLAGS_AT as usize) {
        *flags &= !IN_USE;
    }
    let mut tail = File::create(to)?;
    tail.write_all(&head)?;
    // What is renamed stands before the cut.
    let first = plan
        .removes
        .first()
        .map_or(plan.position, |ghost| ghost.position);
    from.seek(SeekFrom::Start(first))?;
    io::copy(&mut from, &mut tail)?;
    tail.sync_all()
}
