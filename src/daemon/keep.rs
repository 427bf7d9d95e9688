//! Puts one pair together: its hands, its observers, its loop.

mod endpoint;
mod hands;
mod unkept;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use super::clock;
use super::identity::mismatch;
use super::pair::{self, Inbox, Pair, PairError, Pokes};
use super::sessions::answer_sessions;
use super::tell::Teller;
use super::watchers::{ObservedMember, observe_member};
use crate::act::accounts::App;
use crate::act::instance::{InstanceHands, Rendered};
use crate::act::{Actor, Hands, ServerHandle};
use crate::config::PairSettings;
use crate::control::desk::PairHandle;
use crate::control::http::Turned;
use crate::control::meters::Meters;
use crate::decide::Watch;
use crate::decide::render::{arguments, render};
use crate::model::action::Step;
use crate::model::causes::chain;
use crate::model::member::{Both, Side};
use crate::model::memory::Durable;
use crate::model::policy::Policy;
use crate::mysql::ServerTarget;
use crate::net::address::Addresses;
use crate::net::claim::ClaimError;
use crate::net::nft::Nft;
use crate::runtime::process::Spawned;
use crate::runtime::systemd::bus::Systemd;
use crate::store::ledger::{Ledger, LedgerWriter};
use crate::store::slots::Slots;

use self::endpoint::lead;
use self::hands::{app_of, hooks, passwords, server_targets};
pub(super) use self::unkept::unkept;
use self::unkept::unseen;

/// What all pairs share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) state_dir: PathBuf,
    pub(super) run_dir: PathBuf,
    pub(super) nft: Option<Arc<Nft>>,
    pub(super) addresses: Option<Arc<Addresses>>,
    pub(super) systemd: Arc<Systemd>,
    pub(super) notify: Arc<super::systemd::Notify>,
    pub(super) statuses: super::tell::Statuses,
    /// Why the newest configuration is not in force.
    pub(super) refused: watch::Sender<Option<String>>,
}

impl Shared {
    /// Nothing is told of this pair any more.
    fn forget(&self, pair: &str) {
        self.notify.forget(pair);
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.remove(pair);
    }
}

/// A pair that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) handle: PairHandle,
    pub(super) settings: PairSettings,
    policy: watch::Sender<Policy>,
    stop: watch::Sender<bool>,
    actor: Actor,
    running: JoinHandle<()>,
    beside: Beside,
    shared: Shared,
}

/// Tasks beside a pair's loop: they end with it, also with one that could not begin.
#[derive(Debug, Default)]
struct Beside(Vec<JoinHandle<()>>);

impl Drop for Beside {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// What a pair begins with, from its files.
struct Ground {
    targets: Both<Arc<ServerTarget>>,
    slots: Slots,
    durable: Durable,
    app: Option<App>,
    ledger: Option<LedgerWriter<Step>>,
}

/// Why a pair cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    /// Its state or the system.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// Its state is about other servers than the configuration.
    #[error("pair `{pair}`: {what}")]
    OtherMembers {
        /// The pair.
        pair: String,
        /// What differs, and what to do.
        what: String,
    },
    /// Its passwords.
    #[error("the passwords of pair `{pair}`")]
    Secrets {
        /// The pair.
        pair: String,
        /// Why.
        source: crate::mysql::secrets::SecretsError,
    },
    /// A folder of its own.
    #[error("cannot make the folder {folder}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its endpoint needs nftables.
    #[error("pair `{pair}` has an endpoint, and nftables cannot be used")]
    Nft {
        /// The pair.
        pair: String,
    },
    /// Somebody else leads an endpoint of its name.
    #[error("pair `{pair}` has an endpoint, and {source}")]
    Claim {
        /// The pair.
        pair: String,
        /// Why.
        source: ClaimError,
    },
    /// Its endpoint has an address of its own.
    #[error("pair `{pair}` has an address, and the host's addresses cannot be managed")]
    Addresses {
        /// The pair.
        pair: String,
    },
}

