//! When is the writer gone: the evidence of its process, then the hang table.
//!
//! A hang is a verdict from all questions together, never from one. With the reader frozen, a
//! binlogged write on the healthy writer hangs for its acknowledgement while an unlogged one is quick.

use std::time::Duration;

use crate::model::incarnation::Incarnation;
use crate::model::link::Receiver;
use crate::model::member::Side;
use crate::model::probe::{ProbeFact, Probes};
use crate::model::process::{Ended, ProcessFact, ProcessState};
use crate::model::time::Timestamp;

use super::turn::Turn;

/// What is to be thought of the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing speaks against it, or not enough is known.
    Fine,
    /// The kernel says that its process is ending or gone.
    Dead,
    /// It does not execute, and nothing else explains it.
    Hung(String),
    /// It lives, and nobody has been able to log in for too long.
    Refuses(String),
    /// Commits wait for a reader that does not acknowledge: the writer is well.
    ReaderIll,
    /// A session makes every write wait: no fault.
    Blocked(String),
    /// It answers late because it works.
    Busy(String),
    /// Both members, or we ourselves, stood still: nobody can be judged. With what speaks against the
    /// candidate.
    HostStalled(String),
}

impl Verdict {
    /// The writer is to be replaced or started again.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Dead | Self::Hung(_) | Self::Refuses(_) => true,
            Self::Fine
            | Self::ReaderIll
            | Self::Blocked(_)
            | Self::Busy(_)
            | Self::HostStalled(_) => false,
        }
    }
}

/// Remembers when writes were last seen to wait for the reader, or for a session that holds a lock.
pub(super) fn note_waiting(turn: &mut Turn<'_>, writer: Side) {
    let Some(look) = turn.server(writer) else {
        return;
    };
    let (at, waits, blocked) = (look.at, look.semi_sync.waiting, !look.blockers.is_empty());
    if waits {
        turn.memory.waited_at = at;
    }
    if blocked {
        turn.memory.blocked_at = at;
    }
}

/// Judges the writer.
pub(super) fn verdict(turn: &Turn<'_>, writer: Side) -> Verdict {
    let Some(process) = turn.process(writer) else {
        return Verdict::Fine;
    };
    if !process.lives() {
        return Verdict::Dead;
    }
    let hang = Hang {
        turn,
        writer,
        process,
    };
    // Before its first answer it starts, perhaps with a long recovery.
    if turn.memory.starts[writer].in_vain > 0 {
        return Verdict::Fine;
    }
    let refusal = match turn.server(writer) {
        Some(_) => hang.refusal(),
        None => None,
    };
    refusal.or_else(|| hang.stuck()).unwrap_or(Verdict::Fine)
}

/// The member's last life may have acknowledged commits that its standby has not got: it was stopped by
/// order, or nobody can rule that out.
pub(super) fn may_have_ended_by_order(
    process: &ProcessFact,
    killed_by_us: Option<&Incarnation>,
) -> bool {
    if process.stops_by_order || matches!(process.ended, Some(Ended::Code(_))) {
        return true;
    }
    if process.incarnation.is_some() && process.incarnation.as_ref() == killed_by_us {
        return false;
    }
    let is_told = process.ended.is_some_and(Ended::is_known);
    !process.watched || process.state == ProcessState::Gone && !is_told
}

/// The hang table, row by row.
struct Hang<'t, 'a> {
    turn: &'t Turn<'a>,
    writer: Side,
    process: &'a ProcessFact,
}

impl Hang<'_, '_> {
    /// Nobody can log in, no error says that the server lives, and no open session is answered either.
    fn refusal(&self) -> Option<Verdict> {
        let probes = &self.turn.member(self.writer).probes;
        let error = probes
            .login
            .error
            .as_ref()
            .filter(|error| !error.shows_life() && error.lost)?;
        let since = self.judged_since(last_served(probes)?);
        let refused_for = self.turn.now().since(since);
        (refused_for >= self.turn.policy.hang.refusal).then(|| Verdict::Refuses(error.text.clone()))
    }

    fn stuck(&self) -> Option<Verdict> {
        let probes = &self.turn.member(self.writer).probes;
        let ping = self.stuck_for(&probes.ping);
        let local = self.stuck_for(&probes.local_write);
        let heartbeat = self.stuck_for(&probes.heartbeat);
        let unexplained = self.turn.now().since(self.turn.memory.waited_at);
        let limit = self.turn.policy.hang.limit;
        let longest = ping.max(local).max(heartbeat);
        if longest < limit {
            return None;
        }
        if heartbeat >= limit && local < limit && ping < limit {
            return self.only_heartbeat_stuck(&probes.heartbeat, heartbeat, unexplained);
        }
        if local >= limit && ping < limit {
            if let Some(holder) = self.blocker() {
                return Some(Verdict::Blocked(holder));
            }
            if heartbeat < limit || self.was_blocked() {
                return None;
            }
        }
        self.all_stuck(longest)
    }

