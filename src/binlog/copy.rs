//! Files made durable: what is said to be saved is on the disk.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::files;

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

/// As much is left free beside copies, in bytes: whoever serves on this file system goes on writing. On a
/// small one it is a tenth.
const RESERVE: u64 = 1 << 30;

/// Refuses where `bytes` more in this folder, or the nearest one above it, would not leave the reserve.
///
/// # Errors
/// [`FsError`] with [`io::ErrorKind::StorageFull`] and the figures.
fn refuse_without_room(folder: &Path, bytes: u64) -> Result<(), FsError> {
    let stat = folder
        .ancestors()
        .find_map(|folder| nix::sys::statvfs::statvfs(folder).ok());
    let Some(stat) = stat else { return Ok(()) };
    let of = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
    let free = of(stat.blocks_available());
    let reserve = RESERVE.min(of(stat.blocks()) / 10);
    if free >= bytes.saturating_add(reserve) {
        return Ok(());
    }
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    let why = format!(
        "{} MB are to be copied and {} MB have to stay free, and {} MB are free: make room",
        mb(bytes),
        mb(reserve),
        free >> 20
    );
    Err(failed("copying into", folder)(io::Error::new(
        io::ErrorKind::StorageFull,
        why,
    )))
}

/// Copies a file and its mode, over an earlier copy, and waits until it is on the disk. What a copy that
/// fails has written is removed.
///
/// # Errors
/// [`FsError`].
pub fn copy(from: &Path, to: &Path) -> Result<u64, FsError> {
    let copied = fs::copy(from, to).map_err(failed("copying", from));
    copied
        .and_then(|bytes| sync_file(to).map(|()| bytes))
        .inspect_err(|_| drop(fs::remove_file(to)))
}

/// Copies these files into a folder, which is made; refused where that and `more` bytes, which the caller
/// will write beside them, would not leave the reserve. All of them are there then, or none: what an
/// interrupted copy has left is removed first and takes no room.
///
/// # Errors
/// [`FsError`].
pub fn copy_all(files: &[PathBuf], folder: &Path, more: u64) -> Result<(), FsError> {
    remove_all(files, folder);
    let mut bytes = more;
    for file in files {
        let size = fs::metadata(file)
            .map_err(failed("looking at", file))?
            .len();
        bytes = bytes.saturating_add(size);
    }
    refuse_without_room(folder, bytes)?;
    make_folder(folder)?;
    let mut copies = files
        .iter()
        .map(|file| copy(file, &saved_as(folder, file)).map(drop));
    copies
        .try_for_each(|copied| copied)
        .inspect_err(|_| remove_all(files, folder))
}

/// Removes the copies of these files, as far as that can be done.
pub fn remove_all(files: &[PathBuf], folder: &Path) {
    for file in files {
        let _ = fs::remove_file(saved_as(folder, file));
    }
}

/// Where a file's copy stands.
pub fn saved_as(folder: &Path, file: &Path) -> PathBuf {
    folder.join(file.file_name().unwrap_or_default())
}

/// Replaces a file as a whole: a reader sees the old or the new content. The mode of an old one is
/// kept, a new one is for its owner and group.
///
/// # Errors
/// [`FsError`].
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FsError> {
    let mode = fs::metadata(path).map_or(0o640, |old| old.permissions().mode() & 0o7777);
    files::write(path, content, mode, None).map_err(failed("writing", path))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_leave_no_room_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        fs::write(&file, "rows").unwrap();
        let to = folder.path().join("saved");
        let error = copy_all(std::slice::from_ref(&file), &to, 1 << 60).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        let text = error.source.to_string();
        assert!(text.contains("1099511627777 MB are to be copied"), "{text}");
        assert!(!to.exists(), "nothing was written");
        copy_all(&[file], &to, 0).unwrap();
        assert_eq!(fs::read(to.join("log")).unwrap(), b"rows");
    }

    #[test]
    fn a_copy_that_fails_leaves_none_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let (file, odd) = (folder.path().join("log"), folder.path().join("folder"));
        fs::write(&file, "rows").unwrap();
        fs::create_dir(&odd).unwrap();
        let to = folder.path().join("saved");
        copy_all(&[file, odd], &to, 0).unwrap_err();
        assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
    }
}
