//! `dualmasterd fence NAME PID`: a small process in a server's unit that kills the server on the daemon's
//! word. It runs as the server's account and so may; the daemon may not. D-Bus, systemd and polkit are
//! not on this way, so that a hang of theirs holds up no failover.
//!
//! Who may open its socket: the daemon's group, whose members may order a failover as well.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::names;
use crate::model::incarnation::Incarnation;
use crate::runtime::proc;
use crate::runtime::process::{self, Signal, SignalError};

/// A word comes at once, or its connection is closed.
const WORD: Duration = Duration::from_millis(200);
/// No word is longer, in bytes.
const LONGEST: u64 = 64;

/// Why nobody was killed.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// Nobody listens, or the connection broke.
    #[error("cannot reach {socket}")]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No answer in time.
    #[error("no answer from {socket} within {within:?}")]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// How long was waited.
        within: Duration,
    },
    /// It does not stand beside this life of the server.
    #[error("{socket}: {said}")]
    Refused {
        /// The socket.
        socket: PathBuf,
        /// Its words.
        said: String,
    },
}

/// Asks the fence of a server to kill this life of it.
///
/// # Errors
/// See [`FenceError`].
pub async fn kill(server: &str, life: &Incarnation, within: Duration) -> Result<(), FenceError> {
    let socket = names::fence_socket(server);
    kill_by(&socket, life, within).await
}

async fn kill_by(socket: &Path, life: &Incarnation, within: Duration) -> Result<(), FenceError> {
    let word = format!("kill {} {}\n", life.pid, life.started);
    let talk = async {
        let mut stream = tokio::net::UnixStream::connect(socket).await?;
        stream.write_all(word.as_bytes()).await?;
        let mut said = String::new();
        stream.take(LONGEST).read_to_string(&mut said).await?;
        Ok(said)
    };
    let socket = socket.to_owned();
    match timeout(within, talk).await {
        Ok(Ok(said)) if said == "killed\n" => Ok(()),
        Ok(Ok(said)) => Err(FenceError::Refused {
            socket,
            said: said.trim().to_owned(),
        }),
        Ok(Err(source)) => Err(FenceError::Unreachable { socket, source }),
        Err(_) => Err(FenceError::Silent { socket, within }),
    }
}

/// Stands beside process `pid`, its parent, until that is gone.
pub fn run(server: &str, pid: i32) -> ExitCode {
    let socket = names::fence_socket(server);
    match stand(&socket, pid) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "dualmasterd: no fence for {server}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn stand(socket: &Path, pid: i32) -> io::Result<()> {
    let server = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
    let pidfd = pidfd_open(server, PidfdFlags::empty())?;
    let life = proc::incarnation(pid)
        .map_err(io::Error::other)?
        .ok_or(io::ErrorKind::NotFound)?;
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, Permissions::from_mode(0o660))?;
    loop {
        let mut watched = [
            PollFd::new(&pidfd, PollFlags::IN),
            PollFd::new(&listener, PollFlags::IN),
        ];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let [ended, asked] = watched.map(|fd| !fd.revents().is_empty());
        if ended {
            return Ok(());
        }
        if asked && let Ok((stream, _)) = listener.accept() {
            let _ = obey(stream, &life);
        }
    }
}

fn obey(mut stream: UnixStream, life: &Incarnation) -> io::Result<()> {
    stream.set_read_timeout(Some(WORD))?;
    stream.set_write_timeout(Some(WORD))?;
    let mut word = String::new();
    BufReader::new((&stream).take(LONGEST)).read_line(&mut word)?;
    let answer = if word != format!("kill {} {}\n", life.pid, life.started) {
        format!("this is the fence of {life}\n")
    } else {
        match process::signal(life, Signal::Kill) {
            Ok(()) | Err(SignalError::Gone { .. }) => "killed\n".to_owned(),
            Err(error) => format!("{error}\n"),
        }
    };
    stream.write_all(answer.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[tokio::test]
    async fn it_kills_its_server_and_no_other_life() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("fence.sock");
        let mut server = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(server.id()).unwrap();
        let life = proc::incarnation(pid).unwrap().unwrap();
        let at = socket.clone();
        let fence = std::thread::spawn(move || stand(&at, pid));
        let within = Duration::from_secs(5);
        while !socket.exists() {
            tokio::task::yield_now().await;
        }
        let other = Incarnation {
            started: life.started + 1,
            ..life.clone()
        };
        let refused = kill_by(&socket, &other, within).await;
        assert!(
            matches!(refused, Err(FenceError::Refused { .. })),
            "{refused:?}"
        );
        kill_by(&socket, &life, within).await.unwrap();
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(server.wait().unwrap().signal(), Some(9));
        fence.join().unwrap().unwrap();
    }
}
