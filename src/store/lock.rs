//! One daemon per state directory: two owners of the same members would both decide who writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon holds it.
    #[error("{path} is locked by another dualmasterd ({})", holder(*.pid))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process that wrote itself into it; `None` where that cannot be read.
        pid: Option<i32>,
    },
    /// A system call on the file failed.
    #[error("cannot {attempt} the lock file {path}")]
    Io {
        /// What was being done.
        attempt: &'static str,
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn holder(pid: Option<i32>) -> String {
    pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"))
}

/// The lock, held until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct InstanceLock {
    _file: Flock<File>,
}

impl InstanceLock {
    /// Takes the lock of a state directory (its file `lock`) without waiting, and writes our pid
    /// into it.
    ///
    /// # Errors
    /// `Held` names the holder; `Io` for anything else.
    pub fn take(state_dir: &Path) -> Result<Self, LockError> {
        let path = state_dir.join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| LockError::Io {
                attempt: "open",
                path: path.clone(),
                source,
            })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => {
                write_pid(&file);
                Ok(Self { _file: file })
            }
            Err((file, Errno::EWOULDBLOCK)) => Err(LockError::Held {
                pid: read_pid(file),
                path,
            }),
            Err((_, errno)) => Err(LockError::Io {
                attempt: "lock",
                path,
                source: errno.into(),
            }),
        }
    }
}

/// The pid is a courtesy to whoever is refused; a full disk must not keep the daemon from starting.
fn write_pid(file: &File) {
    let text = format!("{}\n", std::process::id());
    let _ = file
        .write_all_at(text.as_bytes(), 0)
        .and_then(|()| file.set_len(text.len() as u64));
}

fn read_pid(mut file: File) -> Option<i32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("lock"),
            "99999999 left by a longer name\n",
        )
        .unwrap();
        let lock = InstanceLock::take(directory.path()).unwrap();
        let error = InstanceLock::take(directory.path()).unwrap_err();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(matches!(error, LockError::Held { pid: Some(found), .. } if found == pid));
        assert!(error.to_string().contains(&format!("pid {pid}")), "{error}");
        drop(lock);
        InstanceLock::take(directory.path()).unwrap();
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = InstanceLock::take(Path::new("/nonexistent/state")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot open the lock file /nonexistent/state/lock"
        );
    }
}
