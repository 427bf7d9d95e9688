//! Finds a running server again, after a restart of the daemon.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::plain;
use super::proc::{self, ProcError, ProcState};
use super::process::defaults_argument;
use crate::model::incarnation::Incarnation;

/// Arguments of a server that makes a datadir and ends; it is none that serves.
const NOT_SERVING: [&str; 3] = ["--initialize", "--initialize-insecure", "--bootstrap"];

/// No pid file is longer, in bytes.
const LONGEST_PID: u64 = 64;

/// By what a server is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sought<'a> {
    /// The file name of the server's program (`mysqld`, `mariadbd`): it must be among the words of
    /// the command line, wherever; it may be an argument of a loader.
    pub program: &'a OsStr,
    /// The rendered file, which the server was given as `--defaults-file=PATH`, to the letter.
    pub defaults_file: &'a Path,
    /// Where the server writes its pid; looked at first.
    pub pid_file: Option<&'a Path>,
    /// The user id of the account it runs as. Anybody may start a process with such arguments; only one
    /// of this account, or of ours while it still changes to it, is the server.
    pub user: u32,
}

/// Why it cannot be said which process the server is.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// More than one process claims the same file.
    #[error("{} processes run with --defaults-file={defaults_file}: {pids:?}", pids.len())]
    Several {
        /// The file.
        defaults_file: PathBuf,
        /// The processes.
        pids: Vec<i32>,
    },
    /// The process of the pid file is ending and still holds the files. Ask again.
    #[error("process {pid} of {pid_file} is still ending")]
    Ending {
        /// The process.
        pid: i32,
        /// The file that names it.
        pid_file: PathBuf,
    },
    /// `/proc` does not answer.
    #[error("cannot look for the server of {defaults_file}")]
    Proc {
        /// The file.
        defaults_file: PathBuf,
        /// Why.
        source: ProcError,
    },
}

/// Finds the server; `None` where none runs. A pid file that names another process, or cannot be read,
/// is passed over. All of `/proc` is searched then: some milliseconds.
///
/// # Errors
/// See [`AdoptError`].
pub fn adopt(sought: Sought<'_>) -> Result<Option<Incarnation>, AdoptError> {
    let unknown = |source| AdoptError::Proc {
        defaults_file: sought.defaults_file.to_owned(),
        source,
    };
    if let Some(pid_file) = sought.pid_file
        && let Some(pid) = read_pid(pid_file)
    {
        if is_server(sought, pid).map_err(unknown)? {
            return proc::incarnation(pid).map_err(unknown);
        }
        if is_ending(sought, pid).map_err(unknown)? {
            return Err(AdoptError::Ending {
                pid,
                pid_file: pid_file.to_owned(),
            });
        }
    }
    let mut found = Vec::new();
    for pid in processes().map_err(unknown)? {
        // One of another user's that cannot be looked at is not the server.
        match is_server(sought, pid) {
            Ok(true) => found.push(pid),
            // What cannot be looked at is another user's, and not the server.
            Err(_) if !is_of(sought, pid).unwrap_or(false) => {}
            is_server => drop(is_server.map_err(unknown)?),
        }
    }
    match found.as_slice() {
        [] => Ok(None),
        [pid] => proc::incarnation(*pid).map_err(unknown),
        _ => {
            let defaults_file = sought.defaults_file.to_owned();
            Err(AdoptError::Several {
                defaults_file,
                pids: found,
            })
        }
    }
}

/// Of a process of somebody else's nothing but that is read: reading its arguments may wait for it.
fn is_server(sought: Sought<'_>, pid: i32) -> Result<bool, ProcError> {
    if !is_of(sought, pid)? {
        return Ok(false);
    }
    let words = proc::command_line(pid)?;
    let argument = defaults_argument(sought.defaults_file);
    // The wrappers that a server is started through carry its whole command line for a moment, as
    // the same pid, so it does not matter that they are taken for it.
    let Some(place) = words.iter().position(|word| *word == argument) else {
        return Ok(false);
    };
    let (before, after) = words.split_at(place);
    let serves = before
        .iter()
        .any(|word| Path::new(word).file_name() == Some(sought.program))
        && !after
            .iter()
            .any(|word| NOT_SERVING.iter().any(|not| word == not));
    Ok(serves)
}

/// It was started by the server's account or by us.
fn is_of(sought: Sought<'_>, pid: i32) -> Result<bool, ProcError> {
    let ours = nix::unistd::geteuid().as_raw();
    Ok(proc::user(pid)?.is_some_and(|user| user == sought.user || user == ours))
}

/// A process that frees its memory has no command line any more, only its short name; a loader's
/// differs from the program's.
fn is_ending(sought: Sought<'_>, pid: i32) -> Result<bool, ProcError> {
    let Some(life) = proc::incarnation(pid)? else {
        return Ok(false);
    };
    let ending = matches!(
        proc::look(&life)?.state,
        ProcState::Exiting | ProcState::CoreDumping
    );
    let Some(name) = proc::name(pid)?.filter(|_| ending) else {
        return Ok(false);
    };
    Ok(sought
        .program
        .as_encoded_bytes()
        .starts_with(name.as_bytes())
        || name.starts_with("ld-"))
}

/// The process that the pid file names, where it is another one than this life's: somebody has started the
/// server since. A file that is gone, after a reboot or an orderly stop, names nobody.
pub fn names_another(pid_file: &Path, life: &Incarnation) -> Option<i32> {
    read_pid(pid_file).filter(|pid| *pid != life.pid)
}

/// The pid file names this life: it has come as far as its ports and its socket.
pub fn names(pid_file: &Path, life: &Incarnation) -> bool {
    read_pid(pid_file) == Some(life.pid)
}

fn read_pid(pid_file: &Path) -> Option<i32> {
    let mut text = Vec::new();
    let file = plain::open(pid_file, OpenOptions::new().read(true)).ok()?;
    file.take(LONGEST_PID).read_to_end(&mut text).ok()?;
    let pid = str::from_utf8(&text).ok()?.trim().parse().ok();
    pid.filter(|pid| *pid > 0)
}

fn processes() -> Result<Vec<i32>, ProcError> {
    let entries = fs::read_dir("/proc").map_err(|source| ProcError::Read {
        file: "/proc".to_owned(),
        source,
    })?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

#[cfg(test)]
mod tests;
