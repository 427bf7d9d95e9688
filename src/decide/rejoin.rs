//! The deposed writer comes back as a reader: what nobody acknowledged is cut off before it starts,
//! and it proves that it holds nothing of its own before its link runs. A reader that is to forget what
//! it made itself goes the same way.

use crate::model::action::{Action, ActionError, ActionKind, Brought};
use crate::model::finding::Kind;
use crate::model::gtid::GtidSet;
use crate::model::incarnation::Incarnation;
use crate::model::member::Side;
use crate::model::memory::{Quarantine, Rejoin, Stood};
use crate::model::process::ProcessState;
use crate::model::server::{Family, ServerFact};
use crate::model::time::Timestamp;

use super::serve;
use super::turn::Turn;

/// As often it is tried to make a reader's files forget.
const TRIES: u32 = 4;

/// Plans what a returning member needs while `writer` serves.
pub(super) fn steps(turn: &mut Turn<'_>, writer: Side) {
    let side = writer.peer();
    if let Some(rejoin) = turn.memory.durable.rejoin[side].clone() {
        if !serve::is_open(turn, writer) {
            return;
        }
        match turn.server(side) {
            Some(look) if rejoin.life.as_ref() == Some(&look.incarnation) => {
                end(turn, side, look, &rejoin);
            }
            Some(look) => prove(turn, side, look, &rejoin),
            None => cut(turn, side, rejoin),
        }
    }
    release(turn, side);
}

/// The dead server's files may be started from.
pub(super) fn may_start(turn: &Turn<'_>, side: Side) -> bool {
    let Some(rejoin) = &turn.memory.durable.rejoin[side] else {
        return true;
    };
    !rejoin.cut || (rejoin.cut_done && is_stored(turn, side, rejoin))
}

fn is_stored(turn: &Turn<'_>, side: Side, rejoin: &Rejoin) -> bool {
    let stored = turn.facts.stored.as_ref();
    stored.and_then(|stored| stored.rejoin[side].as_ref()) == Some(rejoin)
}

/// A reader that is to forget is ended, once that is on record and nobody waits for it. Its applier stands
/// still: one that dies in the middle of a DROP TABLE leaves another transaction of its own.
fn end(turn: &mut Turn<'_>, side: Side, look: &ServerFact, rejoin: &Rejoin) {
    let waited_for = turn
        .server(side.peer())
        .is_none_or(|writer| writer.semi_sync.source_on);
    if !rejoin.forget || waited_for || !turn.may_lack(side) || !is_stored(turn, side, rejoin) {
        return;
    }
    if look.link.as_ref().is_some_and(|link| link.applier) {
        turn.act(Action::StopApplier { side });
    } else {
        let life = look.incarnation.clone();
        turn.act(Action::Kill { side, life });
        // Not a life that failed: the next start waits for nothing.
        turn.memory.starts[side].count = 0;
    }
}

fn cut(turn: &mut Turn<'_>, side: Side, mut rejoin: Rejoin) {
    let Some(deposed) = rejoin.life.clone() else {
        return;
    };
    // The writer's applier stays stopped before the proof: a ghost would be replicated without any error.
    let gated = turn.link(side.peer()).is_none_or(|link| !link.applier);
    let Some(process) = turn.process(side) else {
        return;
    };
    if !rejoin.cut || rejoin.cut_done || process.state != ProcessState::Gone || !gated {
        return;
    }
    // A daemon that was not there when it died does not know its last life: the cut itself compares it
    // with the pid file, and refuses another one.
    if process
        .incarnation
        .as_ref()
        .is_some_and(|life| *life != deposed)
    {
        uncut(turn, side, rejoin, "it was started since");
        return;
    }
    let Some(writer) = turn.server(side.peer()) else {
        return;
    };
    let (life, known) = (deposed.clone(), writer.executed.clone());
    let (action, what) = match rejoin.forget {
        true => (
            Action::Forget { side, life, known },
            "; they change nothing",
        ),
        false => (Action::Cut { side, life, known }, ""),
    };
    let ended = turn.work(Some(side)).ended.get(&action.kind()).filter(|ended| {
        let of = |life: &Incarnation| *life == deposed;
        matches!(&ended.action, Action::Cut { life, .. } | Action::Forget { life, .. } if of(life))
    });
    // A reader that cannot be made to forget serves as it is; a deposed writer is never started uncut so.
    let most = if rejoin.forget { TRIES } else { u32::MAX };
    match ended.map(|ended| (&ended.result, ended.failures)) {
        Some((Ok(Brought::Removed(removed)), _)) => {
            if !removed.gtids.is_empty() {
                turn.find_at(side, Kind::TailRemoved, format!("{removed}{what}"));
            }
            rejoin.cut_done = true;
        }
        Some((Err(error), failures))
            if matches!(error, ActionError::Refused(_)) || failures >= most =>
        {
            let why = error.to_string();
            uncut(turn, side, rejoin, &why);
            return;
        }
        Some((Ok(_) | Err(_), _)) | None => {
            turn.act(action);
            return;
        }
    }
    turn.memory.durable.rejoin[side] = Some(rejoin);
}