/// Begins to keep a pair.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn start(settings: &PairSettings, shared: &Shared) -> Result<Kept, KeepError> {
    let pair = settings.policy.pair.clone();
    let Ground {
        targets,
        slots,
        durable,
        app,
        ledger,
    } = ground(settings, shared).await?;

    let (seen, seen_rx) = mpsc::unbounded_channel();
    let (ended, ended_rx) = mpsc::unbounded_channel();
    let (requests, asked) = mpsc::channel(16);
    let (sessions, asked_sessions) = mpsc::channel(4);
    let (policy, policy_rx) = watch::channel(settings.policy.clone());
    let (stop, stop_rx) = watch::channel(false);
    let (watch_tx, watch_rx) = watch::channel(Watch::default());
    let pokes = Pokes::default();
    let meters = Arc::new(Meters::default());

    let mut beside = Beside::default();
    // First what may be refused: nobody looks at the servers of a pair that is not kept.
    let endpoint = match &settings.endpoint {
        Some(endpoint) => {
            let (hands, observer) =
                lead(settings, endpoint, shared, &targets, &pokes, &meters, &seen)?;
            beside.0.push(observer);
            Some(hands)
        }
        None => None,
    };
    let started = Both::from_fn(|_| mpsc::unbounded_channel::<Spawned>());
    let instances = Both::from_fn(|side| {
        let member = &settings.members[side];
        InstanceHands::new(
            settings,
            member,
            Rendered {
                file: render(&member.server),
                arguments: arguments(&member.server),
            },
            started[side].0.clone(),
            &shared.systemd,
        )
    });
    let mut received = started.map(|_, (_, receiver)| Some(receiver));
    for side in Side::BOTH {
        let Some(started) = received[side].take() else {
            continue;
        };
        let observed = ObservedMember {
            settings: &settings.members[side],
            pair: settings,
            systemd: shared.systemd.clone(),
            target: targets[side].clone(),
            last_life: durable.lives[side].clone(),
            poke: pokes.members[side].look.clone(),
            poke_instance: pokes.members[side].instance.clone(),
        };
        let observers = observe_member(observed, started, &watch_rx, &seen);
        beside.0.extend(observers);
    }
    let hands = Hands {
        family: settings.policy.family,
        policy: policy_rx.clone(),
        instances,
        servers: targets.map(|_, target| ServerHandle::new(target)),
        endpoint,
        app,
        hooks: hooks(settings),
    };
    let actor = Actor::new(hands, clock::now, ended);
    beside.0.push(tokio::spawn(answer_sessions(
        actor.clone(),
        settings.policy.clone(),
        asked_sessions,
    )));

    let (report, report_rx) = watch::channel(Arc::new(unseen(&settings.policy, &durable)));
    let turned = Turned::default();
    let teller = Teller::new(
        pair.clone(),
        ledger,
        report,
        turned.clone(),
        meters.clone(),
        shared,
    );
    let loop_of = Pair::new(
        settings.policy.clone(),
        slots,
        durable,
        actor.clone(),
        watch_tx,
        pokes,
        teller,
    )?;
    let inbox = Inbox {
        seen: seen_rx,
        ended: ended_rx,
        asked,
        policy: policy_rx,
        stop: stop_rx,
        refused: shared.refused.subscribe(),
    };
    let handle = PairHandle {
        members: Both::from_fn(|side| settings.members[side].name.clone()),
        requests,
        sessions,
        report: report_rx,
        turned_ms: turned,
        meters,
    };
    Ok(Kept {
        handle,
        settings: settings.clone(),
        policy,
        stop,
        actor,
        running: tokio::spawn(loop_of.run(inbox)),
        beside,
        shared: shared.clone(),
    })
}

impl Kept {
    /// Goes on with other limits. What a member is cannot change while it runs.
    pub(super) fn follow(&mut self, settings: &PairSettings) {
        self.policy.send_replace(settings.policy.clone());
        self.settings.policy = settings.policy.clone();
    }

