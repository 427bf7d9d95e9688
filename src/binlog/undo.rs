//! Putting a cut tail back: the server then starts like one that was never cut.
//!
//! Its own later files, which it wrote after the cut, are moved into the saved folder (`after/`).

use std::fs;
use std::path::Path;

use super::copy::{self, FsError, failed};
use super::cut::{CutError, DONE};
use super::index::Index;
use super::save::{self, saved_as};
use super::tail::CutPlan;

/// The file that says that the cut was undone.
pub const UNDONE: &str = "cut.undone";

/// Undoes the cut that `folder` holds. The server must be dead. False when there is none, or when
/// it was undone before.
///
/// # Errors
/// [`CutError`]; it can be begun again.
pub fn undo(folder: &Path, datadir: &Path) -> Result<bool, CutError> {
    let Some(plan) = save::load(folder)? else {
        return Ok(false);
    };
    if folder.join(UNDONE).exists() {
        return Ok(false);
    }
    set_aside_newer(&plan, folder, datadir)?;
    for file in std::iter::once(&plan.file).chain(&plan.later) {
        put_back(&saved_as(folder, &file.path), &file.path)?;
    }
    let index = saved_as(folder, &plan.index);
    let text = fs::read(&index).map_err(failed("reading", &index))?;
    copy::replace(&plan.index, &text)?;
    copy::replace(&folder.join(UNDONE), b"")?;
    copy::remove(&folder.join(DONE))?;
    Ok(true)
}

/// Files that the index lists after the one that was cut are the server's own since then. A file
/// that is already set aside was set aside by an interrupted run.
fn set_aside_newer(plan: &CutPlan, folder: &Path, datadir: &Path) -> Result<(), CutError> {
    let index = Index::read(&plan.index, datadir)?;
    let kept = plan.lines.len().saturating_sub(plan.later.len());
    let after = folder.join("after");
    for file in index.files.iter().skip(kept) {
        let to = saved_as(&after, &file.path);
        if !file.path.exists() || to.exists() {
            continue;
        }
        copy::make_folder(&after)?;
        let part = to.with_added_extension("part");
        copy::copy(&file.path, &part)?;
        copy::rename(&part, &to)?;
        copy::remove(&file.path)?;
    }
    Ok(())
}

/// Copies beside its place, then renames: never half a file under the server's name.
fn put_back(saved: &Path, path: &Path) -> Result<(), FsError> {
    let part = path.with_added_extension("dualmasterd-new");
    copy::copy(saved, &part)?;
    copy::rename(&part, path)
}
