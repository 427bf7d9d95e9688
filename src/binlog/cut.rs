//! Cutting a dead server's tail off: save, cut, done; at any point it can be begun again.
//!
//! Steps, each repeatable: the saved folder is complete (`summary.json`); the file is marked as
//! in use, so that a server that starts recovers from it; it is cut; the index no longer lists
//! later files; these are deleted; `cut.done` says that all of it is on the disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::copy::{self, FsError, failed, saved_as};
use super::event::{self, FLAGS_AT, IN_USE};
use super::index::{Index, IndexError};
use super::save::{self, SaveError};
use super::tail::{self, CutPlan, Refusal, Rename, SizedFile, TailVerdict};
use crate::model::gtid::{GtidSet, Origin};
use crate::model::server::Family;

/// Why a cut was not made or not finished.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It must not be made.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The saved copies.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The file system.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Between an interrupted cut and now someone started the server.
    #[error(
        "finishing the cut saved in {folder}: {path} is no longer what was saved, so the server was started since"
    )]
    Changed {
        /// The saved folder.
        folder: PathBuf,
        /// The file that differs.
        path: PathBuf,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing in the files was unknown.
    NothingMissing,
    /// The tail is cut off, by this run or by an earlier one.
    Cut(Box<CutPlan>),
}

/// The file that says that a cut is complete.
pub const DONE: &str = "cut.done";

/// Cuts off everything that is not in `known`, saving it in `folder` first. The server must be
/// dead. Once `folder` holds a complete cut, this only says so, whatever the server did since.
///
/// # Errors
/// [`CutError`]; after [`CutError::Refused`] nothing was changed.
pub fn cut(
    index: &Path,
    datadir: &Path,
    known: &GtidSet,
    family: Family,
    folder: &Path,
) -> Result<Outcome, CutError> {
    once(index, datadir, folder, |index| {
        tail::plan_cut(index, known, family)
    })
}

/// Takes a MariaDB reader's own transactions beyond `known` out of its log, which change nothing; saves
/// and repeats like [`cut`]. `peer` is the writer's log.
///
/// # Errors
/// [`CutError`]; after [`CutError::Refused`] nothing was changed.
pub fn forget(
    index: &Path,
    datadir: &Path,
    known: &GtidSet,
    peer: &Index,
    folder: &Path,
) -> Result<Outcome, CutError> {
    once(index, datadir, folder, |index| {
        tail::plan_own(index, known, peer)
    })
}

fn once(
    index: &Path,
    datadir: &Path,
    folder: &Path,
    plan: impl FnOnce(&Index) -> Result<TailVerdict, Refusal>,
) -> Result<Outcome, CutError> {
    let saved = save::load(folder)?;
    if let Some(plan) = saved {
        if !folder.join(DONE).exists() {
            refuse_changed(&plan, datadir, folder)?;
            apply(&plan, folder)?;
        }
        return Ok(Outcome::Cut(Box::new(plan)));
    }
    match plan(&Index::read(index, datadir)?)? {
        TailVerdict::NothingMissing => Ok(Outcome::NothingMissing),
        TailVerdict::Cut(plan) => {
            save::save(&plan, folder)?;
            apply(&plan, folder)?;
            Ok(Outcome::Cut(plan))
        }
    }
}

/// Refuses unless each file is as it was saved, or as an interrupted cut leaves it.
fn refuse_changed(plan: &CutPlan, datadir: &Path, folder: &Path) -> Result<(), CutError> {
    let changed = |path: &Path| CutError::Changed {
        folder: folder.into(),
        path: path.into(),
    };
    let index = Index::read(&plan.index, datadir)?;
    let lines: Vec<_> = index.files.into_iter().map(|file| file.line).collect();
    let kept = plan.lines.len() - plan.later.len().min(plan.lines.len());
    if lines != plan.lines && Some(lines.as_slice()) != plan.lines.get(..kept) {
        return Err(changed(&plan.index));
    }
    let cut = SizedFile {
        path: plan.file.path.clone(),
        size: plan.position,
    };
    let is_cut = match &plan.rename {
        None => same(&cut, folder)?,
        Some(rename) => {
            let path = &plan.file.path;
            let now = fs::read(path).map_err(failed("reading", path))?;
            now == renamed(plan, rename, folder)?
        }
    };
    if !is_cut && !same(&plan.file, folder)? {
        return Err(changed(&plan.file.path));
    }
    for file in &plan.later {
        if file.path.exists() && !same(file, folder)? {
            return Err(changed(&file.path));
        }
    }
    Ok(())
}

/// True when the file has that size and starts like its saved copy, flags aside.
fn same(file: &SizedFile, folder: &Path) -> Result<bool, FsError> {
    let size = fs::metadata(&file.path)
        .map_err(failed("looking at", &file.path))?
        .len();
    let head = |path: &Path| -> Result<Vec<u8>, FsError> {
        let mut bytes = Vec::new();
        let opened = fs::File::open(path).map_err(failed("reading", path))?;
        opened
            .take(4096.min(file.size))
            .read_to_end(&mut bytes)
            .map_err(failed("reading", path))?;
        if let Some(flags) = bytes.get_mut(FLAGS_AT as usize) {
            *flags &= !IN_USE;
        }
        Ok(bytes)
    };
    Ok(size == file.size && head(&file.path)? == head(&saved_as(folder, &file.path))?)
}

fn apply(plan: &CutPlan, folder: &Path) -> Result<(), CutError> {
    let path = &plan.file.path;
    match &plan.rename {
        None => shorten(path, plan.position).map_err(failed("cutting", path))?,
        Some(rename) => copy::replace(path, &renamed(plan, rename, folder)?)?,
    }
    copy::sync_folder_of(path)?;
    if !plan.later.is_empty() {
        let kept = plan.lines.len().saturating_sub(plan.later.len());
        let lines = plan.lines.iter().take(kept);
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        copy::replace(&plan.index, text.as_bytes())?;
        for file in &plan.later {
            copy::remove(&file.path)?;
        }
    }
    copy::replace(&folder.join(DONE), b"")?;
    Ok(())
}

/// The saved file up to the cut, marked as in use, its last transaction under its new name: the server's
/// id in the header of each event, then the checksum anew.
fn renamed(plan: &CutPlan, rename: &Rename, folder: &Path) -> Result<Vec<u8>, CutError> {
    let path = saved_as(folder, &plan.file.path);
    let failed_at = || failed("renaming a transaction in", &path);
    let opened = fs::File::open(&path).map_err(failed("reading", &path))?;
    let mut bytes = Vec::new();
    opened
        .take(plan.position)
        .read_to_end(&mut bytes)
        .map_err(failed("reading", &path))?;
    if let Some(flags) = bytes.get_mut(FLAGS_AT as usize) {
        *flags |= IN_USE;
    }
    let Origin::Mariadb { server, .. } = rename.gtid.origin else {
        return Err(failed_at()(io::ErrorKind::InvalidData.into()).into());
    };
    event::give_server(&mut bytes, rename.start, server)
        .map_err(|e| failed_at()(io::Error::other(e)))?;
    Ok(bytes)
}

/// Marks the file as in use, which a rotation had cleared, and cuts it.
fn shorten(path: &Path, position: u64) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut flags = [0];
    file.read_exact_at(&mut flags, FLAGS_AT)?;
    file.write_all_at(&flags.map(|f| f | IN_USE), FLAGS_AT)?;
    file.set_len(position)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
