//! The socket file and its connections.

use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::access::{self, Peer};
use super::commands::{Answer, Command, Failure, Frame, PROTOCOL};
use super::desk::{Desk, Fault};
use super::frame::{FrameError, read_line, write_line};

/// What clients may use up.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Of these, for others than root and the daemon's user, so that they cannot lock these out.
    pub others: usize,
    /// Bytes of a request.
    pub request: usize,
    /// A connection without a complete request for this long is closed.
    pub idle: Duration,
    /// A client that does not read its answer for this long is closed.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            others: 48,
            request: 64 * 1024,
            idle: Duration::from_secs(10),
            write: Duration::from_secs(5),
        }
    }
}

/// Why the socket could not be opened.
#[derive(Debug, Error)]
pub enum BindError {
    /// A daemon answers there.
    #[error("another daemon answers at {}", .0.display())]
    InUse(PathBuf),
    /// Something else lies at its path.
    #[error("{} is not a socket and is left alone", .0.display())]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("{doing} {}", path.display())]
    System {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// How often the socket's file is looked for.
const LOOKED_FOR: Duration = Duration::from_secs(5);

/// The open socket. Its file is removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Server {
    /// Opens the socket, mode 0660, of the group [`access::GROUP`] where the host has it. A socket
    /// file that nobody answers at is replaced.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(path: &Path) -> Result<Self, BindError> {
        let system = |doing, path: &Path, source| BindError::System {
            doing,
            path: path.to_owned(),
            source,
        };
        refuse_living(path).await?;
        // Under another name first: at its own it is never seen with other rights than its own.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        match std::fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(system("removing", &fresh, e));
            }
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&fresh).map_err(|e| system("binding", &fresh, e))?;
        if let Some(group) = access::group().filter(|group| *group != nix::unistd::getegid())
            && let Err(e) = nix::unistd::chown(&fresh, None, Some(group))
        {
            tracing::warn!(error = %e, "the control socket stays in the daemon's own group");
        }
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o660))
            .map_err(|e| system("setting the mode of", &fresh, e))?;
        let inode = std::fs::symlink_metadata(&fresh)
            .map_err(|e| system("looking at", &fresh, e))?
            .ino();
        std::fs::rename(&fresh, path).map_err(|e| system("renaming to", path, e))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            inode,
        })
    }

    /// Makes the file again where it is gone, with its folder: what cleans up temporary files, or a hand,
    /// must not lock the operator out.
    async fn remake(&mut self) {
        let missing = std::fs::symlink_metadata(&self.path)
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if !missing {
            return;
        }
        if let Some(folder) = self.path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o711).create(folder);
            if let Err(error) = made {
                tracing::warn!(%error, "making the folder of the control socket again");
            }
        }
        match Self::bind(&self.path).await {
            Ok(server) => {
                tracing::warn!(path = %self.path.display(), "the control socket was gone and is made again");
                *self = server;
            }
            Err(error) => tracing::warn!(%error, "making the control socket again"),
        }
    }

    /// Serves until `stop` is ready. Connections end with it.
    pub async fn serve(mut self, desk: Desk, limits: Limits, stop: impl Future<Output = ()>) {
        let doors = Doors {
            all: Arc::new(Semaphore::new(limits.connections)),
            others: Arc::new(Semaphore::new(limits.others)),
        };
        let mut tasks = tokio::task::JoinSet::new();
        let mut looks = interval(LOOKED_FOR);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                Some(_) = tasks.join_next() => {}
                _ = looks.tick() => self.remake().await,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => match doors.enter(&stream) {
                        Some((peer, permits)) => {
                            let connection = Connection::new(stream, peer, desk.clone(), limits.clone());
                            tasks.spawn(async move {
                                connection.run().await;
                                drop(permits);
                            });
                        }
                        None => turn_away(&stream),
                    },
                    // Out of file descriptors, most likely: without a pause this would spin.
                    Err(e) => {
                        tracing::warn!(error = %e, "accepting a control connection");
                        sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|m| m.ino() == self.inode);
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Fails where a daemon answers at `path` or where it is no socket.
async fn refuse_living(path: &Path) -> Result<(), BindError> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(BindError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
        Err(_) => return Ok(()),
    }
    // A full backlog (EAGAIN) or a connect that hangs is a daemon, if a sick one.
    match timeout(Duration::from_secs(1), UnixStream::connect(path)).await {
        Ok(Err(e))
            if matches!(
                e.kind(),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
            ) =>
        {
            Ok(())
        }
        Ok(Ok(_) | Err(_)) | Err(_) => Err(BindError::InUse(path.to_owned())),
    }
}

