//! Puts one pair together: its hands, its observers, its loop.

mod endpoint;
mod error;
mod ground;
mod hands;
mod shared;
mod unkept;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::clock;
use super::pair::{Inbox, Pair, Pokes};
use super::sessions::answer_sessions;
use super::tell::Teller;
use super::watchers::{ObservedMember, observe_member};
use crate::act::instance::{InstanceHands, Rendered};
use crate::act::{Actor, Hands, ServerHandle};
use crate::config::PairSettings;
use crate::control::desk::PairHandle;
use crate::control::http::Turned;
use crate::control::meters::Meters;
use crate::decide::Watch;
use crate::decide::render::{arguments, render};
use crate::model::causes::chain;
use crate::model::member::{Both, Side};
use crate::model::policy::Policy;
use crate::runtime::process::Spawned;

use self::endpoint::lead;
pub(super) use self::error::KeepError;
use self::ground::{Ground, ground};
use self::hands::hooks;
pub(super) use self::shared::Shared;
pub(super) use self::unkept::unkept;
use self::unkept::unseen;

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
        let rendered = Rendered {
            file: render(&member.server),
            arguments: arguments(&member.server),
        };
        let told = started[side].0.clone();
        let hands = InstanceHands::new(settings, member, rendered, told, &shared.systemd);
        Arc::new(hands)
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
