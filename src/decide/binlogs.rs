//! Binary logs are kept for a while, and for as long as the peer may lack them.
//!
//! The servers themselves purge nothing. A member's state is marked now and then; once its peer has
//! executed all of a mark, the peer needs no file that was finished before it. So only files older than
//! that mark and older than `binlog_keep` are purged, and only in a whole pair.

use std::time::Duration;

use crate::model::action::{Action, ActionKind};
use crate::model::finding::Kind;
use crate::model::gtid::GtidSet;
use crate::model::member::Side;
use crate::model::memory::{BinlogMark, BinlogMarks};
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;

use super::guard;
use super::strays;
use super::turn::Turn;

/// The bounds of the pauses between two purges, which are a 24th of what is kept.
const PURGES: [Duration; 2] = [Duration::from_secs(1), Duration::from_hours(1)];
/// The bounds of the pauses between two marks, which are an eighth of what is kept.
const MARKS: [Duration; 2] = [Duration::from_millis(500), Duration::from_mins(1)];
/// The peer keeps up: a mark it has executed was set at most this many pauses ago.
const KEEPS_UP: u32 = 5;

/// Marks what the members have, and purges what is old and needed by nobody.
pub(super) fn steps(turn: &mut Turn<'_>) {
    for side in Side::BOTH {
        let marks = follow(turn, side);
        purge(turn, side, &marks);
        name(turn, side, &marks);
        turn.memory.binlogs[side] = marks;
    }
}

/// A mark that the peer has executed is kept, and the next one is set.
fn follow(turn: &Turn<'_>, side: Side) -> BinlogMarks {
    let mut marks = turn.memory.binlogs[side].clone();
    marks.watched_since.get_or_insert(turn.now());
    let (Some(look), Some(peer)) = (turn.server(side), turn.server(side.peer())) else {
        return marks;
    };
    // What the member itself has no more was forgotten, and its peer will never execute it.
    marks
        .next
        .take_if(|mark| !look.executed.contains(&mark.executed));
    if let Some(mark) = marks
        .next
        .take_if(|mark| peer.executed.contains(&mark.executed))
    {
        marks.executed = Some(mark);
    }
    let pause = bounded(turn.policy.binlog_keep / 8, MARKS);
    // What an empty server had shows nothing of it.
    let due = |mark: &BinlogMark| mark.executed.is_empty() || turn.now().since(mark.at) >= pause;
    if marks.next.is_none() && marks.executed.as_ref().is_none_or(due) {
        marks.next = Some(mark(turn, side, look));
    }
    marks
}

/// What the member had at the time of its look, without what its peer need not have.
fn mark(turn: &Turn<'_>, side: Side, look: &ServerFact) -> BinlogMark {
    let ago = turn.now().since(look.asked);
    let harmless = &turn.memory.durable.harmless[side];
    BinlogMark {
        executed: look.executed.subtract(harmless),
        at: look.asked,
        wall_ms: turn.facts.wall_ms.saturating_sub(millis(ago)),
    }
}

fn purge(turn: &mut Turn<'_>, side: Side, marks: &BinlogMarks) {
    let keep = turn.policy.binlog_keep;
    let Some(mark) = marks
        .executed
        .as_ref()
        .filter(|mark| is_fresh(turn, side, mark))
    else {
        return;
    };
    let old = turn.facts.wall_ms.saturating_sub(millis(keep));
    let before_s = old.min(mark.wall_ms) / 1000;
    let last = turn.work(Some(side)).ended_at(ActionKind::PurgeBinlogs);
    let pause = bounded(keep / 24, PURGES);
    let due = last
        .or(marks.watched_since)
        .is_some_and(|last| turn.now().since(last) >= pause);
    if due && is_whole(turn) {
        turn.act(Action::PurgeBinlogs { side, before_s });
    }
}

/// Set a moment ago, in the present lives of both.
fn is_fresh(turn: &Turn<'_>, side: Side, mark: &BinlogMark) -> bool {
    let limit = bounded(turn.policy.binlog_keep / 8, MARKS) * KEEPS_UP;
    let lives_since = turn.memory.lives_since[side].max(turn.memory.lives_since[side.peer()]);
    mark.at >= lives_since && turn.now().since(mark.at) <= limit
}

/// The reader is proven complete, has rejoined, and has nothing of its own.
fn is_whole(turn: &Turn<'_>) -> bool {
    let Some(reader) = turn.memory.writer().map(Side::peer) else {
        return false;
    };
    let durable = &turn.memory.durable;
    let apart = |side| durable.rejoin[side].is_some() || durable.quarantine[side].is_some();
    guard::is_in_sync(turn, reader)
        && !Side::BOTH.into_iter().any(apart)
        && strays::strays(turn, reader).is_empty()
}

/// More is kept than was asked for, and why.
fn name(turn: &mut Turn<'_>, side: Side, marks: &BinlogMarks) {
    let executed = marks.executed.as_ref().map(|mark| mark.at);
    let since = executed.or(marks.watched_since).unwrap_or(Timestamp::BOOT);
    let keep = turn.policy.binlog_keep;
    let waited = turn.now().since(since);
    if waited > keep.max(bounded(keep / 8, MARKS) * KEEPS_UP) {
        let peer = turn.policy.name(side.peer());
        let detail = format!(
            "{peer} has not been seen to have everything for {} s, and binlog_keep is {} s",
            waited.as_secs(),
            keep.as_secs()
        );
        turn.find_at(side, Kind::BinlogsKept, detail);
    }
}

/// What a member had been seen to have executed and has no more: somebody reset its history. It may still
/// acknowledge what comes, but cannot take over.
pub(super) fn forgotten(turn: &Turn<'_>, side: Side) -> Option<GtidSet> {
    let look = turn.server(side)?;
    let mark = turn.memory.binlogs[side.peer()].executed.as_ref()?;
    let forgotten = mark.executed.subtract(&look.executed);
    (look.asked > mark.at && !forgotten.is_empty()).then_some(forgotten)
}

fn bounded(pause: Duration, [least, most]: [Duration; 2]) -> Duration {
    pause.clamp(least, most)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
