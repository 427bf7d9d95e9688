//! Files, processes and accounts of the members: made where they are missing, started where they are
//! dead, and named where they cannot be.

use std::time::Duration;

use crate::model::action::{Action, ActionError, ActionKind, StartRole};
use crate::model::facts::{Datadir, FileState, InstanceFact};
use crate::model::finding::Kind;
use crate::model::instance::FULL_MB;
use crate::model::member::Side;
use crate::model::memory::State;
use crate::model::probe::{ProbeError, lacks_ours, refuses_login};
use crate::model::process::{ProcessFact, ProcessState};
use crate::model::time::Timestamp;

use super::guard;
use super::rejoin;
use super::serve;
use super::turn::Turn;

/// A binary log grows to a gigabyte: with less space than a quarter of that somebody has to look soon.
const NEARLY_FULL_MB: u64 = 256;
/// A life this long ends the count of starts in a row.
const GOOD_LIFE: Duration = Duration::from_secs(30);

/// As often a dead server is started again without an answer before it is taken for one that cannot be.
pub(super) const STARTS_IN_VAIN: u32 = 2;

/// A server that needs no recovery answers within this time.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// An applier that can go on has been started again within this time.
const APPLIER_TRIES: Duration = Duration::from_secs(1);
/// A receiver that is let in again has come within this time.
const RECEIVER_TRIES: Duration = Duration::from_secs(10);

/// Plans what both instances need. `restart_writer`: the register's writer may be started in place.
pub(super) fn steps(turn: &mut Turn<'_>, restart_writer: bool) {
    for side in Side::BOTH {
        let member = turn.member(side);
        let (Some(instance), Some(process)) = (&member.instance, &member.process) else {
            continue;
        };
        let full = instance.free_mb < FULL_MB;
        if full {
            let detail = format!(
                "{} MB are free\n{}",
                instance.free_mb,
                instance.last_words.join("\n")
            );
            turn.find_at(side, Kind::DiskFull, detail.trim_end());
        } else if instance.free_mb < NEARLY_FULL_MB {
            let detail = format!("{} MB are free", instance.free_mb);
            turn.find_at(side, Kind::DiskNearlyFull, detail);
        }
        if files(turn, side, instance) && !process.lives() && !full {
            start(turn, side, instance, process, restart_writer);
        }
        name_starting(turn, side);
        accounts(turn, side);
        if !turn.member(side).privileged.is_empty() {
            let who = turn.member(side).privileged.join("\n");
            turn.find_at(side, Kind::AccountsPassReadOnly, who);
        }
    }
}

/// Notes new lives, and forgets the count of starts once one has lasted.
pub(super) fn note_lives(turn: &mut Turn<'_>) {
    for side in Side::BOTH {
        note_life(turn, side);
        count_starts(turn, side);
    }
    if Side::BOTH.into_iter().all(|side| turn.is_dead(side)) {
        turn.memory.both_died = true;
    } else if let Some(writer) = turn.memory.writer()
        && turn.server(writer).is_some()
    {
        turn.memory.both_died = false;
    }
}

fn note_life(turn: &mut Turn<'_>, side: Side) {
    let life = turn
        .process(side)
        .and_then(|process| process.living())
        .cloned();
    if life.is_some() && turn.memory.durable.lives[side] != life {
        turn.memory.lives_since[side] = turn.now();
        turn.memory.durable.lives[side] = life;
        // What the last life acknowledged at its end is no longer known: an order may have ended it.
        if turn.memory.writer() == Some(side) {
            turn.forget_standby();
        }
    }
}

fn count_starts(turn: &mut Turn<'_>, side: Side) {
    if turn.server(side).is_some() {
        turn.memory.starts[side].in_vain = 0;
    }
    if turn.memory.starts[side].count > 0 && turn.server(side).is_some() {
        // One that caught up and was proven complete, or whose standby was, died of something else than
        // its start.
        let acknowledged = turn.memory.writer() == Some(side) && serve::is_open(turn, side);
        let whole =
            guard::is_in_sync(turn, side) || acknowledged && guard::is_in_sync(turn, side.peer());
        if whole || turn.lives_for(side) >= GOOD_LIFE {
            turn.memory.starts[side].count = 0;
        } else {
            turn.wake(turn.memory.lives_since[side] + GOOD_LIFE);
        }
    }
}

