//! The daemon from start to stop: reads the configuration, keeps the pairs, answers operators and
//! signals.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

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
use crate::net::address::Addresses;
use crate::net::nft::Nft;
use crate::runtime::dump;
use crate::store::lock::InstanceLock;

/// How long nft may take for one answer on the failover path before it is replaced.
const NFT_LIMIT: Duration = Duration::from_millis(500);

/// How long a pair that could not be kept is left alone.
const TRIED_AGAIN: Duration = Duration::from_secs(30);

/// Reading the configuration takes milliseconds; past this its disk hangs.
const READ_WITHIN: Duration = Duration::from_secs(10);

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

    /// Reads the configuration again. A bad one changes nothing, and is said to everybody.
    async fn reload(&mut self, sources: &Sources) -> Result<String, String> {
        let loaded = read_again(sources.clone()).await;
        let result =
            match loaded.and_then(|settings| self.refuse_moves(&settings).map(|()| settings)) {
                Ok(settings) => Ok(self.follow(settings).await),
                Err(why) => Err(why),
            };
        match &result {
            Ok(text) => say(
                Event::ConfigReloaded,
                Severity::Info,
                format!("configuration reloaded: {text}"),
            ),
            Err(why) => say(
                Event::ConfigRejected,
                Severity::Error,
                format!("the new configuration is bad, the old one stays in force:\n{why}"),
            ),
        }
        self.loaded.send_modify(|loaded| {
            loaded.refused = result.is_err();
            if result.is_ok() {
                loaded.at_ms = clock::wall_ms();
                loaded.digest.clone_from(&self.settings.digest);
            }
        });
        self.shared.refused.send_replace(result.clone().err());
        result
    }

    /// What a member is cannot change under a running server.
    fn refuse_moves(&self, new: &Settings) -> Result<(), String> {
        if new.daemon != self.settings.daemon {
            return Err("[daemon] cannot change while it runs; restart dualmasterd".into());
        }
        if new.log.format != self.settings.log.format {
            return Err("[log] format cannot change while it runs; restart dualmasterd".into());
        }
        if new.http != self.settings.http {
            return Err("[http] cannot change while it runs; restart dualmasterd".into());
        }
        for (name, kept) in &self.kept {
            let Some(pair) = new.pairs.get(name) else {
                continue;
            };
            if let Some(what) = kept.differs(pair) {
                return Err(format!(
                    "pair `{name}`: {what} cannot change while it is kept; restart dualmasterd"
                ));
            }
        }
        Ok(())
    }

    /// Goes over to a configuration that was found good.
    async fn follow(&mut self, new: Settings) -> String {
        if new.log.level != self.settings.log.level
            && let Err(error) = self.log.set_level(new.log.level.name())
        {
            tracing::error!("the log level stays as it was: {}", chain(&error));
        }
        self.settings = new;
        self.unkept.clear();
        for (name, kept) in &mut self.kept {
            if let Some(pair) = self.settings.pairs.get(name) {
                kept.follow(pair);
            }
        }
        let before = self.kept.len();
        self.keep_all().await;
        let begun = self.kept.len() - before;
        let wanted = |name: &String| self.settings.pairs.contains_key(name);
        let (stay, gone) = std::mem::take(&mut self.kept)
            .into_iter()
            .partition(|(name, _)| wanted(name));
        self.kept = stay;
        self.publish();
        let left = gone.len();
        stop_all(gone).await;
        let mut text = format!(
            "{} pairs kept, {begun} new, {left} left alone",
            self.kept.len()
        );
        for (name, why) in &self.unkept {
            text.push_str(&format!("; pair `{name}` is not kept: {}", chain(why)));
        }
        text
    }
}

/// Reads the configuration in a thread of its own: its files, and those it names, may lie on a disk that
/// hangs, and the pairs go on meanwhile.
async fn read_again(sources: Sources) -> Result<Settings, String> {
    let read = spawn_blocking(move || config::load(&sources));
    match timeout(READ_WITHIN, read).await {
        Ok(Ok(loaded)) => loaded.map_err(|problems| problems.to_string()),
        Ok(Err(lost)) => Err(format!("reading it ended without an answer: {lost}")),
        Err(_) => Err(format!("it could not be read within {READ_WITHIN:?}")),
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

impl Shared {
    /// Starts what a pair of these settings needs and none needed before: one `nft` serves all pairs, and
    /// none is started where nobody has an endpoint. A pair that has to do without says so itself.
    async fn tools(&mut self, settings: &Settings) {
        let endpoints = || {
            let pairs = settings.pairs.values();
            pairs.filter_map(|pair| pair.endpoint.as_ref())
        };
        if self.nft.is_none() && endpoints().next().is_some() {
            match Nft::start(NFT_LIMIT).await {
                Ok(nft) => self.nft = Some(Arc::new(nft)),
                Err(error) => tracing::error!("nftables cannot be used: {}", chain(&error)),
            }
        }
        let wants_address = endpoints().any(|endpoint| endpoint.address.is_some());
        if self.addresses.is_none() && wants_address {
            match Addresses::start() {
                Ok(addresses) => self.addresses = Some(Arc::new(addresses)),
                Err(error) => tracing::error!("addresses cannot be managed: {}", chain(&error)),
            }
        }
    }
}

fn boot_ms() -> u64 {
    clock::now().as_nanos() / 1_000_000
}

#[cfg(test)]
mod tests;
