//! Runs the operator's hooks: one program each, no shell, a clean environment, a time limit.
//!
//! A hook gets its facts twice: as environment variables (`DM_*`, and the `ORC_*` names that hooks
//! written for orchestrator read) and as one JSON object on its standard input. Its first output bytes
//! go to the log. Dropping the future of [`run`] kills the hook with its whole process group.

mod context;
mod hooks;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub use context::{HookContext, HookMember};
pub use hooks::Hooks;

/// As much of a hook's output is kept.
const OUTPUT_KEPT: usize = 4096;

/// A child that the hook left behind may hold its output open: it is waited for no longer than this.
const LAST_OUTPUT: Duration = Duration::from_millis(100);

/// The only variable besides the hook's own.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a hook failed.
#[derive(Debug, Error)]
pub enum HookError {
    /// Its path says nothing without a working directory.
    #[error("hook {}: not an absolute path", .0.display())]
    NotAbsolute(PathBuf),
    /// It cannot be looked at.
    #[error("hook {}: looking at it", path.display())]
    Look {
        /// The hook.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no regular file with an execute bit.
    #[error("hook {}: not an executable file", .0.display())]
    NotExecutable(PathBuf),
    /// Everybody may write it, or replace it in its folder.
    #[error("hook {}: everybody may change {}: `chmod o-w` it", hook.display(), writable.display())]
    WorldWritable {
        /// The hook.
        hook: PathBuf,
        /// What everybody may change.
        writable: PathBuf,
    },
    /// It could not be started.
    #[error("hook {}: starting it", path.display())]
    Start {
        /// The hook.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ran too long and was killed with its children.
    #[error("hook {}: killed after {limit:?}", path.display())]
    TimedOut {
        /// The hook.
        path: PathBuf,
        /// Its limit.
        limit: Duration,
    },
    /// It failed.
    #[error("hook {}: {}{}", path.display(), ending(*status), last_line(output))]
    Failed {
        /// The hook.
        path: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The first bytes of its output.
        output: String,
    },
}

/// Runs the hooks of one event, one after the other, each within `limit`. Each one's output is logged.
/// With `gating`, the first failure ends it; otherwise every hook gets its turn and the first failure is
/// returned at the end.
///
/// # Errors
/// [`HookError`] of the first hook that failed.
pub async fn run_all(
    hooks: &[PathBuf],
    context: &HookContext,
    limit: Duration,
    gating: bool,
) -> Result<(), HookError> {
    let mut result = Ok(());
    for hook in hooks {
        match run(hook, context, limit).await {
            Ok(output) => tracing::info!(
                dualmaster_pair = context.pair,
                dualmaster_op_id = context.op.map(|op| op.0),
                hook = %hook.display(),
                output,
                "a hook of {} succeeded",
                context.event.name()
            ),
            Err(error) if gating => return Err(error),
            Err(error) => {
                tracing::warn!(
                    dualmaster_pair = context.pair,
                    dualmaster_op_id = context.op.map(|op| op.0),
                    %error,
                    "a hook of {} failed",
                    context.event.name()
                );
                result = result.and(Err(error));
            }
        }
    }
    result
}

/// Runs one hook; returns the first bytes of its output.
///
/// # Errors
/// [`HookError`]: it may not be run, could not be started, failed, or took longer than `limit`.
pub async fn run(path: &Path, context: &HookContext, limit: Duration) -> Result<String, HookError> {
    let ended = timeout(limit, attempt(path, context)).await;
    let (status, output) = ended.map_err(|_| HookError::TimedOut {
        path: path.to_owned(),
        limit,
    })??;
    match status.success() {
        true => Ok(output),
        false => Err(HookError::Failed {
            path: path.to_owned(),
            status,
            output,
        }),
    }
}

async fn attempt(path: &Path, context: &HookContext) -> Result<(ExitStatus, String), HookError> {
    let failed = |source| HookError::Start {
        path: path.to_owned(),
        source,
    };
    let (hook, environment) = (path.to_owned(), context.variables());
    // In a thread of its own: the hook may lie on a disk that hangs.
    let started = spawn_blocking(move || start(&hook, environment)).await;
    let (mut child, mut group) = started.map_err(|lost| failed(io::Error::other(lost)))??;
    let ended = attend(&mut child, context.json()).await.map_err(failed)?;
    group.spare();
    Ok(ended)
}

/// Starts what was checked, and not what a link may name a moment later.
fn start(
    path: &Path,
    environment: Vec<(&'static str, String)>,
) -> Result<(Child, Group), HookError> {
    let real = check(path)?;
    let child = Command::new(real)
        .arg0(path)
        .env_clear()
        .env("PATH", PATH)
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| HookError::Start {
            path: path.to_owned(),
            source,
        })?;
    let group = Group::of(&child);
    Ok((child, group))
}

/// Refuses what is not safe to run. Returns the file itself, without links.
fn check(path: &Path) -> Result<PathBuf, HookError> {
    if !path.is_absolute() {
        return Err(HookError::NotAbsolute(path.to_owned()));
    }
    let look = |at: &Path| {
        std::fs::metadata(at).map_err(|source| HookError::Look {
            path: path.to_owned(),
            source,
        })
    };
    let real = path.canonicalize().map_err(|source| HookError::Look {
        path: path.to_owned(),
        source,
    })?;
    let file = look(&real)?;
    if !file.is_file() || file.permissions().mode() & 0o111 == 0 {
        return Err(HookError::NotExecutable(path.to_owned()));
    }
    let writable = |writable: &Path| HookError::WorldWritable {
        hook: path.to_owned(),
        writable: writable.to_owned(),
    };
    if file.permissions().mode() & 0o002 != 0 {
        return Err(writable(&real));
    }
    if let Some(folder) = real.parent() {
        let mode = look(folder)?.permissions().mode();
        let (everybody, sticky) = (mode & 0o002 != 0, mode & 0o1000 != 0);
        if everybody && !sticky {
            return Err(writable(folder));
        }
    }
    Ok(real)
}

/// Feeds the hook, reads what it says and waits for its end.
async fn attend(child: &mut Child, input: String) -> io::Result<(ExitStatus, String)> {
    let stdin = child.stdin.take();
    let mut said = Said::default();
    let mut out = child.stdout.take();
    let mut err = child.stderr.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A hook need not read: a closed pipe is no error.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        std::future::pending::<()>().await;
    };
    let status = {
        let read = said.listen(&mut out, &mut err);
        tokio::pin!(feed, read);
        let mut silent = false;
        let status = loop {
            tokio::select! {
                () = &mut feed => {}
                () = &mut read, if !silent => silent = true,
                status = child.wait() => break status?,
            }
        };
        if !silent {
            let _ = timeout(LAST_OUTPUT, &mut read).await;
        }
        status
    };
    Ok((status, String::from_utf8_lossy(&said.kept).into_owned()))
}

/// The first bytes of both outputs, in the order in which they came.
#[derive(Default)]
struct Said {
    kept: Vec<u8>,
}

impl Said {
    /// Reads both to their ends, so that the hook never waits for a reader.
    async fn listen(
        &mut self,
        out: &mut Option<impl AsyncRead + Unpin>,
        err: &mut Option<impl AsyncRead + Unpin>,
    ) {
        let (mut from_out, mut from_err) = ([0; 1024], [0; 1024]);
        while out.is_some() || err.is_some() {
            tokio::select! {
                read = read(out, &mut from_out), if out.is_some() => match read {
                    Some(bytes) => self.keep(bytes),
                    None => *out = None,
                },
                read = read(err, &mut from_err), if err.is_some() => match read {
                    Some(bytes) => self.keep(bytes),
                    None => *err = None,
                },
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = OUTPUT_KEPT.saturating_sub(self.kept.len());
        self.kept
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

/// The next bytes, or `None` at the end.
async fn read<'b>(
    from: &mut Option<impl AsyncRead + Unpin>,
    buffer: &'b mut [u8],
) -> Option<&'b [u8]> {
    let length = from.as_mut()?.read(buffer).await.ok()?;
    buffer.get(..length).filter(|bytes| !bytes.is_empty())
}

/// The hook's process group: killed when dropped, unless the hook has ended by itself.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.map(Pid::from_raw))
    }

    /// It has ended; its number may soon be another's.
    fn spare(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

fn last_line(output: &str) -> String {
    match output.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", line.trim()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
