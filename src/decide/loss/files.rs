//! The file rule: a server's own files tell whether its peer lacks anything.

use crate::decide::turn::Turn;
use crate::model::action::{Action, ActionError, ActionKind, Brought};
use crate::model::finding::Kind;
use crate::model::gtid::GtidSet;
use crate::model::incarnation::Incarnation;
use crate::model::link::Receiver;
use crate::model::member::Side;
use crate::model::process::ProcessState;
use crate::model::server::ServerFact;

/// As often a walk through the dead writer's files is tried.
const WALKS: u32 = 4;

/// What a server's files say of its peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::decide) enum Files {
    /// They are being compared, or cannot be yet.
    Unknown,
    /// Nobody knows which life wrote them last.
    NoLife,
    /// The peer has all of it.
    Complete,
    /// The peer lacks these.
    Lacking(GtidSet),
    /// They cannot be compared.
    Failed(String),
}

impl Files {
    /// The peer lacks just these.
    pub(in crate::decide) fn of(lacking: GtidSet) -> Self {
        match lacking.is_empty() {
            true => Self::Complete,
            false => Self::Lacking(lacking),
        }
    }
}

/// Compares the dead writer's files with what its living standby has; the walk is planned where it is
/// still to be made.
pub(super) fn compare(turn: &mut Turn<'_>, writer: Side, look: &ServerFact) -> Files {
    if let Err(unknown) = last_life(turn, writer) {
        return unknown;
    }
    if receives(look) {
        // It may still be reading what the dead server sent.
        turn.hurry = true;
        return Files::Unknown;
    }
    if starts_applying(turn, writer.peer(), look) {
        return Files::Unknown;
    }
    let known = applicable(turn, look);
    beyond(turn, writer, &known)
}

/// What a server's files hold beyond `known`; the walk is planned where it is still to be made.
pub(in crate::decide) fn beyond(turn: &mut Turn<'_>, side: Side, known: &GtidSet) -> Files {
    let life = match last_life(turn, side) {
        Ok(life) => life,
        Err(unknown) => return unknown,
    };
    match walked(turn, side, &life, known) {
        Some(Ok(lacking)) => Files::of(lacking),
        Some(Err(why)) => Files::Failed(why),
        None => {
            turn.hurry = true;
            let name = turn.policy.name(side.peer());
            let detail = format!("its files are compared with what {name} has");
            turn.find_at(side, Kind::NotInSync, detail);
            let known = known.clone();
            turn.act(Action::Walk { side, life, known });
            Files::Unknown
        }
    }
}

/// The life that wrote the files last, unless it is still writing out what it has.
fn last_life(turn: &Turn<'_>, side: Side) -> Result<Incarnation, Files> {
    let process = turn.process(side).ok_or(Files::Unknown)?;
    match &process.incarnation {
        None => Err(Files::NoLife),
        Some(_) if process.state == ProcessState::Exiting => Err(Files::Unknown),
        Some(life) => Ok(life.clone()),
    }
}

/// While the pair holds, an operator who may order a failover is told what the dead writer's files say.
pub(in crate::decide) fn ask_files(turn: &mut Turn<'_>, writer: Side) {
    if let Some(look) = turn.server(writer.peer()) {
        compare(turn, writer, look);
    }
}

/// The dead writer's files were compared, and hold nothing that the standby lacks.
pub(in crate::decide) fn files_are_complete(turn: &Turn<'_>, writer: Side) -> bool {
    let (Some(process), Some(look)) = (turn.process(writer), turn.server(writer.peer())) else {
        return false;
    };
    let Some(life) = &process.incarnation else {
        return false;
    };
    let known = applicable(turn, look);
    let lacking = walked(turn, writer, life, &known);
    process.state == ProcessState::Gone
        && !receives(look)
        && matches!(lacking, Some(Ok(lacking)) if lacking.is_empty())
}

/// What a MariaDB standby has only received counts once its applier runs; it can still be started while the
/// receiver's thread is there.
fn starts_applying(turn: &mut Turn<'_>, standby: Side, look: &ServerFact) -> bool {
    let Some(link) = &look.link else { return false };
    let can_start = turn.is_mariadb()
        && !link.applier
        && link.applier_error.is_none()
        && link.receiver != Receiver::Stopped
        && !look.executed.contains(&link.received);
    let ended = turn
        .work(Some(standby))
        .ended
        .get(&ActionKind::StartApplier);
    let in_vain = ended.is_some_and(|ended| ended.result.is_err());
    if can_start && !in_vain {
        turn.hurry = true;
        turn.act(Action::StartApplier { side: standby });
    }
    can_start && !in_vain
}

fn receives(look: &ServerFact) -> bool {
    let link = look.link.as_ref();
    link.is_some_and(|link| link.receiver == Receiver::Running)
}

/// What the standby has, counting what it only received where that can still be applied.
fn applicable(turn: &Turn<'_>, look: &ServerFact) -> GtidSet {
    match &look.link {
        Some(link) if link.applier || !turn.is_mariadb() => look.executed.union(&link.received),
        _ => look.executed.clone(),
    }
}

/// The result of a walk through the files of this life that asked for no more than is known now.
fn walked(
    turn: &Turn<'_>,
    side: Side,
    life: &Incarnation,
    known: &GtidSet,
) -> Option<Result<GtidSet, String>> {
    let outcome = turn.work(Some(side)).ended.get(&ActionKind::Walk)?;
    let Action::Walk {
        life: walked,
        known: asked,
        ..
    } = &outcome.action
    else {
        return None;
    };
    if walked != life || !known.contains(asked) {
        return None;
    }
    match &outcome.result {
        Ok(Brought::Lacking(lacking)) => Some(Ok(lacking.subtract(known))),
        Ok(_) => None,
        Err(error @ ActionError::Refused(_)) => Some(Err(error.to_string())),
        Err(error) if outcome.failures >= WALKS => Some(Err(error.to_string())),
        Err(_) => None,
    }
}
