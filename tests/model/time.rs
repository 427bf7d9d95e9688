//! Time made small: two states that differ only in when it all began are one state.
//!
//! Time passes in two measures. One moment follows the other within a [`TICK`]: only their order counts.
//! A tick is longer than the short waits of the core (proof, freshness, hang limit, repetition). Longer
//! ages are counted in ticks, and only of what the core waits that long for: see `each_time`.

use std::time::Duration;

use dualmasterd::model::action::ActionKind;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::memory::{Earning, State as Machine};
use dualmasterd::model::time::Timestamp;

use crate::state::{Daemon, State};

/// Two seconds.
pub const TICK: Duration = Duration::from_secs(2);
/// The tick of now in every state.
const NOW: u64 = 100;

const TICK_NANOS: u64 = 2_000_000_000;

impl State {
    /// The tick of a moment, counted as the present one is.
    pub fn ticks_ago(&self, at: Timestamp) -> u64 {
        (self.now.as_nanos() / TICK_NANOS).saturating_sub(at.as_nanos() / TICK_NANOS)
    }

    /// The canonical form of this state.
    pub fn settle_time(&mut self) {
        self.forget();
        let now = self.now;
        let now_tick = tick(now);
        let (mut moments, mut ages) = (Vec::new(), vec![0, 1]);
        self.each_time(&mut |at, counts| {
            if is_past(*at, now) {
                moments.push(*at);
                ages.push(counts.min(now_tick - tick(*at)));
            }
        });
        ages.sort_unstable();
        moments.sort_unstable();
        moments.dedup();
        // The oldest age that something is waited for with, and that this moment has reached.
        let shown = |at: Timestamp| {
            let age = now_tick - tick(at);
            NOW - ages[ages.partition_point(|other| *other <= age) - 1]
        };
        self.each_time(&mut |at, _| {
            if is_past(*at, now) {
                let of_tick = shown(*at);
                let place = moments.partition_point(|other| other < at);
                let first = moments.partition_point(|other| shown(*other) < of_tick);
                let rank = (place - first) as u64;
                *at = Timestamp::from_nanos(of_tick * TICK_NANOS + rank * 1_000);
            } else if *at > now && *at != Timestamp::NEVER {
                // Due at the first tick that is not before it.
                let ticks = at.as_nanos().div_ceil(TICK_NANOS) - now_tick;
                *at = Timestamp::from_nanos((NOW + ticks) * TICK_NANOS);
            }
        });
    }

    /// What no decision can ask for any more.
    fn forget(&mut self) {
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let memory = &mut daemon.memory;
        if memory.sweep_until.is_some_and(|until| until <= now) {
            memory.sweep_until = None;
        }
        for seen_at in [&mut memory.waited_at, &mut memory.blocked_at] {
            if tick(now) > tick(*seen_at) {
                *seen_at = Timestamp::BOOT;
            }
        }
        let earning = matches!(
            memory.earning,
            Earning::Armed { .. } | Earning::Receiving { .. }
        );
        let serving = matches!(memory.state, Machine::Serving);
        for side in Side::BOTH {
            let seen = &mut daemon.seen[side];
            if let Some(asked) = seen.look.as_ref().map(|look| look.asked) {
                seen.ended.retain(|kind, outcome| {
                    let shown = outcome.result.is_ok() && outcome.at <= asked;
                    !(serving && !earning && shown) || outlasts_a_look(*kind)
                });
            }
            if let Some(process) = &mut seen.process {
                let told = seen
                    .ended
                    .iter()
                    .filter(|(kind, _)| outlasts_a_look(**kind));
                let told = told
                    .map(|(_, ended)| ended.at)
                    .filter(|at| *at <= process.at);
                process.at = told.max().unwrap_or(Timestamp::BOOT);
            }
            if !earning {
                (seen.beat.ok, seen.beat.sent) = (None, None);
                seen.beat.tried = seen.beat.tried.map(start_of_tick);
            }
        }
        if serving && !earning {
            daemon.forget_order();
        }
    }

