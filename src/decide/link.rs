//! Which threads run is derived from the register, never stored: the receivers always, the applier at
//! the reader alone. The writer's link is gated: it receives and does not apply.

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::finding::Kind;
use crate::model::gtid::GtidSet;
use crate::model::link::{LinkStatus, Receiver};
use crate::model::member::Side;
use crate::model::probe::refuses_login;
use crate::model::server::ServerFact;

use super::hooks;
use super::rejoin;
use super::strays;
use super::turn::Turn;

/// A receiver that runs this long after its start has recovered.
const STAYS: Duration = Duration::from_secs(2);
/// A receiver that its peer lets in again has come by then.
const LOGS_IN: Duration = Duration::from_secs(10);

/// Keeps both links while `writer` serves.
pub(super) fn steps(turn: &mut Turn<'_>, writer: Side) {
    gate(turn, writer);
    for side in [writer.peer(), writer] {
        if let Some(look) = turn.server(side) {
            keep(turn, side, look, side == writer);
        }
    }
}

/// The writer's applier stands still.
fn gate(turn: &mut Turn<'_>, writer: Side) {
    let Some(link) = turn.link(writer) else {
        return;
    };
    if link.applier {
        turn.act(Action::StopApplier { side: writer });
    }
    let waiting = turn
        .server(writer)
        .map(|look| link.received.subtract(&look.executed))
        .unwrap_or_default();
    let strays = turn
        .made_by(writer.peer(), &waiting)
        .subtract(&turn.memory.durable.harmless[writer.peer()]);
    if !strays.is_empty() && !strays::is_asked(turn, writer.peer()) {
        turn.find_at(
            writer,
            Kind::StrayOnWriter,
            format!("{strays} of the reader wait behind the gate"),
        );
    }
}

/// One member's link is configured and its threads run as its role asks.
fn keep(turn: &mut Turn<'_>, side: Side, look: &ServerFact, gated: bool) {
    if is_kept_off(turn, side) {
        return;
    }
    if !turn.lives(side.peer()) || turn.server(side.peer()).is_none() {
        return;
    }
    let peer = &turn.policy.members[side.peer()];
    let Some(link) = &look.link else {
        turn.find_at(side, Kind::LinkMissing, "no link is configured");
        let expendable = GtidSet::new();
        if !reset_unreadable(turn, side, look) {
            turn.act(Action::Point { side, expendable });
        }
        return;
    };
    if !link.by_gtid || link.source_port != peer.port || link.source_host != peer.host {
        let seen = format!("it points to {}:{}", link.source_host, link.source_port);
        turn.find_at(side, Kind::LinkMissing, seen);
        repoint(turn, side, look, link);
        return;
    }
    errors(turn, side, link, gated);
    if has_another_login(turn, side, look, link) {
        repoint(turn, side, look, link);
        return;
    }
    receiver(turn, side, look, link, gated);
    if !gated {
        applier(turn, side, look, link);
    }
}

/// The peer has the account as it should be and still does not let the receiver in: it comes with another
/// password. Once after each time that the account was made.
fn has_another_login(turn: &Turn<'_>, side: Side, look: &ServerFact, link: &LinkStatus) -> bool {
    let error = link.receiver_error.as_ref();
    let made = turn.done_at(side.peer(), ActionKind::Bootstrap);
    link.receiver != Receiver::Running
        && error.is_some_and(|error| refuses_login(error.errno))
        && made > turn.done_at(side, ActionKind::Point)
        && look.asked >= made + LOGS_IN
}

/// This member's link must not run at all.
fn is_kept_off(turn: &mut Turn<'_>, side: Side) -> bool {
    let durable = &turn.memory.durable;
    // Neither side receives from the other before the deposed one is proven clean.
    let unproven = durable.rejoin[side].is_some() || durable.rejoin[side.peer()].is_some();
    let quarantined = durable.quarantine[side.peer()].is_some();
    if let Some(quarantine) = &durable.quarantine[side] {
        let detail = match rejoin::saved(turn, side) {
            Some(saved) => format!("{}; {saved}", quarantine.why),
            None => quarantine.why.clone(),
        };
        turn.find_at(side, Kind::LinkQuarantined, detail);
        return true;
    }
    unproven || quarantined
}

