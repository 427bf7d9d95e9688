//! Files made durable: what is said to be saved is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What could not be done, on which path.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}")]
pub struct FsError {
    /// The attempt, as "copying".
    pub doing: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's answer.
    pub source: io::Error,
}

/// Puts attempt and path to an error of the operating system.
pub fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FsError {
    let path = path.to_owned();
    move |source| FsError {
        doing,
        path,
        source,
    }
}

/// Copies a file and its mode, over an earlier copy, and waits until it is on the disk.
///
/// # Errors
/// [`FsError`].
pub fn copy(from: &Path, to: &Path) -> Result<u64, FsError> {
    let bytes = fs::copy(from, to).map_err(failed("copying", from))?;
    sync_file(to)?;
    Ok(bytes)
}

/// Replaces a file as a whole: a reader sees the old or the new content. The mode of an old one is
/// kept, a new one is for its owner and group.
///
/// # Errors
/// [`FsError`].
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FsError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".dualmasterd-new");
    let new = PathBuf::from(name);
    write_all(&new, content).map_err(failed("writing", &new))?;
    if let Ok(old) = fs::metadata(path) {
        fs::set_permissions(&new, old.permissions())
            .map_err(failed("setting the mode of", &new))?;
    }
    rename(&new, path)
}

fn write_all(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o640)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Moves within a file system, durably.
///
/// # Errors
/// [`FsError`].
pub fn rename(from: &Path, to: &Path) -> Result<(), FsError> {
    fs::rename(from, to).map_err(failed("renaming to", to))?;
    sync_folder_of(to)
}

/// Removes a file; one that is gone is no error.
///
/// # Errors
/// [`FsError`].
pub fn remove(path: &Path) -> Result<(), FsError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("removing", path)(e)),
        _ => sync_folder_of(path),
    }
}

/// Makes a folder with those above it, readable by owner and group.
///
/// # Errors
/// [`FsError`].
pub fn make_folder(path: &Path) -> Result<(), FsError> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o750);
    builder
        .create(path)
        .map_err(failed("making the folder", path))
}

/// Waits until a file's content is on the disk.
///
/// # Errors
/// [`FsError`].
pub fn sync_file(path: &Path) -> Result<(), FsError> {
    File::open(path)
        .and_then(|f| f.sync_all())
        .map_err(failed("syncing", path))
}

/// Waits until the name of a file is on the disk.
///
/// # Errors
/// [`FsError`].
pub fn sync_folder_of(path: &Path) -> Result<(), FsError> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => sync_file(Path::new(".")),
        Some(folder) => sync_file(folder),
        None => Ok(()),
    }
}
