//! The open rule: a member is opened only if it has every transaction of the writers' line that its peer has.
//!
//! A living peer is asked. What a dead one had is known from a look at it, or from the promotion that
//! deposed it, as far as this daemon saw either: a store that was put back from an older copy names a
//! writer of the past. Else its files tell.

use std::time::Duration;

use crate::decide::instance;
use crate::decide::loss::files::{self, Files};
use crate::decide::turn::Turn;
use crate::model::finding::Kind;
use crate::model::gtid::GtidSet;
use crate::model::member::{Both, Side};
use crate::model::memory::Why;
use crate::model::server::ServerFact;

/// How long an open waits for the first answer of a peer whose process lives.
const PEER_PATIENCE: Duration = Duration::from_secs(10);

/// Whether the writer may be opened now. `Err`: never, as things are.
pub(super) fn may_open(turn: &mut Turn<'_>, writer: Side, look: &ServerFact) -> Result<bool, Why> {
    let peer = writer.peer();
    if !turn.lives(peer) {
        return Ok(turn.is_dead(peer) && beside_dead(turn, writer, look)?);
    }
    let Some(peer_look) = turn.server(peer) else {
        let waited_enough = turn.lives_for(peer) >= PEER_PATIENCE;
        turn.wake(turn.now() + PEER_PATIENCE);
        return Ok(waited_enough);
    };
    let lacking = lacks(turn, writer, look, peer_look);
    if lacking.is_empty() {
        return Ok(true);
    }
    if look.asked < peer_look.at {
        // It may have made them since it was looked at.
        return Ok(false);
    }
    let only_writer = look.executed.subtract(&Turn::has(peer_look));
    Err(split(writer, only_writer, lacking))
}

/// Remembers that the register's writer was seen to have all that its living peer has.
pub(super) fn note_peer(turn: &mut Turn<'_>, writer: Side) {
    let peer = writer.peer();
    if turn.memory.peer_bounded {
        return;
    }
    if let (Some(look), Some(peer_look)) = (turn.server(writer), turn.server(peer)) {
        turn.memory.peer_bounded = lacks(turn, writer, look, peer_look).is_empty();
    }
}

/// What the writer lacks of the line. What it has received counts for nothing: the gate keeps it from being
/// applied at the writer.
fn lacks(turn: &Turn<'_>, writer: Side, look: &ServerFact, peer_look: &ServerFact) -> GtidSet {
    let peer = writer.peer();
    let line = Turn::has(peer_look).subtract(&strays_received(turn, peer, peer_look));
    let lacking = line.subtract(&look.executed);
    match look.semi_sync.waiting {
        // MySQL does not count what waits for its acknowledgement; the peer may have it already.
        true => lacking.subtract(&turn.made_by(writer, &lacking)),
        false => lacking,
    }
}

/// The reader's own strays never bar the register's writer.
fn strays_received(turn: &Turn<'_>, reader: Side, look: &ServerFact) -> GtidSet {
    turn.made_by(reader, &Turn::has(look))
        .subtract(&turn.memory.durable.line[reader])
        .union(&turn.memory.foreign[reader])
}

/// Nobody knows a transaction in a dead peer's files for a stray or a newer writer's: its heartbeat tells,
/// once it was started.
fn beside_dead(turn: &mut Turn<'_>, writer: Side, look: &ServerFact) -> Result<bool, Why> {
    let peer = writer.peer();
    let durable = &turn.memory.durable;
    // What it has beyond the line is on record already.
    let apart = durable.rejoin[peer].is_some() || durable.quarantine[peer].is_some();
    if turn.memory.peer_bounded || apart {
        return Ok(true);
    }
    match files::beyond(turn, peer, &look.executed) {
        Files::Unknown => Ok(false),
        Files::Complete => Ok(true),
        Files::Lacking(lacking) => {
            if instance::cannot_start(turn, peer) {
                return Err(split(writer, GtidSet::new(), lacking));
            }
            let detail = format!(
                "its files hold {} transactions that the writer lacks: it is asked before the writer is \
                 opened: {lacking}",
                lacking.count()
            );
            turn.find_at(peer, Kind::StoreIsOld, detail);
            Ok(false)
        }
        // The register is all there is.
        Files::NoLife | Files::Failed(_) => Ok(instance::cannot_start(turn, peer)),
    }
}

fn split(writer: Side, only_writer: GtidSet, only_peer: GtidSet) -> Why {
    let mut only = Both {
        a: only_writer,
        b: only_peer,
    };
    if writer == Side::B {
        std::mem::swap(&mut only.a, &mut only.b);
    }
    Why::Split {
        only_a: only.a,
        only_b: only.b,
    }
}
