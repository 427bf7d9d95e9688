//! The reader's own transactions: what it made while it was no writer.
//!
//! Row changes bar every role change and are named. What changes no row (FLUSH and its like) is told from
//! them by the reader's binary log; it bars nothing on MySQL, and on MariaDB until the reader has forgotten it.

use crate::model::action::{Action, ActionKind, Brought};
use crate::model::finding::Kind;
use crate::model::gtid::GtidSet;
use crate::model::member::Side;

use super::turn::Turn;

/// Transactions of the reader's own that were not made while it was writer, and may change rows.
pub(super) fn strays(turn: &Turn<'_>, reader: Side) -> GtidSet {
    all(turn, reader).subtract(&turn.memory.durable.harmless[reader])
}

/// What bars a role change. On MariaDB that is everything the reader made itself: where its writer's
/// transaction of the same number is refused (1950), a parallel applier may commit the ones behind it and
/// go on from there. Only the files can tell, when the reader forgets.
pub(super) fn barring(turn: &Turn<'_>, reader: Side) -> GtidSet {
    match turn.is_mariadb() {
        true => all(turn, reader),
        false => strays(turn, reader),
    }
}

/// What the barring ones change, in words, where its binary log was asked: nothing else would be kept by
/// accepting them.
pub(super) fn told(turn: &Turn<'_>, reader: Side) -> String {
    let strays = strays(turn, reader);
    if strays.is_empty() {
        let own = barring(turn, reader);
        return format!("{own} (nothing by themselves; the writer's of these numbers are refused)");
    }
    match classified(turn, reader) {
        Some((asked, _, changes)) if asked.contains(&strays) && !changes.is_empty() => {
            format!("{strays} ({})", changes.join(", "))
        }
        _ => strays.to_string(),
    }
}

/// Strays on the reader are looked up in its binary log, and named while they last.
pub(super) fn steps(turn: &mut Turn<'_>, reader: Side) {
    note_foreign(turn, reader);
    look_up(turn, reader);
    if !strays(turn, reader).is_empty() && !is_asked(turn, reader) {
        let detail = told(turn, reader);
        turn.find_at(reader, Kind::ReaderHasOwnRows, detail);
    }
}

/// Remembers what its binary log called harmless, and has it asked for strays it was not asked for yet.
pub(super) fn look_up(turn: &mut Turn<'_>, reader: Side) {
    let all = all(turn, reader);
    remember(turn, reader, &all);
    let strays = all.subtract(&turn.memory.durable.harmless[reader]);
    let asked = classified(turn, reader).map(|(asked, _, _)| asked);
    if !strays.is_empty() && !asked.is_some_and(|asked| asked.contains(&strays)) {
        turn.act(Action::Classify {
            side: reader,
            gtids: strays,
        });
    }
}

/// Its binary log is being asked: they bar already, and are not yet called rows.
pub(super) fn is_asked(turn: &Turn<'_>, reader: Side) -> bool {
    let planned = turn.plan.iter().any(|step| {
        step.action.kind() == ActionKind::Classify && step.action.side() == Some(reader)
    });
    planned || turn.work(Some(reader)).runs(ActionKind::Classify)
}

/// All transactions of the reader's own that its peer lacks and that were not made while it was writer.
pub(super) fn all(turn: &Turn<'_>, reader: Side) -> GtidSet {
    let Some(look) = turn.server(reader) else {
        return GtidSet::new();
    };
    let own = turn
        .made_by(reader, &look.executed)
        .subtract(&turn.memory.durable.line[reader]);
    let own = own.union(&turn.memory.foreign[reader]);
    match &turn.member(reader.peer()).server {
        Some(writer) => own.subtract(&writer.executed),
        None => own,
    }
}

/// Remembers what the reader has from elsewhere (a dump that was loaded there, a channel of its own). Only a
/// later look at the writer tells that the writer lacks it.
fn note_foreign(turn: &mut Turn<'_>, reader: Side) {
    let writer = reader.peer();
    let Some(look) = turn.server(reader) else {
        return;
    };
    turn.memory.foreign[reader] = match turn.server_since(writer, look.at) {
        Some(w) => {
            let others = look.executed.subtract(&w.executed);
            let by_members = turn
                .made_by(reader, &others)
                .union(&turn.made_by(writer, &others));
            others.subtract(&by_members)
        }
        None => {
            let known = &turn.memory.foreign[reader];
            known.subtract(&known.subtract(&look.executed))
        }
    };
    turn.memory.foreign[writer] = GtidSet::new();
}

/// Keeps what the binary log called harmless, while it is there and nobody else has executed it: the
/// writer's relay log holds what the reader has forgotten until its link is pointed anew.
fn remember(turn: &mut Turn<'_>, reader: Side, all: &GtidSet) {
    let waiting = turn.server(reader.peer()).map(|look| {
        let received = Turn::has(look).subtract(&look.executed);
        turn.made_by(reader, &received)
    });
    let all = all.union(&waiting.unwrap_or_default());
    let found = classified(turn, reader).map(|(_, harmless, _)| harmless.clone());
    let answers = turn.server(reader).is_some();
    let harmless = &mut turn.memory.durable.harmless[reader];
    if let Some(found) = found {
        *harmless = harmless.union(&found);
    }
    if answers {
        let foreign = harmless.subtract(&all);
        *harmless = harmless.subtract(&foreign);
    }
}

/// The last answer of the binary log: what it was asked for, what of that is harmless, what the rest
/// changes.
fn classified<'a>(
    turn: &Turn<'a>,
    reader: Side,
) -> Option<(&'a GtidSet, &'a GtidSet, &'a [String])> {
    let outcome = turn.work(Some(reader)).ended.get(&ActionKind::Classify)?;
    match (&outcome.action, &outcome.result) {
        (Action::Classify { gtids, .. }, Ok(Brought::Classified { harmless, changes })) => {
            Some((gtids, harmless, changes))
        }
        _ => None,
    }
}