/// Bounds on connections.
struct Doors {
    all: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Doors {
    /// Lets a client in, or not.
    fn enter(&self, stream: &UnixStream) -> Option<(Peer, Vec<OwnedSemaphorePermit>)> {
        let peer = Peer::from(stream.peer_cred().ok()?);
        let mut permits = vec![Arc::clone(&self.all).try_acquire_owned().ok()?];
        if !peer.owns_daemon() {
            permits.push(Arc::clone(&self.others).try_acquire_owned().ok()?);
        }
        Some((peer, permits))
    }
}

/// Says why, as far as that goes without waiting.
fn turn_away(stream: &UnixStream) {
    let mut line = encode(&Answer::Failed {
        code: Failure::Unavailable,
        text: "too many connections to the control socket".to_owned(),
    });
    line.push(b'\n');
    let _ = stream.try_write(&line);
}

/// One client.
struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    peer: Peer,
    desk: Desk,
    limits: Limits,
}

impl Connection {
    fn new(stream: UnixStream, peer: Peer, desk: Desk, limits: Limits) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            peer,
            desk,
            limits,
        }
    }

    /// Answers requests until the client leaves or errs beyond repair.
    async fn run(mut self) {
        loop {
            let read = read_line(&mut self.reader, self.limits.request, self.limits.idle).await;
            let (answer, over) = match read {
                Ok(None) | Err(FrameError::Read(_)) => return,
                Ok(Some(line)) => match parse(&line) {
                    Ok(command) => match self.answer(command).await {
                        Some(answer) => (answer, false),
                        None => return,
                    },
                    Err(fault) => (fault.into(), false),
                },
                Err(error) => (malformed(error.to_string()).into(), true),
            };
            let written = write_line(&mut self.writer, encode(&answer), self.limits.write).await;
            if written.is_err() || over {
                return;
            }
        }
    }

    /// The answer, or `None` where the client of a [`Command::Watch`] hung up meanwhile. What is asked
    /// for otherwise is carried out and answered even where the client has closed its sending side.
    async fn answer(&mut self, command: Command) -> Option<Answer> {
        let waits = matches!(command, Command::Watch { .. });
        let answer = self.desk.answer(self.peer, command);
        tokio::pin!(answer);
        if waits {
            tokio::select! {
                biased;
                answer = &mut answer => return Some(answer),
                _ = self.reader.fill_buf() => if self.reader.buffer().is_empty() {
                    return None;
                },
            }
            // The next request is there already: this client waits for its answers in order.
        }
        Some(answer.await)
    }
}

/// The command on a line, or the answer that says what is wrong with it.
fn parse(line: &[u8]) -> Result<Command, Fault> {
    /// The one field that every version of the protocol has.
    #[derive(serde::Deserialize)]
    struct AnyFrame {
        version: u32,
    }
    match serde_json::from_slice::<AnyFrame>(line) {
        Ok(frame) if frame.version != PROTOCOL => Err(Fault {
            code: Failure::Version,
            text: format!(
                "the daemon speaks protocol {PROTOCOL}, the client {}: use the dualmasterctl of the \
                 daemon's own package",
                frame.version
            ),
        }),
        Ok(_) | Err(_) => serde_json::from_slice::<Frame>(line)
            .map(|frame| frame.command)
            .map_err(|error| malformed(format!("not a request: {error}"))),
    }
}

fn malformed(text: String) -> Fault {
    Fault {
        code: Failure::Malformed,
        text,
    }
}

/// An answer as JSON, without its newline.
fn encode(answer: &Answer) -> Vec<u8> {
    // Plain data with string keys: this cannot fail; were it to, the client reads why.
    serde_json::to_vec(answer).unwrap_or_else(|error| {
        let text = serde_json::Value::from(format!("encoding the answer: {error}"));
        format!(r#"{{"failed":{{"code":"unavailable","text":{text}}}}}"#).into_bytes()
    })
}
