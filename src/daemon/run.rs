//! The daemon from start to stop: reads the configuration, keeps the pairs, answers operators and
//! signals.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot, watch};

use super::clock;
use super::journal::{Event, Line};
use super::keep::{self, KeepError, Kept, Shared};
use super::log;
use super::signals::{Signal, Signals};
use super::systemd::Notify;
use crate::act::files;
use crate::act::instance::chain;
use crate::config::{self, EXIT_CONFIG, LogFormat, Settings, Sources};
use crate::control::desk::{AskedReload, Desk, Pairs};
use crate::control::socket::{Limits, Server};
use crate::model::finding::Severity;
use crate::net::address::Addresses;
use crate::net::nft::Nft;
use crate::store::lock::InstanceLock;

/// How long nft may take for one answer on the failover path before it is replaced.
const NFT_LIMIT: Duration = Duration::from_millis(500);

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
    /// nftables cannot be used.
    #[error(transparent)]
    Nft(#[from] crate::net::nft::NftError),
    /// Addresses cannot be managed.
    #[error(transparent)]
    Addresses(#[from] crate::net::address::AddressError),
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
    let _guard = match log::init(format, settings.log.level.name()) {
        Ok(guard) => guard,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "dualmasterd: {}", chain(&error));
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime
        .map_err(|source| RunError::System {
            attempted: "start the runtime",
            source,
        })
        .and_then(|runtime| runtime.block_on(daemon(sources, settings)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn daemon(sources: &Sources, settings: Settings) -> Result<(), RunError> {
    let mut signals = Signals::install()?;
    folder(&settings.daemon.state_dir)?;
    folder(&settings.daemon.run_dir)?;
    let _lock = InstanceLock::take(&settings.daemon.state_dir)?;
    let notify = Arc::new(Notify::from_env());
    let shared = Shared {
        state_dir: settings.daemon.state_dir.clone(),
        nft: nft(&settings).await?,
        addresses: addresses(&settings)?,
        notify: notify.clone(),
        statuses: Arc::default(),
        refused: watch::Sender::new(None),
    };
    let (pairs_tx, pairs_rx) = watch::channel(Pairs::new());
    let (reload_tx, mut reload) = mpsc::channel(4);
    let control = Server::bind(&settings.daemon.control).await?;
    let desk = Desk::new(pairs_rx, reload_tx, wall_ms);
    let (close, closed) = oneshot::channel::<()>();
    let serving = tokio::spawn(control.serve(desk, Limits::default(), async {
        let _ = closed.await;
    }));

    let mut daemon = Daemon {
        kept: BTreeMap::new(),
        shared,
        pairs: pairs_tx,
        settings,
    };
    daemon.keep_all()?;
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
        }
    }
    notify.stopping();
    let text = "stopping: servers and roles stay as they are";
    say(Event::DaemonStopping, Severity::Info, text);
    daemon.stop().await;
    let _ = close.send(());
    let _ = serving.await;
    Ok(())
}

/// The pairs that are kept, and what they were told.
struct Daemon {
    kept: BTreeMap<String, Kept>,
    shared: Shared,
    pairs: watch::Sender<Pairs>,
    settings: Settings,
}

impl Daemon {
    fn keep_all(&mut self) -> Result<(), KeepError> {
        for (name, pair) in &self.settings.pairs {
            self.kept
                .insert(name.clone(), keep::start(pair, &self.shared)?);
        }
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        let handles = self
            .kept
            .iter()
            .map(|(name, kept)| (name.clone(), kept.handle.clone()));
        self.pairs.send_replace(handles.collect());
    }

    /// Reads the configuration again. A bad one changes nothing, and is said to everybody.
    async fn reload(&mut self, sources: &Sources) -> Result<String, String> {
        let loaded = config::load(sources).map_err(|problems| problems.to_string());
        let result =
            match loaded.and_then(|settings| self.refuse_moves(&settings).map(|()| settings)) {
                Ok(settings) => self.follow(settings).await,
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
        self.shared.refused.send_replace(result.clone().err());
        result
    }

    /// What a member is cannot change under a running server.
    fn refuse_moves(&self, new: &Settings) -> Result<(), String> {
        if new.daemon != self.settings.daemon {
            return Err("[daemon] cannot change while it runs; restart dualmasterd".into());
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

    async fn follow(&mut self, new: Settings) -> Result<String, String> {
        // What may fail comes first, so that a refusal changes nothing.
        if self.shared.nft.is_none() {
            self.shared.nft = nft(&new).await.map_err(|error| chain(&error))?;
        }
        if self.shared.addresses.is_none() {
            self.shared.addresses = addresses(&new).map_err(|error| chain(&error))?;
        }
        let (mut begun, mut left) = (0, 0);
        let gone: Vec<String> = self
            .kept
            .keys()
            .filter(|name| !new.pairs.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            if let Some(kept) = self.kept.remove(&name) {
                kept.stop().await;
                left += 1;
            }
        }
        for (name, pair) in &new.pairs {
            if let Some(kept) = self.kept.get_mut(name) {
                kept.follow(pair);
            } else {
                let kept = keep::start(pair, &self.shared).map_err(|error| chain(&error))?;
                self.kept.insert(name.clone(), kept);
                begun += 1;
            }
        }
        self.settings = new;
        self.publish();
        Ok(format!(
            "{} pairs kept, {begun} new, {left} left alone",
            self.kept.len()
        ))
    }

    async fn stop(self) {
        for (_, kept) in self.kept {
            kept.stop().await;
        }
    }
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

/// One `nft` serves all pairs; none is started where nobody has an endpoint.
async fn nft(settings: &Settings) -> Result<Option<Arc<Nft>>, RunError> {
    if settings.pairs.values().all(|pair| pair.endpoint.is_none()) {
        return Ok(None);
    }
    Ok(Some(Arc::new(Nft::start(NFT_LIMIT).await?)))
}

fn addresses(settings: &Settings) -> Result<Option<Arc<Addresses>>, RunError> {
    let wanted = settings
        .pairs
        .values()
        .filter_map(|pair| pair.endpoint.as_ref());
    if wanted.filter(|endpoint| endpoint.address.is_some()).count() == 0 {
        return Ok(None);
    }
    Ok(Some(Arc::new(Addresses::start()?)))
}

fn wall_ms() -> u64 {
    let since = clock::wall()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
