//! Files put in their place whole: written beside, synced, renamed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

/// Puts `content` at `path`: a reader sees the old file or the whole new one, also after a crash.
///
/// # Errors
/// Whatever the file system says; the old file is then untouched.
pub fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".new");
    let beside = folder.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(content)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

/// Makes a folder, its parents too, with this mode and owner; leaves one that is there as it is.
///
/// # Errors
/// Whatever the file system says.
pub fn folder(path: &Path, mode: u32, owner: Option<(u32, u32)>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        folder(parent, 0o711, None)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        other => other?,
    }
    // The umask may have taken bits away that the server's user needs to enter.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    match owner {
        Some((uid, gid)) if nix::unistd::geteuid().is_root() => chown(path, Some(uid), Some(gid)),
        _ => Ok(()),
    }
}