/// The configuration file and the datadir are there and ours.
fn files(turn: &mut Turn<'_>, side: Side, instance: &InstanceFact) -> bool {
    let config_ready = match &instance.config {
        FileState::Same => true,
        FileState::Missing | FileState::Outdated => {
            turn.act(Action::WriteFiles { side });
            false
        }
        FileState::Edited(diff) => {
            turn.find_at(side, Kind::ConfigEdited, diff.clone());
            true
        }
    };
    if turn.lives(side) && !instance.waits_for_restart.is_empty() {
        let diff = instance.waits_for_restart.clone();
        turn.find_at(side, Kind::RestartPending, diff);
    }
    if turn.lives(side) && instance.socket_gone {
        turn.find_at(
            side,
            Kind::SocketGone,
            "it was there when the server started",
        );
    }
    if let Some(why) = &instance.binary_error {
        turn.find_at(side, Kind::BinaryUnusable, why.clone());
        return false;
    }
    match &instance.datadir {
        Datadir::Ours => config_ready,
        Datadir::Missing => {
            if config_ready {
                turn.act(Action::Initialise { side });
                failed(turn, side, ActionKind::Initialise, instance);
            }
            false
        }
        Datadir::OtherVersion(why) => {
            turn.find_at(side, Kind::DatadirOtherVersion, why.clone());
            false
        }
        Datadir::Foreign(why) => {
            turn.find_at(side, Kind::DatadirForeign, why.clone());
            false
        }
    }
}

fn start(
    turn: &mut Turn<'_>,
    side: Side,
    instance: &InstanceFact,
    process: &ProcessFact,
    restart_writer: bool,
) {
    failed(turn, side, ActionKind::Start, instance);
    let starting = turn.work(Some(side)).runs(ActionKind::Start);
    if starting || process.state == ProcessState::Exiting || !wanted(turn, side, restart_writer) {
        return;
    }
    if let Some(who) = &instance.port_taken_by {
        turn.find_at(side, Kind::PortTaken, who.clone());
        return;
    }
    let next = turn.memory.starts[side].next();
    let in_vain = turn.memory.starts[side].in_vain;
    let ended = turn.work(Some(side)).ended_at(ActionKind::Start);
    if in_vain > 0
        && let Some(words) = words_since(instance, ended)
    {
        let detail = format!("{in_vain} starts without an answer\n{words}");
        turn.find_at(side, Kind::ServerDoesNotStart, detail.trim_end());
    }
    if next > turn.now() {
        turn.wake(next);
        return;
    }
    let role = if turn.memory.writer() == Some(side) {
        StartRole::Writer
    } else {
        StartRole::Reader
    };
    if turn.act(Action::Start { side, role }) {
        turn.memory.starts[side].count += 1;
        turn.memory.starts[side].in_vain += 1;
        turn.memory.starts[side].last = turn.now();
    }
}

/// It was started again and again without an answer, or there is something that keeps it from a start.
pub(super) fn cannot_start(turn: &Turn<'_>, side: Side) -> bool {
    let barred = turn.member(side).instance.as_ref().is_some_and(|instance| {
        instance.free_mb < FULL_MB
            || instance.binary_error.is_some()
            || instance.port_taken_by.is_some()
            || matches!(
                instance.datadir,
                Datadir::OtherVersion(_) | Datadir::Foreign(_)
            )
    });
    barred || turn.memory.starts[side].in_vain >= STARTS_IN_VAIN
}

/// A server that was started, lives and answers nobody for longer than a start takes.
fn name_starting(turn: &mut Turn<'_>, side: Side) {
    if turn.memory.starts[side].in_vain == 0 || !turn.lives(side) {
        return;
    }
    let since = turn.memory.lives_since[side];
    if turn.now() < since + STARTS_WITHIN {
        turn.wake(since + STARTS_WITHIN);
        return;
    }
    let detail = match &turn.member(side).server_error {
        Some(error) => error.text.clone(),
        None => "no answer yet".to_owned(),
    };
    turn.find_at(side, Kind::ServerStarting, detail);
}

