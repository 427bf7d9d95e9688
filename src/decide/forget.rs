//! On MariaDB a reader's own transactions that change nothing break the pair all the same: the writer's
//! next one has the number of the first of them, and the reader's applier stops at it (1950).
//!
//! So the reader is taken out and comes back like a deposed writer: on record first that it may lack
//! something, then its server is ended, its files forget these transactions, and it starts and proves
//! itself. What makes this safe is asked of the files themselves, which cannot change any more.

use std::time::Duration;

use crate::model::member::Side;
use crate::model::memory::Rejoin;

use super::death::Verdict;
use super::rejoin;
use super::serve;
use super::strays;
use super::turn::Turn;

/// Whoever makes such transactions may make more of them: the reader is left to them until none has come
/// for this long.
const STANDS: Duration = Duration::from_secs(1);

/// Has the reader forget what it made itself, once that is known to change nothing and stands still.
pub(super) fn steps(turn: &mut Turn<'_>, writer: Side, verdict: &Verdict) {
    let reader = writer.peer();
    let durable = &turn.memory.durable;
    let apart = durable.rejoin[reader].is_some() || durable.quarantine[reader].is_some();
    let whole = *verdict == Verdict::Fine && !turn.facts.stopping && serve::is_open(turn, writer);
    if !turn.is_mariadb() || apart || !whole {
        return;
    }
    let own = strays::all(turn, reader);
    if own.is_empty() || !strays::strays(turn, reader).is_empty() {
        return;
    }
    let Some(look) = turn.server(reader) else {
        return;
    };
    let stood = rejoin::stood_since(turn, reader, look, &own);
    let since = stood + STANDS;
    if turn.now() < since {
        turn.wake(since);
        return;
    }
    // What the reader has executed and received beside them comes from a writer that still has it.
    let Some(w) = turn.server_since(writer, look.at.min(since)) else {
        return;
    };
    let had = w.executed.contains(&look.executed.subtract(&own));
    let only_received = Turn::has(look).subtract(&look.executed);
    let comes_again =
        had && (w.executed.contains(&only_received) || turn.relay_is_saved(reader, look));
    if comes_again {
        turn.memory.durable.rejoin[reader] = Some(Rejoin {
            life: Some(look.incarnation.clone()),
            cut: true,
            cut_done: false,
            forget: true,
        });
    }
}
