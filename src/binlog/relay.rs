//! Relay logs: copied aside before anything may delete them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::copy::{self, FsError, failed};
use super::index::{Index, IndexError};

/// Why relay logs were not copied.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The file system.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// A copied file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Its name in the folder of the copies.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

/// Copies the relay logs, their index and the server's notes about them into a folder of `into`, which
/// exists only when it is complete. Its name tells the state that was copied, so that a second run finds
/// it and changes nothing, and rows that came since are copied anew. Of such folders the newest
/// [`COPIES_KEPT`] stay.
///
/// # Errors
/// [`RelayError`].
pub fn copy_aside(
    index: &Path,
    datadir: &Path,
    into: &Path,
) -> Result<(PathBuf, Vec<Copied>), RelayError> {
    let files = files(index, datadir)?;
    let to = into.join(name(&files)?);
    if !to.exists() {
        remove_unfinished(into)?;
        let part = to.with_added_extension("part");
        copy::copy_all(&files, &part, 0)?;
        copy::sync_file(&part)?;
        copy::rename(&part, &to)?;
        prune(into)?;
    }
    let copies = list(&to)?;
    Ok((to, copies))
}

/// As many copies are kept: each state that somebody may want back after the next link or two.
pub const COPIES_KEPT: usize = 8;

const COPY: &str = "relay-";

/// Relay logs only grow, so their names and sizes tell their state.
fn name(files: &[PathBuf]) -> Result<String, FsError> {
    let mut hasher = crc32fast::Hasher::new();
    let mut bytes = 0;
    for file in files {
        let size = fs::metadata(file)
            .map_err(failed("looking at", file))?
            .len();
        hasher.update(file.as_os_str().as_encoded_bytes());
        hasher.update(&size.to_le_bytes());
        bytes += size;
    }
    Ok(format!("{COPY}{bytes}-{:08x}", hasher.finalize()))
}

/// Removes what interrupted copies have left, of whatever state.
fn remove_unfinished(into: &Path) -> Result<(), FsError> {
    let entries = match fs::read_dir(into) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed("listing", into))?,
    };
    for entry in entries {
        let entry = entry.map_err(failed("listing", into))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(COPY) && name.ends_with(".part") {
            let part = entry.path();
            fs::remove_dir_all(&part).map_err(failed("removing the unfinished", &part))?;
        }
    }
    Ok(())
}

/// Removes all but the newest copies; nothing else in the folder.
fn prune(into: &Path) -> Result<(), FsError> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(into).map_err(failed("listing", into))? {
        let entry = entry.map_err(failed("listing", into))?;
        if entry.file_name().to_string_lossy().starts_with(COPY) {
            let made = entry.metadata().and_then(|folder| folder.modified());
            let made = made.map_err(failed("looking at", &entry.path()))?;
            copies.push((made, entry.path()));
        }
    }
    copies.sort();
    let old = copies.len().saturating_sub(COPIES_KEPT);
    for (_, copy) in copies.into_iter().take(old) {
        fs::remove_dir_all(&copy).map_err(failed("removing", &copy))?;
    }
    Ok(())
}

/// The relay logs with their index, and `master.info` and `relay-log.info` where the server keeps
/// such files. A server without a relay index has no relay logs.
fn files(index: &Path, datadir: &Path) -> Result<Vec<PathBuf>, RelayError> {
    let mut all: Vec<PathBuf> = match Index::read(index, datadir) {
        Ok(index) => index.files.into_iter().map(|file| file.path).collect(),
        Err(IndexError::Empty { .. }) => Vec::new(),
        Err(IndexError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Vec::new()
        }
        Err(e) => return Err(e.into()),
    };
    all.push(index.to_owned());
    let entries = fs::read_dir(datadir).map_err(failed("listing", datadir))?;
    for entry in entries {
        let path = entry.map_err(failed("listing", datadir))?.path();
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let noted = name.starts_with("master") || name.starts_with("relay-log");
        if noted && name.ends_with(".info") {
            all.push(path);
        }
    }
    all.retain(|path| path.exists());
    Ok(all)
}

fn list(folder: &Path) -> Result<Vec<Copied>, RelayError> {
    let mut copied = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("listing", folder))? {
        let entry = entry.map_err(failed("listing", folder))?;
        let bytes = entry
            .metadata()
            .map_err(failed("looking at", &entry.path()))?
            .len();
        copied.push(Copied {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes,
        });
    }
    copied.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(copied)
}

#[cfg(test)]
mod tests;