/// Nothing forbids a start of this member now.
fn wanted(turn: &Turn<'_>, side: Side, restart_writer: bool) -> bool {
    if turn.facts.stopping {
        return false;
    }
    if turn.memory.writer() == Some(side) {
        return restart_writer;
    }
    // Before the register has moved, the old writer's files are evidence.
    let deposing =
        matches!(&turn.memory.state, State::Promoting(promotion) if promotion.to != side);
    !deposing && rejoin::may_start(turn, side)
}

/// The server's own words, where its last start or initialisation failed.
fn failed(turn: &mut Turn<'_>, side: Side, kind: ActionKind, instance: &InstanceFact) {
    let Some(ended) = turn.work(Some(side)).ended.get(&kind) else {
        return;
    };
    if let Err(
        error @ (ActionError::Failed(_) | ActionError::Denied(_) | ActionError::Refused(_)),
    ) = &ended.result
    {
        let Some(words) = words_since(instance, Some(ended.at)) else {
            return;
        };
        turn.find_at(
            side,
            Kind::ServerDoesNotStart,
            format!("{error}\n{words}").trim_end().to_owned(),
        );
    }
}

/// The server's last words, where its files were looked at since: older ones are those of an earlier life.
fn words_since(instance: &InstanceFact, since: Option<Timestamp>) -> Option<String> {
    let looked = since.is_none_or(|since| instance.at >= since);
    looked.then(|| instance.last_words.join("\n"))
}

/// What we made at a server is not there yet, or somebody changed it.
fn accounts(turn: &mut Turn<'_>, side: Side) {
    if !turn.lives(side) {
        return;
    }
    if let Some(why) = lacks(turn, side) {
        turn.act(Action::Bootstrap { side });
        if let Some(ended) = turn.work(Some(side)).ended.get(&ActionKind::Bootstrap)
            && let Err(not_made) = &ended.result
        {
            turn.find_at(
                side,
                Kind::LoginRefused,
                format!("{why}; accounts: {not_made}"),
            );
        }
    } else if let Some(look) = turn.server(side)
        && (!look.semi_sync.replica_on || !look.semi_sync.available)
    {
        turn.find_at(
            side,
            Kind::UnsafeSettings,
            "the semi-sync replica side is off",
        );
        turn.act(Action::Bootstrap { side });
    }
}

/// What the newest look was told; or, since it was last made, an action, a probe,
/// its applier, the peer's receiver.
fn lacks(turn: &Turn<'_>, side: Side) -> Option<String> {
    let member = turn.member(side);
    let named = |error: &ProbeError| {
        let lacks = error.errno.is_some_and(lacks_ours);
        lacks.then(|| error.text.clone())
    };
    if let Some(error) = &member.server_error {
        return named(error);
    }
    let made = turn.done_at(side, ActionKind::Bootstrap);
    let since = made.max(turn.memory.lives_since[side]);
    let by_action = member.work.ended.values().find_map(|ended| {
        let asked = ended.action.kind() != ActionKind::Bootstrap && ended.begun > since;
        match &ended.result {
            Err(ActionError::Denied(why)) if asked => Some(why.clone()),
            Err(_) | Ok(_) => None,
        }
    });
    let by_probe = || {
        let probes = [&member.probes.heartbeat, &member.probes.local_write];
        let errors = probes.into_iter().filter_map(|probe| probe.error.as_ref());
        errors.filter(|error| error.at > since).find_map(named)
    };
    by_action
        .or_else(by_probe)
        .or_else(|| by_applier(turn, side, made))
        .or_else(|| by_peer(turn, side, since))
}

/// Its applier found a table of ours missing: a drop at the writer was replicated.
fn by_applier(turn: &Turn<'_>, side: Side, made: Timestamp) -> Option<String> {
    let look = turn.server_since(side, made + APPLIER_TRIES)?;
    let error = look.link.as_ref()?.applier_error.as_ref()?;
    let ours = lacks_ours(error.errno) && error.text.contains("'dualmasterd");
    ours.then(|| error.text.clone())
}

/// The peer's receiver was not let in here. It asks again every second, so a repair gets some time.
fn by_peer(turn: &Turn<'_>, side: Side, since: Timestamp) -> Option<String> {
    let peer = turn.server_since(side.peer(), since + RECEIVER_TRIES)?;
    let error = peer.link.as_ref()?.receiver_error.as_ref()?;
    refuses_login(error.errno).then(|| error.text.clone())
}
