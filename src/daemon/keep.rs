//! Puts one pair together: its hands, its observers, its loop.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::clock;
use super::history::History;
use super::identity::mismatch;
use super::pair::{self, Inbox, Pair, PairError, Pokes};
use super::sessions::answer_sessions;
use super::tell::Teller;
use super::watchers::{ObservedMember, observe_member};
use crate::act::accounts::App;
use crate::act::endpoint::EndpointHands;
use crate::act::hook::{HookMember, Hooks};
use crate::act::instance::{InstanceHands, Rendered, chain};
use crate::act::{Actor, Hands, ServerHandle};
use crate::config::{AppSettings, EndpointSettings, PairSettings};
use crate::control::desk::PairHandle;
use crate::control::report::{PairReport, PairState};
use crate::decide::render::{arguments, render};
use crate::decide::{self, Watch};
use crate::model::action::Step;
use crate::model::facts::Facts;
use crate::model::member::{Both, Side};
use crate::model::memory::{Durable, Memory};
use crate::model::policy::Policy;
use crate::mysql::secrets::{Secrets, client_file};
use crate::mysql::target::{LinkTls, Peer};
use crate::mysql::{Account, ServerTarget, Session};
use crate::net::address::Addresses;
use crate::net::claim::{Claim, ClaimError};
use crate::net::nft::{Nft, Table};
use crate::observe::{Publisher, endpoint};
use crate::runtime::process::Spawned;
use crate::store::ledger::{Ledger, LedgerWriter};

/// What all pairs share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) state_dir: PathBuf,
    pub(super) nft: Option<Arc<Nft>>,
    pub(super) addresses: Option<Arc<Addresses>>,
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
    beside: Vec<JoinHandle<()>>,
    shared: Shared,
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
pub(super) fn start(settings: &PairSettings, shared: &Shared) -> Result<Kept, KeepError> {
    let pair = settings.policy.pair.clone();
    let secrets = shared.state_dir.join("secrets");
    folder(&shared.state_dir, 0o711)?;
    folder(&settings.home, 0o711)?;
    folder(&secrets, 0o700)?;
    let file = secrets.join(format!("{pair}.json"));
    let passwords = Secrets::load_or_create(&file)
        .map_err(|source| KeepError::Secrets {
            pair: pair.clone(),
            source,
        })?
        .given(given(settings));
    let targets = server_targets(settings, &Arc::new(passwords));
    let state = settings.home.join("state");
    let (slots, durable) = pair::open_state(&pair, &state)?;
    let configured = Both::from_fn(|side| settings.policy.members[side].identity());
    if let Some(stored) = &durable.members
        && let Some(what) = mismatch(&pair, &state, stored, &configured)
    {
        return Err(KeepError::OtherMembers { pair, what });
    }

    let (seen, seen_rx) = mpsc::unbounded_channel();
    let (ended, ended_rx) = mpsc::unbounded_channel();
    let (requests, asked) = mpsc::channel(16);
    let (sessions, asked_sessions) = mpsc::channel(4);
    let (policy, policy_rx) = watch::channel(settings.policy.clone());
    let (stop, stop_rx) = watch::channel(false);
    let (watch_tx, watch_rx) = watch::channel(Watch::default());
    let pokes = Pokes::default();

    let mut beside = Vec::new();
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
            target: targets[side].clone(),
            last_life: durable.lives[side].clone(),
            poke: pokes.members[side].look.clone(),
            poke_instance: pokes.members[side].instance.clone(),
        };
        beside.extend(observe_member(observed, started, &watch_rx, &seen));
    }
    let endpoint = match &settings.endpoint {
        Some(endpoint) => {
            let (hands, observer) = lead(settings, endpoint, shared, &targets, &pokes, &seen)?;
            beside.push(observer);
            Some(hands)
        }
        None => None,
    };
    let app = settings
        .app
        .as_ref()
        .map(|app| app_of(app, &secrets, &pair))
        .transpose()?;
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
    beside.push(tokio::spawn(answer_sessions(
        actor.clone(),
        settings.policy.clone(),
        asked_sessions,
    )));

    let (report, report_rx) = watch::channel(Arc::new(unseen(&settings.policy, &durable)));
    let ledger = begin_records(&settings.home)
        .inspect_err(|error| tracing::warn!(error, "no begin records are written"))
        .ok();
    let teller = Teller::new(pair.clone(), ledger, report, shared);
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
        for task in self.beside {
            task.abort();
        }
        self.shared.forget(&self.settings.policy.pair);
    }
}

