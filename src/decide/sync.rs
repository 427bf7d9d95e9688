//! The semi-sync source sides and the standby's right to take over: earned by proof, given up on record.

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::finding::Kind;
use crate::model::link::Receiver;
use crate::model::member::Side;
use crate::model::memory::{Earning, Pause, PausedBy, Rejoin};
use crate::model::process::ProcessState;
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;

use super::binlogs;
use super::death::Verdict;
use super::link;
use super::serve;
use super::strays;
use super::switchover::{ack_timeout, is_armed};
use super::turn::Turn;

/// What is armed must prove itself within this, or writes have waited long enough.
const PROOF: Duration = Duration::from_millis(1_500);
/// After a proof that stayed out; doubled with each one in a row, as each makes writes wait.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A look at the reader that is older than this does not show that it could acknowledge now.
const FRESH: Duration = Duration::from_secs(1);
/// A reader this many transactions behind is not yet worth arming for: every commit would wait for it.
const NEARLY_CAUGHT_UP: u64 = 200;

/// Plans what the source sides need while `writer` serves.
pub(super) fn steps(turn: &mut Turn<'_>, writer: Side, verdict: &Verdict) {
    let reader = writer.peer();
    let armed = |look: &ServerFact| look.semi_sync.source_on;
    // Before the register is stored, the reader is on record as the writer that waits for its standby.
    if turn.server(reader).is_some_and(armed) && turn.register_is_stored() {
        turn.act(Action::DisarmSource { side: reader });
    }
    if let Some(why) = why_not(turn, writer, verdict) {
        give_up(turn, reader, &why);
        if *verdict == Verdict::ReaderIll {
            proof_stayed_out(turn, reader);
        }
    } else if turn
        .register()
        .is_some_and(|register| register.in_sync.is_none())
    {
        earn(turn, writer);
    }
    let clients = turn.server(writer).map_or(0, |look| look.semi_sync.clients);
    if clients > 1 {
        let detail = format!("{clients} semi-sync replicas are connected");
        turn.find_at(writer, Kind::SecondSemiSyncClient, detail);
    }
    follow(turn, writer);
}

/// Why the standby may not be relied upon.
fn why_not(turn: &Turn<'_>, writer: Side, verdict: &Verdict) -> Option<String> {
    let reader = writer.peer();
    let durable = &turn.memory.durable;
    if turn.is_dead(reader) {
        return Some("its process ended".into());
    }
    if *verdict == Verdict::ReaderIll {
        return Some("it does not acknowledge".into());
    }
    if let Some(error) = heartbeat_fails(turn, writer) {
        return Some(format!("the writer's heartbeat proves nothing: {error}"));
    }
    if durable.holds[reader].receiver.is_some() {
        return Some("its receiver is held".into());
    }
    let forgets = |rejoin: &Rejoin| rejoin.forget && rejoin.cut;
    if durable.rejoin[reader].as_ref().is_some_and(forgets) {
        return Some(
            "it is started anew without its own transactions, which change nothing".into(),
        );
    }
    if durable.rejoin[reader].is_some() || durable.quarantine[reader].is_some() {
        return Some("it has not rejoined".into());
    }
    let left_alone = |pause: &Pause| pause.by == PausedBy::CleanStop;
    if turn.facts.stopping || durable.pause.as_ref().is_some_and(left_alone) {
        return Some("the daemon stops".into());
    }
    if let Some(look) = turn.server(reader) {
        if look.link.is_none() {
            return Some("it has no link".into());
        }
        if !strays::barring(turn, reader).is_empty() && strays::strays(turn, reader).is_empty() {
            let own = strays::told(turn, reader);
            return Some(format!("it has transactions of its own: {own}"));
        }
        if turn.fetches_anew(reader, look) {
            return Some("its relay log is fetched anew".into());
        }
        if link::runs_plain(look) {
            return Some(
                "its receiver is no semi-sync replica: others may acknowledge for it".into(),
            );
        }
        if let Some(forgotten) = binlogs::forgotten(turn, reader) {
            return Some(format!(
                "it no longer has {forgotten}, which it had executed: its history was reset; re-seed it"
            ));
        }
    }
    let named = turn
        .register()
        .and_then(|register| register.in_sync.as_ref());
    if let (Some(named), Some(life)) = (
        named,
        turn.process(reader).and_then(|process| process.living()),
    ) && named != life
    {
        return Some("its process is another one".into());
    }
    let look = turn.server(writer)?;
    if look.semi_sync.clients > 1 {
        return Some(format!(
            "{} semi-sync replicas are connected",
            look.semi_sync.clients
        ));
    }
    if named.is_some() && is_seen(turn, writer) && !is_armed(turn, &look.semi_sync) {
        return Some(match look.writable {
            true => "the writer's semi-sync settings were changed".into(),
            false => "the writer was started anew and is not armed".into(),
        });
    }
    None
}

