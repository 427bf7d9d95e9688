//! What is to be removed is first put where it can be read and put back from.
//!
//! The folder holds a whole copy of every file that the cut touches, the index, the tail as a
//! file that `mysqlbinlog` decodes (`NAME.tail`), and, written last, `summary.json`: with it the
//! folder is complete.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::copy::{self, FsError, failed, saved_as};
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

/// Saves everything that the plan removes. Repeatable; a folder that is complete is left alone, and one
/// that cannot be completed keeps no copies.
///
/// # Errors
/// [`SaveError`], also where the disk has no room for the copies; nothing of the server's files was changed.
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
    let files: Vec<PathBuf> = std::iter::once(&plan.file)
        .chain(&plan.later)
        .map(|file| file.path.clone())
        .collect();
    let tail = plan.head_end + plan.file.size.saturating_sub(first(plan));
    copy::copy_all(&files, folder, tail)?;
    write(plan, folder).inspect_err(|_| {
        copy::remove_all(&files, folder);
        let _ = fs::remove_file(tail_as(plan, folder));
    })
}

fn tail_as(plan: &CutPlan, folder: &Path) -> PathBuf {
    saved_as(folder, &plan.file.path).with_added_extension("tail")
}

/// Everything beside the copies, the summary last.
fn write(plan: &CutPlan, folder: &Path) -> Result<(), SaveError> {
    let lines: String = plan.lines.iter().map(|line| format!("{line}\n")).collect();
    copy::replace(&saved_as(folder, &plan.index), lines.as_bytes())?;
    let tail = tail_as(plan, folder);
    write_tail(plan, &tail).map_err(failed("writing", &tail))?;
    let path = folder.join(SUMMARY);
    let summary = serde_json::to_vec_pretty(plan).map_err(|source| SaveError::Summary {
        path: path.clone(),
        source,
    })?;
    copy::replace(&path, &summary)?;
    // The folder's own name as well: what is cut next must be found after a loss of power.
    copy::sync_folder_of(folder)?;
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

/// Where the tail begins. What is renamed stands before the cut.
fn first(plan: &CutPlan) -> u64 {
    let first = plan.removes.first();
    first.map_or(plan.position, |ghost| ghost.position)
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
    from.seek(SeekFrom::Start(first(plan)))?;
    io::copy(&mut from, &mut tail)?;
    tail.sync_all()
}