/// Every change with both threads stopped throws the relay log away: only where nothing is lost by it.
fn repoint(turn: &mut Turn<'_>, side: Side, look: &ServerFact, link: &LinkStatus) {
    if reset_unreadable(turn, side, look) {
        return;
    }
    let unapplied = link.received.subtract(&look.executed);
    let point = Action::Point {
        side,
        expendable: unapplied.clone(),
    };
    if unapplied.is_empty() {
        turn.act(point);
        return;
    }
    // Until it has come again this member lacks it.
    if is_promotable(turn, side) {
        return;
    }
    let peer = turn.server(side.peer());
    let peer_has = peer.is_some_and(|peer| peer.executed.contains(&unapplied));
    // A peer that was looked at before this member may have it by now. The two are looked at by turns: what
    // is saved once waits for no order of looks.
    if peer_has || turn.has_saved_relay(side, look) {
        turn.act(point);
    } else if turn.server_since(side.peer(), look.at).is_some() {
        turn.save_relay(side, look);
    } else {
        turn.hurry = true;
    }
}

/// Files of the link that the server cannot read are in the way: what they hold is not known, so they are copied
/// aside, and the member is not promotable without it.
fn reset_unreadable(turn: &mut Turn<'_>, side: Side, look: &ServerFact) -> bool {
    let Some(why) = turn.unreadable_link(side) else {
        return false;
    };
    // An error of the applier's has been named as such.
    if look.link.as_ref().is_none_or(|link| link.torn().is_none()) {
        turn.find_at(side, Kind::LinkBroken, why);
    }
    let receives = |link: &LinkStatus| link.receiver != Receiver::Stopped;
    if is_promotable(turn, side) {
        return true;
    }
    if look.link.as_ref().is_some_and(receives) {
        turn.act(Action::StopReceiver { side });
    } else if turn.relay_is_saved(side, look) {
        turn.act(Action::ResetLink { side });
    }
    true
}

/// It is on record, or may be, that this member has everything.
fn is_promotable(turn: &Turn<'_>, side: Side) -> bool {
    turn.memory.writer() == Some(side.peer()) && !turn.may_lack(side)
}

fn errors(turn: &mut Turn<'_>, side: Side, link: &LinkStatus, gated: bool) {
    let mut broken = None;
    for (thread, error) in [
        ("receiver", &link.receiver_error),
        ("applier", &link.applier_error),
    ] {
        if let Some(error) = error {
            let kind = if link.receiver == Receiver::Connecting && thread == "receiver" {
                Kind::LinkConnecting
            } else {
                Kind::LinkBroken
            };
            let mut detail = format!("{thread}: {} {}", error.errno, error.text);
            let restarts = turn.memory.restarts[side];
            let tried = match thread {
                "receiver" => restarts.receiver,
                _ => restarts.applier,
            };
            if tried > 0 {
                detail = format!("{detail}; starts in vain: {tried}");
            }
            if kind == Kind::LinkBroken {
                broken = Some(detail.clone());
            }
            turn.find_at(side, kind, detail);
        }
    }
    let is_broken = broken.is_some();
    if let Some(reason) = broken.filter(|_| !turn.memory.link_broken[side]) {
        hooks::queue_link_broken(turn, side, reason);
    }
    let runs = link.receiver == Receiver::Running && (gated || link.applier);
    let mended = runs && !is_broken && stays(turn, side);
    turn.memory.link_broken[side] = is_broken || (turn.memory.link_broken[side] && !mended);
}

/// No try to start its receiver was in vain since one last ran for a while: what runs is not about to break
/// again.
pub(super) fn stays(turn: &Turn<'_>, side: Side) -> bool {
    turn.memory.restarts[side].receiver == 0
}

/// Its receiver runs, and was started as no semi-sync replica: it fetches and acknowledges nothing, so where
/// the writer counts a semi-sync client, that is somebody else.
pub(super) fn runs_plain(look: &ServerFact) -> bool {
    let link = look.link.as_ref();
    link.is_some_and(|link| link.receiver == Receiver::Running) && !look.semi_sync.replica_status
}

