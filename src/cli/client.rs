//! The client's end of the control socket.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::exit::Exit;
use crate::control::commands::{Answer, Command, Frame, PROTOCOL};

/// The daemon answers within this time, or its own limits are broken.
const PATIENCE: Duration = Duration::from_secs(45);

/// No answer is longer than this, in bytes.
const LONGEST: u64 = 64 << 20;

/// Why there was no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody is at the socket.
    #[error("connecting to the daemon at {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The connection broke, or the daemon did not answer in time.
    #[error("asking the daemon")]
    Ask(#[source] std::io::Error),
    /// The answer is none.
    #[error("the daemon's answer makes no sense: it may be of another version")]
    Answer(#[source] serde_json::Error),
}

impl ClientError {
    /// The exit code that says the same.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Connect { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                Exit::Denied
            }
            Self::Connect { .. } | Self::Ask(_) => Exit::Unreachable,
            Self::Answer(_) => Exit::Failed,
        }
    }
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).map_err(|source| ClientError::Connect {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Asks and waits for the answer; for a [`Command::Watch`] as long as it says.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask(&mut self, command: Command) -> Result<Answer, ClientError> {
        let mut patience = PATIENCE;
        if let Command::Watch { timeout_ms, .. } = command {
            patience += Duration::from_millis(timeout_ms);
        }
        let frame = Frame {
            version: PROTOCOL,
            command,
        };
        let mut line = serde_json::to_vec(&frame).map_err(ClientError::Answer)?;
        line.push(b'\n');
        let stream = self.stream.get_mut();
        let asked = stream
            .set_read_timeout(Some(patience))
            .and_then(|()| stream.write_all(&line));
        // A daemon that turned us away has closed, but said why before.
        let mut answer = Vec::new();
        let read = self
            .stream
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut answer);
        if answer.is_empty() {
            asked.and(read).map_err(ClientError::Ask)?;
            return Err(ClientError::Ask(ErrorKind::UnexpectedEof.into()));
        }
        serde_json::from_slice(&answer).map_err(ClientError::Answer)
    }
}