/// The writer answers the heartbeat with an error for so long that it no longer shows whether commits are
/// acknowledged.
fn heartbeat_fails(turn: &Turn<'_>, writer: Side) -> Option<String> {
    let heartbeat = &turn.member(writer).probes.heartbeat;
    let answered = heartbeat
        .error
        .as_ref()
        .filter(|error| error.errno.is_some())?;
    let since = heartbeat.last_ok.unwrap_or(Timestamp::BOOT);
    (turn.now().since(since) >= turn.policy.hang.limit).then(|| answered.text.clone())
}

/// The writer was looked at after its open and after its source side was last touched.
fn is_seen(turn: &Turn<'_>, writer: Side) -> bool {
    let touched = [
        ActionKind::Open,
        ActionKind::ArmSource,
        ActionKind::DisarmSource,
    ]
    .into_iter()
    .map(|kind| turn.done_at(writer, kind))
    .max()
    .unwrap_or(Timestamp::BOOT);
    turn.server_since(writer, touched).is_some()
}

/// On record first: the register is stored before the server is told.
fn give_up(turn: &mut Turn<'_>, reader: Side, why: &str) {
    turn.memory.earning = match turn.memory.earning {
        Earning::Waiting { until } => Earning::Waiting { until },
        Earning::No | Earning::Armed { .. } | Earning::Receiving { .. } => Earning::No,
    };
    turn.find_at(reader, Kind::NotInSync, why);
    turn.forget_standby();
}

/// The writer's source side follows the register.
fn follow(turn: &mut Turn<'_>, writer: Side) {
    let Some(look) = turn.server(writer) else {
        return;
    };
    let in_sync = turn
        .register()
        .is_some_and(|register| register.in_sync.is_some());
    // A clean stop leaves it on, with a bounded wait.
    let wanted = in_sync
        || turn.facts.stopping
        || matches!(
            turn.memory.earning,
            Earning::Armed { .. } | Earning::Receiving { .. }
        );
    // A late one of the two would undo what the other has brought about.
    let arms = turn.work(Some(writer)).runs(ActionKind::ArmSource);
    if look.semi_sync.source_on && !wanted && !arms && turn.register_is_stored() {
        turn.hurry = true;
        turn.act(Action::DisarmSource { side: writer });
    }
}

/// Arm, read back, see a heartbeat acknowledged, read the writer's position, see it received.
fn earn(turn: &mut Turn<'_>, writer: Side) {
    let reader = writer.peer();
    let (Some(w), Some(r)) = (turn.server(writer), turn.server(reader)) else {
        return;
    };
    turn.find_at(
        reader,
        Kind::NotInSync,
        "it has not yet proven that it has everything",
    );
    if !serve::is_open(turn, writer) {
        return;
    }
    match turn.memory.earning.clone() {
        Earning::Waiting { until } if until > turn.now() => turn.wake(until),
        Earning::No | Earning::Waiting { .. } => begin(turn, writer, w, r),
        Earning::Armed { since } => prove(turn, writer, w, since),
        Earning::Receiving { position, read } => {
            turn.hurry = true;
            let received = r.asked >= read && receives(r) && Turn::has(r).contains(&position);
            if received && is_armed(turn, &w.semi_sync) {
                turn.memory.earning = Earning::No;
                turn.memory.unproven = 0;
                turn.memory.durable.line[reader] = turn.made_by(reader, &w.executed);
                let life = r.incarnation.clone();
                if let Some(register) = &mut turn.memory.durable.register {
                    register.in_sync = Some(life);
                }
            } else {
                expire(turn, read);
            }
        }
    }
}

/// It is connected as a semi-sync replica: where the writer counts one, that one is the peer.
fn receives(r: &ServerFact) -> bool {
    let link = r.link.as_ref();
    r.semi_sync.replica_on
        && link.is_some_and(|link| link.receiver == Receiver::Running)
        && !link::runs_plain(r)
}