    /// What of it a running pair cannot follow.
    pub(super) fn differs(&self, new: &PairSettings) -> Option<&'static str> {
        let old = &self.settings;
        if old.members != new.members {
            return Some("its members");
        }
        let of_pair = [
            (old.endpoint != new.endpoint, "its endpoint"),
            (old.app != new.app, "its application's account"),
            (old.link != new.link, "its links"),
            (old.accounts != new.accounts, "its accounts"),
            (
                old.hooks != new.hooks || old.policy.gating_hooks != new.policy.gating_hooks,
                "its hooks",
            ),
            (
                old.policy.hang.interval != new.policy.hang.interval,
                "the interval of its probes",
            ),
        ];
        of_pair
            .into_iter()
            .find_map(|(differs, what)| differs.then_some(what))
    }

    /// Stops keeping it: servers and roles stay as they are.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        let mut running = self.running;
        if tokio::time::timeout(super::STOP_WITHIN, &mut running)
            .await
            .is_err()
        {
            tracing::error!(pair = self.settings.policy.pair, "did not stop in time");
            running.abort();
        }
        if let Some(endpoint) = &self.actor.hands().endpoint
            && self
                .settings
                .endpoint
                .as_ref()
                .is_some_and(|settings| settings.remove_on_stop)
            && let Err(error) = endpoint.remove().await
        {
            tracing::error!(error = chain(&error), "cannot take the endpoint away");
        }
        drop(self.beside);
        self.shared.forget(&self.settings.policy.pair);
    }
}

/// Reads the pair's files, or makes them, in a thread of its own: the disk may be slow, and the other pairs
/// go on.
async fn ground(settings: &PairSettings, shared: &Shared) -> Result<Ground, KeepError> {
    let (settings, state_dir) = (settings.clone(), shared.state_dir.clone());
    let pair = settings.policy.pair.clone();
    let made = spawn_blocking(move || make_ground(&settings, &state_dir)).await;
    made.map_err(|lost| {
        KeepError::Pair(PairError::System {
            pair,
            attempted: "read the files",
            source: std::io::Error::other(lost),
        })
    })?
}

fn make_ground(settings: &PairSettings, state_dir: &Path) -> Result<Ground, KeepError> {
    let secrets = state_dir.join("secrets");
    folder(state_dir, 0o711)?;
    folder(&settings.home, 0o711)?;
    folder(&secrets, 0o700)?;
    let targets = server_targets(settings, &passwords(settings, &secrets)?);
    let (slots, durable) = remembered(settings)?;
    let app = settings.app.as_ref();
    let app = app.map(|app| app_of(app, &secrets, &settings.policy.pair));
    let ledger = begin_records(&settings.home)
        .inspect_err(|error| tracing::warn!(error, "no begin records are written"))
        .ok();
    Ok(Ground {
        targets,
        slots,
        durable,
        app: app.transpose()?,
        ledger,
    })
}

/// What the state file holds of this pair, and of no other.
fn remembered(settings: &PairSettings) -> Result<(Slots, Durable), KeepError> {
    let pair = &settings.policy.pair;
    let state = settings.home.join("state");
    let (slots, durable) = pair::open_state(pair, &state)?;
    let configured = Both::from_fn(|side| settings.policy.members[side].identity());
    if let Some(stored) = &durable.members
        && let Some(what) = mismatch(pair, &state, stored, &configured)
    {
        return Err(KeepError::OtherMembers {
            pair: pair.clone(),
            what,
        });
    }
    Ok((slots, durable))
}

fn folder(path: &Path, mode: u32) -> Result<(), KeepError> {
    crate::files::folder(path, mode, None).map_err(|source| KeepError::Folder {
        folder: path.to_owned(),
        source,
    })
}

fn begin_records(home: &Path) -> Result<LedgerWriter<Step>, String> {
    let failed = |error| tracing::warn!(error = chain(&error), "a begin record was not written");
    let ledger = Ledger::open(home).map_err(|error| chain(&error))?;
    LedgerWriter::start(ledger, failed).map_err(|error| error.to_string())
}