/// No commit waits for this member's receiver, and that was on record before.
fn may_pause(turn: &Turn<'_>, side: Side, gated: bool) -> bool {
    let sole = turn
        .register()
        .is_some_and(|register| register.in_sync.is_some());
    let disarmed = turn
        .server(side.peer())
        .is_some_and(|peer| !peer.semi_sync.source_on);
    gated || (!sole && disarmed)
}

fn receiver(turn: &mut Turn<'_>, side: Side, look: &ServerFact, link: &LinkStatus, gated: bool) {
    if let Some(held) = turn.memory.durable.holds[side].receiver.clone() {
        turn.find_at(side, Kind::LinkHeld, format!("receiver: {}", held.reason));
        if link.receiver != Receiver::Stopped && may_pause(turn, side, gated) {
            turn.act(Action::StopReceiver { side });
        }
        return;
    }
    if runs_plain(look) && look.semi_sync.replica_on && may_pause(turn, side, gated) {
        // Only a receiver that starts takes the variable in.
        turn.act(Action::StopReceiver { side });
        return;
    }
    if link.receiver != Receiver::Stopped {
        // The source may refuse it again as soon as it has logged in.
        let started = turn.done_at(side, ActionKind::StartReceiver);
        if link.receiver == Receiver::Running && look.asked >= started + STAYS {
            turn.memory.restarts[side].receiver = 0;
        }
        return;
    }
    // What was only received comes again from the living peer.
    if turn.fetches_anew(side, look) {
        repoint(turn, side, look, link);
    } else {
        let error = link.receiver_error.is_some();
        start(turn, Action::StartReceiver { side }, error);
    }
}

fn applier(turn: &mut Turn<'_>, side: Side, look: &ServerFact, link: &LinkStatus) {
    if let Some(held) = turn.memory.durable.holds[side].applier.clone() {
        turn.find_at(side, Kind::LinkHeld, format!("applier: {}", held.reason));
        if link.applier {
            turn.act(Action::StopApplier { side });
        }
        return;
    }
    if link.applier {
        // It may stop at the same event again: only one that gets ahead has recovered.
        if link.receiver == Receiver::Running && look.executed.contains(&link.received) {
            turn.memory.restarts[side].applier = 0;
        }
        return;
    }
    if turn.fetches_anew(side, look) {
        // With both threads stopped the receiver's part has planned it.
        if link.receiver != Receiver::Stopped {
            repoint(turn, side, look, link);
        }
    } else if turn.is_settled(side, ActionKind::StopReceiver) {
        let error = link.applier_error.is_some();
        start(turn, Action::StartApplier { side }, error);
    }
}

/// A thread that stopped without an error is started again at once; one with an error after a wait that
/// doubles with each try in vain, from a quarter of a second to a minute.
fn budget(turn: &mut Turn<'_>, side: Side, kind: ActionKind, error: bool) -> bool {
    if !error {
        return true;
    }
    let Some(last) = turn.work(Some(side)).ended_at(kind) else {
        return true;
    };
    let wait = Duration::from_millis(250)
        .saturating_mul(1 << (*restarts(turn, side, kind)).min(8))
        .min(Duration::from_secs(60));
    turn.wake(last + wait);
    turn.now() >= last + wait
}

fn restarts<'t>(turn: &'t mut Turn<'_>, side: Side, kind: ActionKind) -> &'t mut u32 {
    let restarts = &mut turn.memory.restarts[side];
    if kind == ActionKind::StartApplier {
        &mut restarts.applier
    } else {
        &mut restarts.receiver
    }
}

/// Starts a thread again, and counts the tries of one that has an error.
fn start(turn: &mut Turn<'_>, action: Action, error: bool) {
    let (Some(side), kind) = (action.side(), action.kind()) else {
        return;
    };
    if budget(turn, side, kind, error) && turn.act(action) && error {
        *restarts(turn, side, kind) += 1;
    }
}
