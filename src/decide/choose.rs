//! The first writer of a pair, and the correction of a register that is older than the servers.

use std::time::Duration;

use crate::model::finding::{Finding, Kind};
use crate::model::member::{Both, Side};
use crate::model::memory::Why;
use crate::model::register::Register;

use super::turn::Turn;

/// The register's writer; chosen now where there was none. `Err`: nobody can be chosen safely.
pub(super) fn writer(turn: &mut Turn<'_>) -> Result<Option<Side>, Why> {
    let writer = known_or_chosen(turn)?;
    if writer.is_some() {
        note_members(turn);
    }
    Ok(writer)
}

fn known_or_chosen(turn: &mut Turn<'_>) -> Result<Option<Side>, Why> {
    if let Some(register) = turn.register().cloned() {
        correct(turn, &register)?;
        return Ok(turn.memory.writer());
    }
    let (Some(a), Some(b)) = (turn.server(Side::A), turn.server(Side::B)) else {
        return Ok(None);
    };
    if let Some((epoch, writer)) = newest_heartbeat(turn) {
        let detail = format!("no register is stored; the heartbeat names epoch {epoch}");
        turn.find(Finding::of_pair(Kind::StoreIsOld, detail));
        turn.install(Register {
            epoch,
            writer,
            in_sync: None,
        });
        return Ok(Some(writer));
    }
    let (has_a, has_b) = (Turn::has(a), Turn::has(b));
    let preferred = turn.policy.prefer.unwrap_or(Side::A);
    let writer = match (has_a.contains(&has_b), has_b.contains(&has_a)) {
        (true, true) => preferred,
        (true, false) => Side::A,
        (false, true) => Side::B,
        (false, false) => {
            return Err(Why::Split {
                only_a: has_a.subtract(&has_b),
                only_b: has_b.subtract(&has_a),
            });
        }
    };
    if a.writable && b.writable {
        return Err(Why::BothWritable);
    }
    for side in Side::BOTH {
        let has = Turn::has(if side == Side::A { a } else { b });
        turn.memory.durable.line[side] = turn.made_by(side, &has);
    }
    turn.install(Register {
        epoch: 1,
        writer,
        in_sync: None,
    });
    Ok(Some(writer))
}

/// A register goes with the servers that it was chosen for: a daemon that finds others under the sides'
/// names keeps nothing.
fn note_members(turn: &mut Turn<'_>) {
    if turn.memory.durable.members.is_none() {
        let identity = |side| turn.policy.members[side].identity();
        turn.memory.durable.members = Some(Both::from_fn(identity));
    }
}

/// A heartbeat of a higher epoch means that the store was put back from an older copy. One of the same
/// epoch that names the other member means that one of the two is not this pair's: nobody can tell which.
fn correct(turn: &mut Turn<'_>, register: &Register) -> Result<(), Why> {
    let Some((epoch, writer)) = newest_heartbeat(turn) else {
        return Ok(());
    };
    let contradicts = |row: &(u64, Side)| row.0 == register.epoch && row.1 != register.writer;
    if epoch == register.epoch
        && let Some((epoch, named)) = heartbeats(turn).find(contradicts)
    {
        return Err(Why::OtherWriter { epoch, named });
    }
    if epoch > register.epoch {
        let detail = format!("stored epoch {}, heartbeat epoch {epoch}", register.epoch);
        turn.find(Finding::of_pair(Kind::StoreIsOld, detail));
        turn.install(Register {
            epoch,
            writer,
            in_sync: None,
        });
    }
    Ok(())
}

/// The highest epoch in either member's heartbeat table, and its writer.
fn newest_heartbeat(turn: &Turn<'_>) -> Option<(u64, Side)> {
    heartbeats(turn).max_by_key(|(epoch, _)| *epoch)
}

/// The rows in both members' heartbeat tables that name one of them: epoch and writer.
fn heartbeats(turn: &Turn<'_>) -> impl Iterator<Item = (u64, Side)> {
    let rows = Side::BOTH
        .into_iter()
        .filter_map(|side| turn.server(side))
        .flat_map(|look| &look.heartbeats);
    rows.filter_map(|row| {
        let writer = Side::BOTH
            .into_iter()
            .find(|side| turn.policy.members[*side].server_id == row.writer)?;
        Some((row.epoch, writer))
    })
}

/// Long enough to have looked at everything that can be looked at.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Both members have been looked at: their processes, and what lives has answered or refused.
pub(super) fn both_known(turn: &Turn<'_>) -> bool {
    Side::BOTH.into_iter().all(|side| {
        let member = turn.member(side);
        match &member.process {
            Some(process) if process.lives() => turn.server(side).is_some(),
            Some(_) => member.instance.is_some(),
            None => false,
        }
    })
}