fn folder(path: &Path, mode: u32) -> Result<(), KeepError> {
    crate::act::files::folder(path, mode, None).map_err(|source| KeepError::Folder {
        folder: path.to_owned(),
        source,
    })
}

/// The application's account; a password that was not given is made once and kept as a `[client]` file.
fn app_of(app: &AppSettings, secrets: &Path, pair: &str) -> Result<App, KeepError> {
    let password =
        match &app.password {
            Some(password) => Zeroizing::new(password.expose().to_owned()),
            None => client_file(&secrets.join(format!("{pair}.app.cnf")), &app.user).map_err(
                |source| KeepError::Secrets {
                    pair: pair.to_owned(),
                    source,
                },
            )?,
        };
    Ok(App {
        user: app.user.clone(),
        host: app.host.clone(),
        password,
        schema: app.database.clone(),
    })
}

fn server_targets(settings: &PairSettings, secrets: &Arc<Secrets>) -> Both<Arc<ServerTarget>> {
    Both::from_fn(|side| {
        let (member, peer) = (&settings.members[side], &settings.members[side.peer()]);
        Arc::new(ServerTarget {
            name: member.name.clone(),
            family: member.server.family,
            socket: Some(member.server.socket.clone()),
            host: member.host.clone(),
            port: member.server.port,
            admin: Some(("127.0.0.1".into(), member.server.admin_port)),
            server_id: member.server.server_id,
            made_by_us: true,
            endpoint: settings
                .endpoint
                .as_ref()
                .map(|endpoint| endpoint.writer.ip()),
            peer: Peer {
                host: peer.host.clone(),
                port: peer.server.port,
                server_id: peer.server.server_id,
            },
            secrets: secrets.clone(),
            root: member
                .root
                .as_ref()
                .map(|login| Zeroizing::new(login.password.expose().to_owned())),
            tls: settings.link.tls.as_ref().map(|tls| LinkTls {
                ca: tls.ca.clone(),
                identity: tls.identity.clone(),
            }),
        })
    })
}

/// The endpoint's hands and its observer.
fn lead(
    settings: &PairSettings,
    endpoint_settings: &EndpointSettings,
    shared: &Shared,
    targets: &Both<Arc<ServerTarget>>,
    pokes: &Pokes,
    seen: &Publisher,
) -> Result<(EndpointHands, JoinHandle<()>), KeepError> {
    let pair = settings.policy.pair.clone();
    let claim = Claim::take(&pair).map_err(|source| KeepError::Claim {
        pair: pair.clone(),
        source,
    })?;
    let table = Table::of_pair(&pair).map_err(|_| KeepError::Nft { pair: pair.clone() })?;
    let nft = shared
        .nft
        .clone()
        .ok_or_else(|| KeepError::Nft { pair: pair.clone() })?;
    if endpoint_settings.address.is_some() && shared.addresses.is_none() {
        return Err(KeepError::Addresses { pair });
    }
    let members = Both::from_fn(|side| member_address(settings, endpoint_settings, side));
    let address = endpoint_settings
        .address
        .clone()
        .zip(shared.addresses.clone());
    let observed = endpoint::Target {
        nft: nft.clone(),
        table: table.clone(),
        writer: endpoint_settings.writer,
        reader: endpoint_settings.reader,
        members,
        address: address.map(|(address, addresses)| (addresses, address)),
    };
    let target = targets.a.clone();
    let who = move |at: SocketAddr| {
        let target = Arc::new(target.at(at));
        async move {
            let who = Session::who(&target).await;
            who.map_err(|error| endpoint::Silence {
                refused: error.is_access_denied(),
                text: error.chain(),
            })
        }
    };
    let observer = tokio::spawn(endpoint::run(
        observed,
        who,
        pokes.endpoint.clone(),
        clock::now,
        seen.clone(),
    ));
    let hands = EndpointHands::new(
        claim,
        nft,
        shared.addresses.clone(),
        table,
        endpoint_settings.clone(),
        members,
    );
    Ok((hands, observer))
}