fn begin(turn: &mut Turn<'_>, writer: Side, w: &ServerFact, r: &ServerFact) {
    let ready = r.link.as_ref().is_some_and(|link| {
        let threads = receives(r) && link.applier && link.applier_error.is_none();
        threads && w.executed.subtract(&link.received).count() <= NEARLY_CAUGHT_UP
    });
    if ready
        && link::stays(turn, writer.peer())
        && turn.is_settled(writer, ActionKind::DisarmSource)
        && settings_allow(turn, writer, w, r)
        && is_fresh(turn, writer.peer())
        && turn.act(Action::ArmSource {
            side: writer,
            timeout_ms: ack_timeout(turn),
        })
    {
        turn.memory.earning = Earning::Armed { since: turn.now() };
        turn.hurry = true;
    }
}

/// What lossless rests on at both; what is missing is named.
fn settings_allow(turn: &mut Turn<'_>, writer: Side, w: &ServerFact, r: &ServerFact) -> bool {
    let needed = [
        (writer, "the semi-sync source", w.semi_sync.available),
        (
            writer.peer(),
            "the semi-sync replica side",
            r.semi_sync.replica_on,
        ),
        (writer, "gtid_strict_mode", w.strict),
        (writer.peer(), "gtid_strict_mode", r.strict),
        (
            writer.peer(),
            "the logging of what it applies",
            r.logs_updates,
        ),
    ];
    for (side, what, on) in needed {
        if !on {
            turn.find_at(side, Kind::UnsafeSettings, format!("{what} is off"));
        }
    }
    needed.iter().all(|(_, _, on)| *on)
}

fn prove(turn: &mut Turn<'_>, writer: Side, w: &ServerFact, since: Timestamp) {
    turn.hurry = true;
    let armed_at = turn
        .work(Some(writer))
        .done_since(ActionKind::ArmSource, since)
        .map(|done| done.at);
    let beat = turn.member(writer).probes.heartbeat.last_ok_sent;
    if let Some(armed_at) = armed_at
        && beat.is_some_and(|sent| sent >= armed_at)
        && w.asked
            >= turn
                .member(writer)
                .probes
                .heartbeat
                .last_ok
                .unwrap_or(Timestamp::NEVER)
        && is_armed(turn, &w.semi_sync)
        && w.semi_sync.clients == 1
    {
        turn.memory.earning = Earning::Receiving {
            position: w.executed.clone(),
            read: w.at,
        };
        return;
    }
    expire(turn, since);
}

/// A proof that stays out ends the wait of every commit, and the receiver is restarted.
fn expire(turn: &mut Turn<'_>, since: Timestamp) {
    let end = since + PROOF;
    if turn.now() < end {
        turn.wake(end);
        return;
    }
    if let Some(reader) = turn.memory.writer().map(Side::peer) {
        turn.find_at(reader, Kind::NotInSync, "no acknowledgement came back");
        proof_stayed_out(turn, reader);
    }
}

/// A link may look green and acknowledge nothing: its receiver is started anew, and is tried again later.
fn proof_stayed_out(turn: &mut Turn<'_>, reader: Side) {
    if !matches!(turn.memory.earning, Earning::Waiting { .. }) {
        let doublings = turn.memory.unproven.min(10);
        turn.memory.unproven += 1;
        let pause = PAUSE_AFTER_FAILURE.saturating_mul(1 << doublings);
        let until = turn.now() + pause.min(LONGEST_PAUSE);
        turn.memory.earning = Earning::Waiting { until };
        turn.wake(until);
        let keeps_applying = turn.link(reader).is_some_and(|link| link.applier);
        if keeps_applying && is_fresh(turn, reader) {
            turn.act(Action::StopReceiver { side: reader });
        }
    }
}

/// The reader answered a moment ago, and nothing says that it does not answer now.
fn is_fresh(turn: &Turn<'_>, reader: Side) -> bool {
    let member = turn.member(reader);
    let asked = turn.server(reader).map(|look| look.asked);
    let running = turn
        .process(reader)
        .is_some_and(|process| process.state == ProcessState::Running);
    running
        && member.server_error.is_none()
        && asked.is_some_and(|asked| turn.now().since(asked) <= FRESH)
}
