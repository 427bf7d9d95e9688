//! Files put in their place whole: written beside, synced, renamed.
//!
//! Some lie in folders of the servers' account, which could put a link there at any moment: nothing is
//! written or given away through one. Drivers write by this as well.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use nix::fcntl::OFlag;

/// Who a file or folder is to belong to: user id and group id.
pub type Owner = (u32, u32);

/// Puts `content` at `path`: a reader sees the old file or the whole new one, also after a crash. It is
/// `owner`'s where one is named and we may give it away.
///
/// # Errors
/// Whatever the file system says; the old file is then untouched.
pub fn write(path: &Path, content: &[u8], mode: u32, owner: Option<Owner>) -> io::Result<()> {
    replace(path, content, |file| give(file, mode, owner))
}

/// As [`write()`], ours, for a group that we belong to.
///
/// # Errors
/// Whatever the file system says; the old file is then untouched.
pub fn write_for(path: &Path, content: &[u8], mode: u32, group: u32) -> io::Result<()> {
    replace(path, content, |file| {
        fchown(file, None, Some(group))?;
        file.set_permissions(fs::Permissions::from_mode(mode))
    })
}

/// The new file is nobody else's until it was given to whom it is for.
fn replace(
    path: &Path,
    content: &[u8],
    give: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = match path.parent().ok_or(io::ErrorKind::InvalidInput)? {
        here if here.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".new");
    let beside = folder.join(name);
    // What a write that was cut short has left, or anything else, makes room: a new file follows no link.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(content)?;
    give(&file)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

/// The mode of a folder that is not given to its owner yet: one that is left so is finished later.
const HALF_MADE: u32 = 0;

/// Makes a folder, its parents too, with this mode and owner; leaves one that is there as it is, unless it
/// was left half made.
///
/// # Errors
/// Whatever the file system says.
pub fn folder(path: &Path, mode: u32, owner: Option<Owner>) -> io::Result<()> {
    let is_root = nix::unistd::geteuid().is_root();
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => return Err(io::ErrorKind::NotADirectory.into()),
        Ok(found) if found.mode() & 0o777 != HALF_MADE || !is_root => return Ok(()),
        Ok(_) => {}
        Err(_) => make(path, if is_root { HALF_MADE } else { mode })?,
    }
    // What was made, and nothing that took its place meanwhile.
    let made = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits())
        .open(path)?;
    let uid = made.metadata()?.uid();
    if uid != nix::unistd::geteuid().as_raw() && Some(uid) != owner.map(|(uid, _)| uid) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    give(&made, mode, owner)
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        folder(parent, 0o711, None)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Sets owner and mode, the mode last. The umask may have taken bits away that the server's user needs.
fn give(file: &File, mode: u32, owner: Option<Owner>) -> io::Result<()> {
    if let Some((uid, gid)) = owner
        && nix::unistd::geteuid().is_root()
    {
        fchown(file, Some(uid), Some(gid))?;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_written_through_a_link_that_lies_in_wait() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o640)).unwrap();
        let order = folder.path().join("order.json");
        for name in ["order.json", "order.json.new"] {
            symlink(&victim, folder.path().join(name)).unwrap();
        }
        write(&order, b"{}", 0o600, Some((65_534, 65_534))).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        let untouched = fs::metadata(&victim).unwrap();
        assert_eq!(untouched.mode() & 0o777, 0o640);
        assert_eq!(untouched.uid(), nix::unistd::geteuid().as_raw());
        assert_eq!(fs::read_to_string(&order).unwrap(), "{}");
        assert!(fs::symlink_metadata(&order).unwrap().is_file());
    }

    #[test]
    fn a_write_that_was_cut_short_does_not_stop_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.cnf");
        fs::write(folder.path().join("a.cnf.new"), "ha").unwrap();
        write(&path, b"whole", 0o644, None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_folder_that_was_left_half_made_is_finished() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("deep/tmp");
        let owner = (65_534, 65_534);
        let like = |mode| {
            let found = fs::metadata(&path).unwrap();
            assert_eq!(found.mode() & 0o777, mode);
            (found.uid(), found.gid())
        };
        folder(&path, 0o750, Some(owner)).unwrap();
        let whole = like(0o750);
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        assert_eq!(whole, owner);
        fs::remove_dir(&path).unwrap();
        make(&path, HALF_MADE).unwrap();
        assert_eq!(like(0), (0, 0));
        folder(&path, 0o750, Some(owner)).unwrap();
        assert_eq!(like(0o750), owner);
        // One that is there keeps what it has.
        folder(&path, 0o700, None).unwrap();
        assert_eq!(like(0o750), owner);
    }
}