/// Where a redirected client finds a member: at the endpoint's own address where that is this host's
/// outside address, since a packet from outside cannot be led to loopback.
fn member_address(settings: &PairSettings, endpoint: &EndpointSettings, side: Side) -> SocketAddr {
    let member = &settings.members[side];
    let host = member
        .host
        .parse::<IpAddr>()
        .unwrap_or_else(|_| endpoint.writer.ip());
    let at_endpoint = host.is_loopback() && !endpoint.writer.ip().is_loopback();
    let ip = if at_endpoint {
        endpoint.writer.ip()
    } else {
        host
    };
    SocketAddr::new(ip, member.server.port)
}

/// Passwords that the configuration gives.
fn given(settings: &PairSettings) -> impl Iterator<Item = (Account, String)> {
    let accounts = &settings.accounts;
    [
        (Account::Monitor, &accounts.monitor),
        (Account::Manage, &accounts.manage),
        (Account::Replicate, &accounts.replicate),
    ]
    .into_iter()
    .filter_map(|(account, login)| Some((account, login.as_ref()?.password.expose().to_owned())))
}

/// What is known before the first look.
fn unseen(policy: &Policy, durable: &Durable) -> PairReport {
    let facts = Facts::unseen(clock::now(), durable.boot.clone());
    let memory = Memory::after_start(durable.clone(), facts.now);
    let decision = decide::decide(policy, &memory, &facts);
    let explanation = decide::explain(policy, &decision.memory, &facts);
    super::report::report(policy, &facts, &decision, explanation, &History::default())
}

fn begin_records(home: &Path) -> Result<LedgerWriter<Step>, String> {
    let failed = |error| tracing::warn!(error = chain(&error), "a begin record was not written");
    let ledger = Ledger::open(home).map_err(|error| chain(&error))?;
    LedgerWriter::start(ledger, failed).map_err(|error| error.to_string())
}

/// What stands in the place of a pair that is not kept: its name, and why.
pub(super) fn unkept(settings: &PairSettings, why: &str) -> PairHandle {
    let mut report = unseen(&settings.policy, &Durable::default());
    report.state = PairState::NotKept;
    report.detail = Some(format!("not kept: {why}"));
    report.findings.clear();
    report.guards.clear();
    report.switchover_guards.clear();
    PairHandle {
        members: Both::from_fn(|side| settings.members[side].name.clone()),
        requests: mpsc::channel(1).0,
        sessions: mpsc::channel(1).0,
        report: watch::channel(Arc::new(report)).1,
    }
}

fn hooks(settings: &PairSettings) -> Hooks {
    Hooks {
        pair: settings.policy.pair.clone(),
        members: Both::from_fn(|side| HookMember {
            name: settings.members[side].name.clone(),
            host: settings.members[side].host.clone(),
            port: settings.members[side].server.port,
        }),
        vip: settings
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.writer.ip().to_string()),
        dns_name: settings.hooks.dns_name.clone(),
        programs: settings.hooks.programs.clone(),
        gating: settings.policy.gating_hooks.clone(),
        limit: settings.hooks.timeout,
    }
}
