//! The daemon from start to stop: reads the configuration, keeps the pairs, answers operators and
//! signals.

mod reload;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::clock;
use super::journal::{Event, Line};
use super::keep::{self, KeepError, Kept, Shared};
use super::log::{self, LogGuard};
use super::signals::{Signal, Signals};
use super::systemd::Notify;
use crate::config::{self, EXIT_CONFIG, LogFormat, Settings, Sources};
use crate::control::desk::{AskedReload, Desk, Pairs};
use crate::control::http::{Door, Loaded};
use crate::control::socket::{Limits, Server};
use crate::files;
use crate::model::causes::chain;
use crate::model::finding::Severity;
use crate::runtime::dump;
use crate::store::lock::InstanceLock;

/// How long a pair that could not be kept is left alone.
const TRIED_AGAIN: Duration = Duration::from_secs(30);

/// Why the daemon ended or could not start.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// Another daemon keeps this state directory, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] crate::store::lock::LockError),
    /// A folder cannot be made.
    #[error("cannot make the folder {folder}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The control socket cannot be opened.
    #[error(transparent)]
    Control(#[from] crate::control::socket::BindError),
    /// Signals cannot be handled.
    #[error(transparent)]
    Signals(#[from] super::signals::SignalError),
    /// A pair cannot be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The system refused something that every daemon needs.
    #[error("cannot {attempted}")]
    System {
        /// What was tried.
        attempted: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs the daemon until it is told to stop. `format` of the command line beats the file's.
pub fn run(sources: &Sources, format: Option<LogFormat>) -> ExitCode {
    let settings = match config::load(sources) {
        Ok(settings) => settings,
        Err(problems) => {
            let _ = writeln!(std::io::stderr(), "{problems}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let format = format.unwrap_or(settings.log.format);
    let log = match log::init(format, settings.log.level.name()) {
        Ok(log) => log,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "dualmasterd: {}", chain(&error));
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = dump::forbid() {
        tracing::warn!(%error, "a crash of the daemon may leave its memory in a file");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime
        .map_err(|source| RunError::System {
            attempted: "start the runtime",
            source,
        })
        .and_then(|runtime| {
            let ended = runtime.block_on(daemon(sources, settings, &log));
            // What a disk still holds up is no reason to stay.
            runtime.shutdown_background();
            ended
        });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn daemon(sources: &Sources, settings: Settings, log: &LogGuard) -> Result<(), RunError> {
    let mut signals = Signals::install()?;
    folder(&settings.daemon.state_dir)?;
    folder(&settings.daemon.run_dir)?;
    let _lock = InstanceLock::take(&settings.daemon.state_dir)?;
    let notify = Arc::new(Notify::from_env());
    let shared = Shared {
        state_dir: settings.daemon.state_dir.clone(),
        run_dir: settings.daemon.run_dir.clone(),
        nft: None,
        addresses: None,
        systemd: Arc::default(),
        notify: notify.clone(),
        statuses: Arc::default(),
        refused: watch::Sender::new(None),
    };
    let (pairs_tx, pairs_rx) = watch::channel(Pairs::new());
    let (reload_tx, mut reload) = mpsc::channel(4);
    let control = Server::bind(&settings.daemon.control).await?;
    let (loaded_tx, loaded_rx) = watch::channel(Loaded {
        at_ms: clock::wall_ms(),
        refused: false,
        digest: settings.digest.clone(),
    });
    let door = Door {
        pairs: pairs_rx.clone(),
        loaded: loaded_rx,
        boot_ms,
        wall_ms: clock::wall_ms,
    };
    let http = settings.http.listen;
    let http = http.map(|listen| tokio::spawn(door.serve(listen, std::future::pending())));
    let desk = Desk::new(pairs_rx, reload_tx, clock::wall_ms);
    let (close, closed) = oneshot::channel::<()>();
    let serving = tokio::spawn(control.serve(desk, Limits::default(), async {
        let _ = closed.await;
    }));

    let mut daemon = Daemon {
        kept: BTreeMap::new(),
        unkept: BTreeMap::new(),
        shared,
        pairs: pairs_tx,
        loaded: loaded_tx,
        settings,
        log,
    };
    daemon.begin().await?;
    notify.ready();
    say(
        Event::DaemonReady,
        Severity::Info,
        format!("ready, {} pairs", daemon.kept.len()),
    );
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => break,
                Signal::Reload => {
                    notify.reloading();
                    let _ = daemon.reload(sources).await;
                    notify.ready();
                }
            },
            Some(AskedReload { reply }) = reload.recv() => {
                notify.reloading();
                let _ = reply.send(daemon.reload(sources).await);
                notify.ready();
            }
            () = sleep(TRIED_AGAIN), if !daemon.unkept.is_empty() => {
                daemon.keep_all().await;
                daemon.publish();
            }
        }
    }
    notify.stopping();
    let text = "stopping: servers and roles stay as they are";
    say(Event::DaemonStopping, Severity::Info, text);
    stop_all(daemon.kept).await;
    if let Some(http) = http {
        http.abort();
    }
    let _ = close.send(());
    let _ = serving.await;
    Ok(())
}

/// The pairs that are kept, and what they were told.
struct Daemon<'l> {
    kept: BTreeMap<String, Kept>,
    /// Pairs that cannot be kept, and why. They are tried again.
    unkept: BTreeMap<String, KeepError>,
    shared: Shared,
    pairs: watch::Sender<Pairs>,
    loaded: watch::Sender<Loaded>,
    settings: Settings,
    log: &'l LogGuard,
}

impl Daemon<'_> {
    /// Keeps what can be kept; a daemon that could keep nothing is none.
    async fn begin(&mut self) -> Result<(), RunError> {
        self.keep_all().await;
        self.publish();
        match self.unkept.pop_first() {
            Some((_, error)) if self.kept.is_empty() => Err(error.into()),
            Some((name, error)) => {
                self.unkept.insert(name, error);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Begins to keep each pair that is not kept. One that cannot be keeps none of the others from it.
    async fn keep_all(&mut self) {
        self.shared.tools(&self.settings).await;
        for (name, pair) in &self.settings.pairs {
            if self.kept.contains_key(name) {
                continue;
            }
            match keep::start(pair, &self.shared).await {
                Ok(kept) => {
                    self.unkept.remove(name);
                    self.kept.insert(name.clone(), kept);
                }
                Err(error) => {
                    let why = chain(&error);
                    let before = self.unkept.insert(name.clone(), error);
                    if before.is_none_or(|before| chain(&before) != why) {
                        tracing::error!(pair = name, "this pair is not kept: {why}");
                    }
                }
            }
        }
    }

    fn publish(&self) {
        let kept = self
            .kept
            .iter()
            .map(|(name, kept)| (name.clone(), kept.handle.clone()));
        let unkept = self.unkept.iter().filter_map(|(name, why)| {
            let settings = self.settings.pairs.get(name)?;
            Some((name.clone(), keep::unkept(settings, &chain(why))))
        });
        self.pairs.send_replace(kept.chain(unkept).collect());
    }
}

/// Stops keeping these pairs, all at once.
async fn stop_all(pairs: BTreeMap<String, Kept>) {
    let mut stopping = JoinSet::new();
    for kept in pairs.into_values() {
        stopping.spawn(kept.stop());
    }
    while stopping.join_next().await.is_some() {}
}

fn folder(path: &std::path::Path) -> Result<(), RunError> {
    files::folder(path, 0o711, None).map_err(|source| RunError::Folder {
        folder: path.to_owned(),
        source,
    })
}

fn say(event: Event, severity: Severity, text: impl Into<String>) {
    Line::of_daemon(event, severity, text).emit();
}

fn boot_ms() -> u64 {
    clock::now().as_nanos() / 1_000_000
}

#[cfg(test)]
mod tests;