/// It starts with its tail; the proof tells what that holds.
fn uncut(turn: &mut Turn<'_>, side: Side, mut rejoin: Rejoin, why: &str) {
    let detail = format!("its tail cannot be cut: {why}");
    turn.find_at(side, Kind::NotInSync, detail);
    rejoin.cut = false;
    turn.memory.durable.rejoin[side] = Some(rejoin);
}

/// Its set is fixed, as it is read-only and its link stands; the writer's was looked at later.
fn prove(turn: &mut Turn<'_>, side: Side, look: &ServerFact, rejoin: &Rejoin) {
    let stood = stood_since(turn, side, look, &look.executed);
    let Some(writer) = turn.server_since(side.peer(), stood) else {
        turn.hurry = true;
        return;
    };
    // What waits behind the writer's gate is not in its line.
    let exclusive = look.executed.subtract(&writer.executed);
    let forgotten = forgotten(turn, side, look, writer);
    // What a reader makes after it has forgotten is looked up like what it made before.
    let is_joined = rejoin.forget && rejoin.cut_done;
    if is_joined || exclusive.is_empty() && forgotten.is_empty() {
        turn.memory.durable.rejoin[side] = None;
        return;
    }
    let why = if exclusive.is_empty() {
        format!(
            "it lacks transactions that it made itself and would ignore when they come back: {forgotten}"
        )
    } else {
        format!("it has transactions that the writer lacks: {exclusive}")
    };
    let why = match not_forgotten(turn, side) {
        Some(refused) if rejoin.forget => format!("{why}; it cannot forget them: {refused}"),
        _ => why,
    };
    turn.memory.durable.rejoin[side] = None;
    turn.memory.durable.quarantine[side] = Some(Quarantine { why, exclusive });
}

/// Why its files were left as they are.
fn not_forgotten(turn: &Turn<'_>, side: Side) -> Option<String> {
    let ended = turn.work(Some(side)).ended.get(&ActionKind::Forget)?;
    ended.result.as_ref().err().map(ToString::to_string)
}

/// Since when the member has been seen to have just these transactions: the two are looked at in turn, and
/// the newest look of one may always be a little younger than the other's.
pub(super) fn stood_since(
    turn: &mut Turn<'_>,
    side: Side,
    look: &ServerFact,
    set: &GtidSet,
) -> Timestamp {
    let stood = &mut turn.memory.stood[side];
    match stood {
        Some(stood) if stood.life == look.incarnation && stood.executed == *set => stood.since,
        _ => {
            *stood = Some(Stood {
                life: look.incarnation.clone(),
                executed: set.clone(),
                since: look.at,
            });
            look.at
        }
    }
}

/// MySQL ignores events that carry its own identity: what it lost of its own would never come back.
fn forgotten(turn: &Turn<'_>, side: Side, look: &ServerFact, writer: &ServerFact) -> GtidSet {
    match turn.policy.family {
        Family::Mysql => turn.made_by(side, &writer.executed.subtract(&look.executed)),
        Family::Mariadb => GtidSet::new(),
    }
}

/// What was written out of a quarantined member's own transactions in this life of its server.
pub(super) fn saved(turn: &Turn<'_>, side: Side) -> Option<String> {
    let since = turn.memory.lives_since[side];
    let done = turn
        .work(Some(side))
        .done_since(ActionKind::SaveOwn, since)?;
    match &done.result {
        Ok(Brought::Saved(saved)) => Some(saved.to_string()),
        Ok(_) | Err(_) => None,
    }
}

/// What only a quarantined member has is written out. Its quarantine ends by itself when nothing exclusive is left (somebody undid it, or re-seeded the member).
fn release(turn: &mut Turn<'_>, side: Side) {
    let Some(quarantine) = turn.memory.durable.quarantine[side].clone() else {
        return;
    };
    let (Some(look), Some(writer)) = (turn.server(side), turn.server(side.peer())) else {
        return;
    };
    if !quarantine.exclusive.is_empty() && saved(turn, side).is_none() {
        let known = writer.executed.clone();
        turn.act(Action::SaveOwn { side, known });
    }
    let stood = stood_since(turn, side, look, &look.executed);
    let later = writer.asked >= stood;
    let clean = look.executed.subtract(&writer.executed).is_empty()
        && forgotten(turn, side, look, writer).is_empty();
    if later && clean {
        turn.memory.durable.quarantine[side] = None;
    }
}