    /// Every moment, with the age in ticks up to which it counts how old it is.
    fn each_time(&mut self, visit: &mut dyn FnMut(&mut Timestamp, u64)) {
        visit(&mut self.now, 0);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let memory = &mut daemon.memory;
        match &mut memory.state {
            Machine::Settling { since } => visit(since, 2),
            Machine::Holding { since, .. } => visit(since, 1),
            Machine::Switching(switch) => {
                visit(&mut switch.since, 3);
                if let Some((_, read)) = &mut switch.position {
                    visit(read, 1);
                }
            }
            Machine::Promoting(promotion) => {
                visit(&mut promotion.since, 1);
                if let Some(fenced) = &mut promotion.fenced {
                    visit(fenced, 2);
                }
            }
            Machine::Serving | Machine::Paused => {}
        }
        match &mut memory.earning {
            Earning::Armed { since } => visit(since, 1),
            Earning::Receiving { read, .. } => visit(read, 1),
            Earning::Waiting { until } => visit(until, 1),
            Earning::No => {}
        }
        visit(&mut memory.waited_at, 1);
        visit(&mut memory.blocked_at, 1);
        if let Some(lost) = &mut memory.lost_since {
            visit(lost, 1);
        }
        if let Some(until) = &mut memory.sweep_until {
            visit(until, 1);
        }
        for side in Side::BOTH {
            let starts = &mut memory.starts[side];
            let opening = daemon.seen[side.peer()]
                .look
                .as_ref()
                .is_none_or(|look| !look.writable);
            let patience = if opening { 5 } else { 1 };
            visit(
                &mut memory.lives_since[side],
                if starts.count > 0 { 16 } else { patience },
            );
            // The wait before the next start.
            let wait = [1, 1, 3, 16][starts.count as usize];
            visit(&mut starts.last, wait);
            if let Some(stood) = &mut memory.stood[side] {
                visit(&mut stood.since, 1);
            }
            let seen = &mut daemon.seen[side];
            for look in [&mut seen.look, &mut seen.late].into_iter().flatten() {
                visit(&mut look.asked, 1);
                visit(&mut look.at, 1);
            }
            if let Some(process) = &mut seen.process {
                visit(&mut process.at, 1);
            }
            let some = [
                &mut seen.failed,
                &mut seen.stuck,
                &mut seen.refused,
                &mut seen.beat.pending,
                &mut seen.beat.tried,
                &mut seen.beat.sent,
                &mut seen.beat.ok,
            ];
            for at in some.into_iter().flatten() {
                visit(at, 1);
            }
            let restarts = memory.restarts[side];
            let tries = restarts.receiver.max(restarts.applier);
            for ended in seen.ended.values_mut() {
                visit(&mut ended.begun, 1);
                // The wait doubles with each restart, from a quarter of a second.
                visit(&mut ended.at, if tries > 2 { 8 } else { 1 });
            }
        }
        for ended in daemon.pair.values_mut() {
            visit(&mut ended.begun, 1);
            visit(&mut ended.at, 1);
        }
        for flight in &mut daemon.flights {
            visit(&mut flight.begun, 1);
        }
    }
}

impl Daemon {
    /// While the writer serves and its standby is in sync, the looks at both are not compared.
    fn forget_order(&mut self) {
        let durable = &self.memory.durable;
        let Some(register) = durable
            .register
            .as_ref()
            .filter(|now| now.in_sync.is_some())
        else {
            return;
        };
        let calm = Side::BOTH.into_iter().all(|side| {
            let seen = &self.seen[side];
            let look = seen.look.as_ref();
            durable.rejoin[side].is_none()
                && durable.quarantine[side].is_none()
                && seen.late.is_none()
                && seen.ended.iter().all(|(kind, ended)| {
                    outlasts_a_look(*kind)
                        && look.is_some_and(|look| ended.result.is_ok() && ended.at <= look.asked)
                })
                && look.is_some_and(|look| {
                    look.writable == (side == register.writer) && look.receiver != Receiver::Stopped
                })
        });
        for side in Side::BOTH.into_iter().filter(|_| calm) {
            // What was done to earlier lives no longer counts either.
            let seen = &mut self.seen[side];
            seen.ended.clear();
            if let Some(look) = &mut seen.look {
                look.asked = start_of_tick(look.asked);
                look.at = look.asked;
            }
            if let Some(process) = &mut seen.process {
                process.at = Timestamp::BOOT;
            }
        }
    }
}

fn start_of_tick(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(tick(at) * TICK_NANOS)
}

fn tick(at: Timestamp) -> u64 {
    at.as_nanos() / TICK_NANOS
}

/// The boot stands for "never": it keeps its place.
fn is_past(at: Timestamp, now: Timestamp) -> bool {
    at != Timestamp::BOOT && at <= now
}

/// Its success is asked for long after a look has shown its effect.
fn outlasts_a_look(kind: ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::Start
            | ActionKind::Kill
            | ActionKind::Walk
            | ActionKind::Cut
            | ActionKind::Forget
            | ActionKind::SaveRelay
            | ActionKind::ResetLink
    )
}
