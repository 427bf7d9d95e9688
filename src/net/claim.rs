//! One pair of a name for each network namespace: its nftables table is named after it, and two daemons
//! that lead the same table would each undo what the other did.
//!
//! A name is claimed by the lock of a file in a folder that nobody but the daemon's account and root may
//! write, so that no other account can take it, or keep the daemon from it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// Where every daemon of this host looks, whatever its own folders are. systemd makes it for the daemon's
/// account, and keeps it while the daemon is down.
pub const FOLDER: &str = "/run/dualmasterd";

/// Why a pair's name was not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Somebody else has it.
    #[error(
        "another dualmasterd keeps the redirect of a pair of this name here: rename one of the two"
    )]
    Taken,
    /// Others could take names from us.
    #[error("everybody may write {folder}, where names are claimed: `chmod go-w` it")]
    Writable {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused.
    #[error("cannot claim the name by the file {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ClaimError {
    /// Our account may write nothing there.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// A claimed name, until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct Claim {
    _file: Flock<File>,
}

impl Claim {
    /// Claims a pair's name in our network namespace, by a file in `folder`, which is made where it is
    /// missing.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub fn take(folder: &Path, pair: &str) -> Result<Self, ClaimError> {
        let named = fs::metadata("/proc/self/ns/net").map(|namespace| namespace.ino());
        let name = named.as_ref().map_or(0, |inode| *inode);
        let path = folder.join(format!("claim-{name}-{pair}"));
        let failed = |source| ClaimError::Io {
            path: path.clone(),
            source,
        };
        named.map_err(failed)?;
        let file = open(folder, &path).map_err(failed)?;
        let kept = fs::metadata(folder).map_err(failed)?;
        if kept.mode() & 0o022 != 0 {
            let folder = folder.to_owned();
            return Err(ClaimError::Writable { folder });
        }
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self { _file: file }),
            Err((_, Errno::EWOULDBLOCK)) => Err(ClaimError::Taken),
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }
}

/// Opens the file, which stays when it is let go. One that root makes belongs to the folder's account, so
/// that the daemon can claim the name after it.
fn open(folder: &Path, path: &Path) -> io::Result<File> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(folder)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)?;
    if nix::unistd::geteuid().is_root() {
        let of = fs::metadata(folder)?;
        fchown(&file, Some(of.uid()), Some(of.gid()))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_name_is_claimed_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("run");
        let claim = Claim::take(&folder, "orders").unwrap();
        let again = Claim::take(&folder, "orders");
        assert!(matches!(again, Err(ClaimError::Taken)));
        Claim::take(&folder, "stock").unwrap();
        drop(claim);
        Claim::take(&folder, "orders").unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let claim = Claim::take(folder.path(), "orders");
        assert!(matches!(claim, Err(ClaimError::Writable { .. })));
    }

    #[test]
    fn what_root_made_is_claimed_by_the_folders_account() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(folder.path(), Some(65_534), Some(65_534)).unwrap();
        drop(Claim::take(folder.path(), "orders").unwrap());
        for entry in fs::read_dir(folder.path()).unwrap() {
            let made = entry.unwrap().metadata().unwrap();
            assert_eq!((made.uid(), made.mode() & 0o777), (65_534, 0o600));
        }
    }
}
