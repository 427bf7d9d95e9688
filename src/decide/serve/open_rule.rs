//! The open rule: a member is opened only if it has every transaction of the writers' line that its peer has.
//!
//! A living peer is asked. What one that is dead, or answers nobody, has is known from the last look at it and
//! from the promotion that deposed it, as far as this daemon saw either: a store that was put back from an
//! older copy names a writer of the past. Else its files tell.

use std::time::Duration;

use crate::decide::instance;
use crate::decide::loss::files::{self, Files};
use crate::decide::turn::Turn;
use crate::model::finding::{Finding, Kind};
use crate::model::gtid::GtidSet;
use crate::model::member::{Both, Side};
use crate::model::memory::Why;
use crate::model::server::ServerFact;

/// How long an open waits for the first answer of a peer that this daemon has never seen.
const PEER_PATIENCE: Duration = Duration::from_secs(10);

/// Whether the writer may be opened now. `Err`: never, as things are.
pub(super) fn may_open(turn: &mut Turn<'_>, writer: Side, look: &ServerFact) -> Result<bool, Why> {
    let peer = writer.peer();
    let Some(peer_look) = turn.server(peer) else {
        let never_seen = turn.member(peer).server.is_none();
        if never_seen && turn.lives(peer) && turn.lives_for(peer) < PEER_PATIENCE {
            turn.wake(turn.memory.lives_since[peer] + PEER_PATIENCE);
            return Ok(false);
        }
        return Ok(turn.process(peer).is_some() && beside_silent(turn, writer, look)?);
    };
    if peer_look.writable {
        // It is closed first: until then it may acknowledge more.
        return Ok(false);
    }
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

/// Nobody can tell a stray in a silent peer's files from what a newer writer made there: its heartbeat does, once
/// it answers.
fn beside_silent(turn: &mut Turn<'_>, writer: Side, look: &ServerFact) -> Result<bool, Why> {
    let peer = writer.peer();
    let durable = &turn.memory.durable;
    // What it has beyond the line is on record already.
    if durable.rejoin[peer].is_some() || durable.quarantine[peer].is_some() {
        return Ok(true);
    }
    let files = match &turn.member(peer).server {
        Some(last) => Files::of(lacks(turn, writer, look, last)),
        None => {
            let known = look.executed.union(&durable.harmless[peer]);
            files::beyond(turn, peer, &known)
        }
    };
    match files {
        Files::Unknown => Ok(false),
        Files::Complete => Ok(true),
        Files::Lacking(lacking) => {
            if turn.is_dead(peer) && instance::cannot_start(turn, peer) {
                return Err(split(writer, GtidSet::new(), lacking));
            }
            let (name, count) = (turn.policy.name(peer), lacking.count());
            let detail = format!(
                "{name} has {count} transactions that the writer lacks, and is asked before that is opened: {lacking}"
            );
            turn.find(Finding::of_pair(Kind::Holding, detail));
            Ok(false)
        }
        // The register is all there is.
        Files::NoLife | Files::Failed(_) => {
            Ok(turn.lives(peer) || instance::cannot_start(turn, peer))
        }
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
