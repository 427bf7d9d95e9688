//! What happens many times a second, counted: the loop adds without a lock or an allocation, and whoever
//! asks for metrics reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::report::Spread;
use crate::model::member::{Both, Side};
use crate::model::probe::{ProbeFact, ProbeKind};

/// Upper limits of the buckets of a [`Timing`], in microseconds.
const LIMITS_US: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    5_000_000,
];

/// The meters of one pair.
#[derive(Debug, Default)]
pub struct Meters {
    /// How long the loop takes for one turn.
    pub turns: Timing,
    /// How often the endpoint's address was announced.
    pub announced: Arc<AtomicU64>,
    probes: Both<[ProbeMeter; ProbeKind::ALL.len()]>,
}

/// One question of the hang table, as it was answered so far.
#[derive(Debug, Default)]
pub struct ProbeMeter {
    /// How long good answers took.
    pub took: Timing,
    failed: AtomicU64,
}

/// How durations spread.
#[derive(Debug, Default)]
pub struct Timing {
    sum_us: AtomicU64,
    count: AtomicU64,
    within: [AtomicU64; LIMITS_US.len()],
}

impl Meters {
    /// Counts what a probe published: an answer, an error, or that its answer is late.
    pub fn probed(&self, side: Side, kind: ProbeKind, fact: &ProbeFact) {
        let meter = self.probe(side, kind);
        match (&fact.pending_since, &fact.error, fact.last_ok) {
            (None, None, Some(_)) => meter.took.add(fact.took),
            // It has not asked this life of the server yet.
            (None, None, None) => {}
            (Some(_), _, _) | (None, Some(_), _) => {
                meter.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The meter of one question to one member.
    pub fn probe(&self, side: Side, kind: ProbeKind) -> &ProbeMeter {
        let [ping, local_write, heartbeat, login, disk] = &self.probes[side];
        match kind {
            ProbeKind::Ping => ping,
            ProbeKind::LocalWrite => local_write,
            ProbeKind::Heartbeat => heartbeat,
            ProbeKind::Login => login,
            ProbeKind::Disk => disk,
        }
    }
}

impl ProbeMeter {
    /// How often it got an error, or no answer within its interval.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Timing {
    /// Adds one.
    pub fn add(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut limits = LIMITS_US.iter().zip(&self.within);
        if let Some((_, within)) = limits.find(|(limit, _)| us <= **limit) {
            within.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was added so far.
    pub fn spread(&self) -> Spread {
        let read = |from: &AtomicU64| from.load(Ordering::Relaxed);
        let buckets: Vec<_> = LIMITS_US
            .into_iter()
            .zip(self.within.iter().map(read))
            .collect();
        // Read after the buckets, so that it is no less than their sum.
        Spread {
            sum_us: read(&self.sum_us),
            count: read(&self.count),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::probe::ProbeError;
    use crate::model::time::Timestamp;

    #[test]
    fn an_answer_is_timed_and_a_late_or_failed_one_counted() {
        let meters = Meters::default();
        let answered = ProbeFact {
            last_ok: Some(Timestamp::BOOT),
            took: Duration::from_micros(700),
            ..ProbeFact::default()
        };
        let late = ProbeFact {
            pending_since: Some(Timestamp::BOOT),
            ..answered.clone()
        };
        let failed = ProbeFact {
            error: Some(ProbeError {
                at: Timestamp::BOOT,
                errno: None,
                lost: true,
                text: String::new(),
            }),
            ..answered.clone()
        };
        for fact in [ProbeFact::default(), answered, late, failed] {
            meters.probed(Side::A, ProbeKind::Ping, &fact);
        }
        let ping = meters.probe(Side::A, ProbeKind::Ping);
        let spread = ping.took.spread();
        assert_eq!((spread.count, spread.sum_us, ping.failed()), (1, 700, 2));
        assert!(spread.buckets.contains(&(1_000, 1)));
        let other = meters.probe(Side::B, ProbeKind::Ping);
        assert_eq!(other.took.spread().count, 0);
    }
}
