//! Starts everything that looks at one member, and steers it by what the core wants watched.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::clock;
use crate::act::instance::{InstanceHands, Rendered};
use crate::config::{MemberSettings, PairSettings, Runtime};
use crate::decide::Watch;
use crate::decide::render::{judge, render, waiting};
use crate::model::incarnation::Incarnation;
use crate::model::member::Side;
use crate::model::probe::Pace;
use crate::mysql::ServerTarget;
use crate::observe::observer::Observer;
use crate::observe::probes::{WriterProbe, spawn_prober};
use crate::observe::server::{Steering, spawn_looker};
use crate::observe::{Publisher, accounts, disk, instance, process};
use crate::runtime::prepare::Marker;
use crate::runtime::process::Spawned;
use crate::runtime::systemd::bus::Systemd;

/// What the observers of one member need.
pub(super) struct ObservedMember<'s> {
    pub(super) settings: &'s MemberSettings,
    pub(super) pair: &'s PairSettings,
    pub(super) systemd: Arc<Systemd>,
    pub(super) target: Arc<ServerTarget>,
    pub(super) last_life: Option<Incarnation>,
    pub(super) poke: Arc<Notify>,
    pub(super) poke_instance: Arc<Notify>,
}

/// Starts everything that looks at one member.
pub(super) fn observe_member(
    member: ObservedMember<'_>,
    started: mpsc::UnboundedReceiver<Spawned>,
    watching: &watch::Receiver<Watch>,
    seen: &Publisher,
) -> Vec<JoinHandle<()>> {
    let settings = member.settings.clone();
    let side = settings.side;
    let interval = member.pair.policy.hang.interval;
    let (lives, life) = watch::channel(None);
    let observer = Observer {
        side,
        target: member.target.clone(),
        now: clock::now,
        life: life.clone(),
        publish: seen.clone(),
    };
    let (pace, writer, steering) = steer(side, member.target.server_id, watching.clone());
    let mut tasks = vec![steering];
    let unit = match settings.runtime {
        Runtime::Process => None,
        Runtime::Systemd => Some((member.systemd.clone(), settings.unit.clone())),
    };
    tasks.push(tokio::spawn(process::run(
        process::Target {
            side,
            program: settings.binary.file_name().unwrap_or_default().to_owned(),
            defaults_file: settings.cnf.clone(),
            pid_file: settings.server.pid_file.clone(),
            user: settings.account.uid,
            last_life: member.last_life,
            unit,
        },
        started,
        lives,
        clock::now,
        seen.clone(),
    )));
    let hands = Arc::new(InstanceHands::new(
        member.pair,
        &settings,
        Rendered::default(),
        mpsc::unbounded_channel().0,
        &member.systemd,
    ));
    let asking = hands.clone();
    let version = move || {
        let hands = asking.clone();
        async move { hands.version().await.map_err(|error| error.to_string()) }
    };
    let inspect = move || {
        let hands = hands.clone();
        async move { hands.inspect().await.map_err(|error| error.to_string()) }
    };
    let datadir = settings.server.datadir.clone();
    let ours = Marker {
        pair: settings.server.pair.clone(),
        member: settings.name.clone(),
        family: settings.server.family,
    };
    tasks.push(tokio::spawn(instance::run(
        settings,
        instance::Judge {
            config: |on_disk, member| judge(on_disk, &render(&member.server)),
            waiting,
        },
        instance::Ask {
            datadir: inspect,
            version,
        },
        life,
        member.poke_instance,
        clock::now,
        seen.clone(),
    )));
    tasks.push(tokio::spawn(disk::run(
        side,
        (datadir, ours),
        interval * 2,
        clock::now,
        seen.clone(),
    )));
    tasks.push(spawn_looker(
        observer.clone(),
        Steering {
            poke: member.poke,
            pace,
        },
    ));
    tasks.push(accounts::spawn(observer.clone()));
    tasks.extend(spawn_prober(&observer, interval, &writer));
    tasks
}

/// Turns what the core wants watched into what this member's observers are told.
fn steer(
    side: Side,
    server_id: u32,
    mut watching: watch::Receiver<Watch>,
) -> (
    watch::Receiver<Pace>,
    watch::Receiver<Option<WriterProbe>>,
    JoinHandle<()>,
) {
    let (pace_tx, pace) = watch::channel(Pace::Rest);
    let (writer_tx, writer) = watch::channel(None);
    let steering = tokio::spawn(async move {
        while watching.changed().await.is_ok() {
            let watch = *watching.borrow_and_update();
            pace_tx.send_replace(watch.pace);
            let probe = watch
                .heartbeat
                .filter(|(writer, _)| *writer == side)
                .map(|(_, epoch)| WriterProbe {
                    epoch,
                    writer: server_id,
                });
            writer_tx.send_if_modified(|told| {
                let changed = *told != probe;
                *told = probe;
                changed
            });
        }
    });
    (pace, writer, steering)
}
