//! Starts a server as a process of its own that outlives the daemon, and signals one life of it.
//!
//! The program is started through `setsid` and, where it gets another user, `setpriv` (util-linux),
//! which replace themselves by it under the same pid. A program that they cannot start ends with
//! code 126 or 127, and says why in its log.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::unistd::{AccessFlags, access};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use tokio::process::Command;
use tokio::sync::watch;

use super::plain;
use super::proc::{self, ProcError, ProcState};
use crate::model::incarnation::Incarnation;
use crate::model::process::Ended;

/// What a server must not inherit, by the beginning of the name: our ties to systemd, which it would
/// take for its own, and whatever changes its settings behind the rendered file's back.
const NOT_INHERITED: [&str; 9] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_",
    "LISTEN_",
    "CREDENTIALS_DIRECTORY",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "MAINPID",
    "MYSQL",
    "MARIADB",
];

/// A server to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCommand {
    /// The program, which may be a loader (`ld-linux`) that gets the server as an argument.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables beside ours, for instance `LD_LIBRARY_PATH`.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub datadir: PathBuf,
    /// Where its output is appended. Made with mode 0640 where it is missing, as the server's user's.
    pub log: PathBuf,
    /// Whom it runs as; `None`: as we do.
    pub identity: Option<Identity>,
}

/// The user and groups of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Further groups; all others are dropped.
    pub groups: Vec<u32>,
}

/// A server that was started here.
#[derive(Debug)]
pub struct Spawned {
    /// Its life.
    pub life: Incarnation,
    /// How it ended, as soon as it was collected; never `Some(Ended::Unknown)`.
    pub ended: watch::Receiver<Option<Ended>>,
}

/// Why a server was not started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program is missing or cannot be executed.
    #[error("cannot execute {program}")]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The working directory cannot be entered.
    #[error("cannot use the data directory {datadir}")]
    Datadir {
        /// The directory.
        datadir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log file cannot be written.
    #[error("cannot append to the server's log {log}")]
    Log {
        /// The file.
        log: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused a process, or `setsid` is missing.
    #[error("cannot start {program} through setsid")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was started and cannot be recognised.
    #[error("started {program}, but cannot read what it is")]
    Unrecognised {
        /// The program.
        program: PathBuf,
        /// Why.
        source: ProcError,
    },
}

/// Starts a server in a session of its own, so that neither our end nor our terminal's reaches it. It
/// is collected when it ends; where the daemon ends first, init does that.
///
/// Must be called in a tokio runtime. "Started" says nothing of the server being able to run.
///
/// # Errors
/// See [`SpawnError`]; nothing runs but after `Unrecognised`.
pub fn spawn(server: &ServerCommand) -> Result<Spawned, SpawnError> {
    let program = server.program.clone();
    access(&program, AccessFlags::X_OK).map_err(|errno| SpawnError::Program {
        program: program.clone(),
        source: errno.into(),
    })?;
    std::fs::read_dir(&server.datadir).map_err(|source| SpawnError::Datadir {
        datadir: server.datadir.clone(),
        source,
    })?;
    let log = open_log(server).map_err(|source| SpawnError::Log {
        log: server.log.clone(),
        source,
    })?;
    let mut command = command(server);
    let child = log
        .try_clone()
        .and_then(|copy| command.stdout(copy).stderr(log).spawn());
    let mut child = child.map_err(|source| SpawnError::Start {
        program: program.clone(),
        source,
    })?;
    // Until it is collected its pid is its own, so this finds no other process.
    let life = proc::incarnation(
        child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or(0),
    );
    let (collected, ended) = watch::channel(None);
    tokio::spawn(async move {
        if let Ok(status) = child.wait().await {
            let _ = collected.send(Some(ended_by(status)));
        }
    });
    let odd = |source| SpawnError::Unrecognised {
        program: program.clone(),
        source,
    };
    let life = life
        .map_err(odd)?
        .ok_or_else(|| odd(ProcError::Hidden { pid: 0 }))?;
    Ok(Spawned { life, ended })
}

fn command(server: &ServerCommand) -> Command {
    let mut command = Command::new("setsid");
    if let Some(Identity { uid, gid, groups }) = &server.identity {
        command
            .arg("setpriv")
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={gid}"));
        if groups.is_empty() {
            command.arg("--clear-groups");
        } else {
            let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
            command.arg(format!("--groups={}", groups.join(",")));
        }
        command.arg("--");
    }
    command.arg(&server.program).args(&server.args);
    forget_ties(command.as_std_mut());
    command.envs(server.env.iter().map(|(name, value)| (name, value)));
    command
        .current_dir(&server.datadir)
        .stdin(Stdio::null())
        .kill_on_drop(false);
    command
}

/// Takes from a server's environment what it must not inherit.
pub fn forget_ties(command: &mut std::process::Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| !is_inherited(name)) {
        command.env_remove(name);
    }
}

fn is_inherited(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    !NOT_INHERITED
        .iter()
        .any(|beginning| name.starts_with(beginning.as_bytes()))
}

fn open_log(server: &ServerCommand) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).mode(0o640);
    plain::open_or_make(&server.log, &options, |made| match &server.identity {
        Some(Identity { uid, gid, .. }) => fchown(made, Some(*uid), Some(*gid)),
        None => Ok(()),
    })
}

fn ended_by(status: ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Unknown,
    }
}

/// The signals a server gets from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stop in order.
    Term,
    /// End now.
    Kill,
    /// Freeze.
    Stop,
    /// Go on.
    Cont,
}

/// Why a signal was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// This life is over.
    #[error("cannot send {signal:?} to {life}: it is gone")]
    Gone {
        /// The signal.
        signal: Signal,
        /// The life.
        life: Incarnation,
    },
    /// The system refused, for want of rights as a rule.
    #[error("cannot send {signal:?} to {life}")]
    Refused {
        /// The signal.
        signal: Signal,
        /// The life.
        life: Incarnation,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be told whether the pid is still this life's.
    #[error("cannot send {signal:?} to {life}: it cannot be recognised")]
    Unrecognised {
        /// The signal.
        signal: Signal,
        /// The life.
        life: Incarnation,
        /// Why.
        source: ProcError,
    },
}

/// Sends a signal to this life and to no later process of the same pid: the pidfd is opened first,
/// the life recognised then, so that what the pidfd stands for is known.
///
/// # Errors
/// See [`SignalError`].
pub fn signal(life: &Incarnation, signal: Signal) -> Result<(), SignalError> {
    let refused = |errno: rustix::io::Errno| match errno {
        rustix::io::Errno::SRCH => SignalError::Gone {
            signal,
            life: life.clone(),
        },
        errno => SignalError::Refused {
            signal,
            life: life.clone(),
            source: errno.into(),
        },
    };
    let pid = Pid::from_raw(life.pid).ok_or_else(|| refused(rustix::io::Errno::SRCH))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(refused)?;
    let look = proc::look(life).map_err(|source| SignalError::Unrecognised {
        signal,
        life: life.clone(),
        source,
    })?;
    if look.state == ProcState::Gone {
        return Err(SignalError::Gone {
            signal,
            life: life.clone(),
        });
    }
    let signal = match signal {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::Stop => rustix::process::Signal::STOP,
        Signal::Cont => rustix::process::Signal::CONT,
    };
    pidfd_send_signal(&pidfd, signal).map_err(refused)
}

/// The argument by which a server of ours is recognised.
pub fn defaults_argument(defaults_file: &Path) -> OsString {
    let mut argument = OsString::from("--defaults-file=");
    argument.push(defaults_file);
    argument
}

#[cfg(test)]
mod tests;
