//! Medians and percentiles, as a line and as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::asked::Asked;
use crate::kept::keep;
use crate::support::check::Verdict;
use crate::support::settings;

/// With fewer runs the 99th percentile is the maximum.
const ENOUGH: usize = 100;

/// What all runs of one bench brought.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// The measured times.
    pub(crate) times: Vec<Duration>,
    /// The longest that a single client waited, per run.
    pub(crate) clients: Vec<Duration>,
    /// Writes that were answered OK.
    pub(crate) acked: usize,
    /// Of these, those that are not there.
    pub(crate) lost: usize,
    /// Attempts to connect that failed.
    pub(crate) refused: usize,
    /// Role changes where none may be.
    pub(crate) unwanted: u64,
    /// What this bench alone shows, by name.
    pub(crate) more: Map<String, Value>,
}

pub(crate) fn header() {
    println!(
        "{:<24}{:<9}{:>5}{:>10}{:>10}{:>10}{:>11}{:>6}{:>9}  goal",
        "bench", "server", "runs", "p50 ms", "p99 ms", "max ms", "acked", "lost", "refused"
    );
}

impl Figures {
    /// Takes in what was found at the end of one run.
    pub(crate) fn note(&mut self, verdict: Verdict) {
        self.acked += verdict.acked;
        self.lost += verdict.lost;
    }

    /// Prints and keeps them.
    pub(crate) fn publish(mut self, name: &str, asked: &Asked, goal: &str) -> Failures {
        let name = asked.name(name);
        self.times.sort();
        self.clients.sort();
        let runs = self.times.len();
        let (p50, p99, max) = (
            percentile(&self.times, 50),
            percentile(&self.times, 99),
            percentile(&self.times, 100),
        );
        println!(
            "{name:<24}{:<9}{runs:>5}{p50:>10.1}{p99:>10.1}{max:>10.1}{:>11}{:>6}{:>9}  {goal}",
            settings::name(asked.family),
            self.acked,
            self.lost,
            self.refused,
        );
        if runs < ENOUGH {
            println!("{:<24}p99 is the maximum: it needs {ENOUGH} runs", "");
        }
        for (what, value) in &self.more {
            println!("{:<24}{what}: {value}", "");
        }
        let mut kept = json!({
            "server": settings::name(asked.family),
            "runs": runs,
            "p50_ms": p50,
            "p99_ms": p99,
            "p99_is_max": runs < ENOUGH,
            "max_ms": max,
            "client_p50_ms": percentile(&self.clients, 50),
            "client_max_ms": percentile(&self.clients, 100),
            "acked": self.acked,
            "lost": self.lost,
            "refused_connections": self.refused,
            "unwanted_role_changes": self.unwanted,
            "pairs": 1,
            "goal": goal,
            "times_ms": self.times.iter().map(|time| ms(*time)).collect::<Vec<_>>(),
        });
        if let Some(object) = kept.as_object_mut() {
            object.append(&mut self.more);
        }
        keep(&name, asked, kept);
        Failures {
            lost: self.lost,
            unwanted: self.unwanted,
        }
    }
}

/// What fails a bench, however fast it was.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Failures {
    /// Acknowledged writes that are not there.
    pub(crate) lost: usize,
    /// Role changes where none may be.
    pub(crate) unwanted: u64,
}

impl std::ops::AddAssign for Failures {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.unwanted += other.unwanted;
    }
}

/// By nearest rank, in milliseconds, of sorted times.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().map_or(0.0, ms)
}

pub(crate) fn ms(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0)
}

/// Two places behind the point are enough for every figure here.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