    /// Its binary log or the acknowledgement.
    fn only_heartbeat_stuck(
        &self,
        heartbeat: &ProbeFact,
        stuck_for: Duration,
        unexplained: Duration,
    ) -> Option<Verdict> {
        // Only a look that was sent while the heartbeat hung tells what it waits for; and only one that
        // was answered in this moment shows that the server still executes: under load a commit waits for
        // its acknowledgement at any moment, also at the one in which the server freezes.
        let recent = self.turn.now() - self.turn.policy.hang.interval;
        let look = self
            .turn
            .server_since(self.writer, heartbeat.pending_since?)
            .filter(|look| look.at >= recent)?;
        if look.semi_sync.waiting {
            return Some(Verdict::ReaderIll);
        }
        if let Some(holder) = self.blocker() {
            return Some(Verdict::Blocked(holder));
        }
        // Its acknowledgement came a moment ago, and its answer is on the way.
        if unexplained < self.turn.policy.hang.limit || self.was_blocked() {
            return None;
        }
        self.all_stuck(stuck_for)
    }

    /// Nothing comes back: busy, or hung; and hung counts only where the candidate is proven able.
    fn all_stuck(&self, stuck_for: Duration) -> Option<Verdict> {
        let hang = &self.turn.policy.hang;
        let stands = matches!(
            self.process.state,
            ProcessState::Stopped | ProcessState::DiskSleep
        );
        let busy = !stands && self.process.busy_percent >= hang.busy_percent;
        if busy && stuck_for < hang.limit.saturating_mul(hang.busy_factor) {
            return Some(Verdict::Busy(format!(
                "no answer for {} ms while it uses {} % of a core",
                stuck_for.as_millis(),
                self.process.busy_percent
            )));
        }
        if let Some(why) = self.candidate_is_unable(self.turn.now() - stuck_for) {
            return Some(Verdict::HostStalled(why));
        }
        Some(Verdict::Hung(format!(
            "no answer for {} ms",
            stuck_for.as_millis()
        )))
    }

    /// What the candidate lacked in the same window: an answer, a write to its disk, its receiver.
    fn candidate_is_unable(&self, since: Timestamp) -> Option<String> {
        let reader = self.writer.peer();
        let name = self.turn.policy.name(reader);
        let silent = |probe: &ProbeFact| probe.last_ok.is_none_or(|at| at < since);
        let probes = &self.turn.member(reader).probes;
        if let Some(error) = &probes.disk.error {
            return Some(format!("the disk of {name} fails: {}", error.text));
        }
        let link = self.turn.link(reader);
        if silent(&probes.ping) {
            Some(format!("{name} has not answered either"))
        } else if silent(&probes.disk) {
            Some(format!("the disk of {name} has not answered either"))
        } else if link.is_none_or(|link| link.receiver == Receiver::Stopped) {
            Some(format!("the receiver of {name} is stopped"))
        } else {
            None
        }
    }

    /// How long the question has waited, as far as our own loop was on time.
    fn stuck_for(&self, probe: &ProbeFact) -> Duration {
        match probe.pending_since {
            Some(sent) => self.turn.now().since(self.judged_since(sent)),
            None => Duration::ZERO,
        }
    }

    /// Misses before our own loop was last late, and those of an earlier life, are void.
    fn judged_since(&self, since: Timestamp) -> Timestamp {
        let since = since.max(self.turn.memory.lives_since[self.writer]);
        self.turn
            .facts
            .late_at
            .map_or(since, |late| late.max(since))
    }

    /// A lock was let go a moment ago, and the answers that waited for it are on the way.
    fn was_blocked(&self) -> bool {
        self.turn.now().since(self.turn.memory.blocked_at) < self.turn.policy.hang.limit
    }

    fn blocker(&self) -> Option<String> {
        let look = self.turn.server(self.writer)?;
        look.blockers.first().map(ToString::to_string)
    }
}

/// When the server last answered any question, in a new session or an old one.
fn last_served(probes: &Probes) -> Option<Timestamp> {
    let Probes {
        ping,
        local_write,
        heartbeat,
        login,
        disk: _,
    } = probes;
    let served = [ping, local_write, heartbeat, login];
    served.into_iter().filter_map(|probe| probe.last_ok).max()
}

/// A question has waited for longer than usual: looks of this moment tell what it waits for.
pub(super) fn is_waiting(turn: &Turn<'_>, writer: Side) -> bool {
    let probes = &turn.member(writer).probes;
    [&probes.ping, &probes.local_write, &probes.heartbeat]
        .into_iter()
        .any(|probe| probe.pending_since.is_some())
}

/// When the verdict may change though nothing new is seen: the moment the oldest open question is
/// stuck, or the refusal is long enough.
pub(super) fn next_judgement(turn: &Turn<'_>, writer: Side) -> Timestamp {
    let probes = &turn.member(writer).probes;
    let hang = &turn.policy.hang;
    let void = turn.facts.late_at.unwrap_or(Timestamp::BOOT);
    let pending = [&probes.ping, &probes.local_write, &probes.heartbeat]
        .into_iter()
        .filter_map(|probe| Some(probe.pending_since?.max(void) + hang.limit));
    let refused = probes
        .login
        .error
        .as_ref()
        .and(last_served(probes))
        .map(|ok| ok.max(void) + hang.refusal);
    let next = pending.chain(refused).filter(|at| *at > turn.now()).min();
    next.unwrap_or(Timestamp::NEVER)
}
