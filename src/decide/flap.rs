//! Anti-flapping: too many unplanned role changes in a short time mean that the cause is not the writer.

use crate::model::finding::{Finding, Kind};

use super::turn::Turn;

/// Unplanned role changes within the window that nobody has acknowledged.
pub(super) fn recent(turn: &Turn<'_>) -> u32 {
    let window = u64::try_from(turn.policy.flap.window.as_millis()).unwrap_or(u64::MAX);
    let oldest = turn.facts.wall_ms.saturating_sub(window);
    let changes = &turn.memory.durable.changes;
    let counted = changes
        .iter()
        .filter(|change| !change.planned && !change.acked && change.at_ms >= oldest);
    u32::try_from(counted.count()).unwrap_or(u32::MAX)
}

/// Says so while automatic moves have stopped.
pub(super) fn steps(turn: &mut Turn<'_>) {
    if stops_moves(turn) {
        let detail = format!("{} within the window", recent(turn));
        turn.find(Finding::of_pair(Kind::Flapping, detail));
    }
}

/// Automatic moves have stopped.
pub(super) fn stops_moves(turn: &Turn<'_>) -> bool {
    turn.policy.flap.changes > 0 && recent(turn) >= turn.policy.flap.changes
}
