//! Medians and percentiles, as a line and as JSON.

use std::path::PathBuf;
use std::time::Duration;

use dualmasterd::model::server::Family;
use serde_json::{Value, json};

use crate::support::host::binary;
use crate::support::settings;

/// With fewer runs the 99th percentile is the maximum.
const ENOUGH: usize = 100;

/// What all runs of one bench brought.
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
}

pub(crate) fn header() {
    println!(
        "{:<14}{:<9}{:>5}{:>10}{:>10}{:>10}{:>11}{:>6}{:>9}  goal",
        "bench", "server", "runs", "p50 ms", "p99 ms", "max ms", "acked", "lost", "refused"
    );
}

impl Figures {
    /// Prints and keeps them.
    pub(crate) fn publish(mut self, name: &str, family: Family, goal: &str) {
        self.times.sort();
        self.clients.sort();
        let runs = self.times.len();
        let (p50, p99, max) = (
            percentile(&self.times, 50),
            percentile(&self.times, 99),
            percentile(&self.times, 100),
        );
        println!(
            "{name:<14}{:<9}{runs:>5}{p50:>10.1}{p99:>10.1}{max:>10.1}{:>11}{:>6}{:>9}  {goal}",
            settings::name(family),
            self.acked,
            self.lost,
            self.refused,
        );
        if runs < ENOUGH {
            println!("{:<14}p99 is the maximum: it needs {ENOUGH} runs", "");
        }
        let kept = json!({
            "server": settings::name(family),
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
            "pairs": 1,
            "goal": goal,
            "times_ms": self.times.iter().map(|time| ms(*time)).collect::<Vec<_>>(),
        });
        keep(name, &kept);
    }
}

/// Writes `target/bench/NAME.json`.
pub(crate) fn keep(name: &str, value: &Value) {
    // target/PROFILE/dualmasterctl
    let program = binary("dualmasterctl");
    let target = program
        .ancestors()
        .nth(2)
        .map(PathBuf::from)
        .expect("a target folder");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).expect("make target/bench");
    let mut text = serde_json::to_string_pretty(value).expect("JSON");
    text.push('\n');
    std::fs::write(folder.join(format!("{name}.json")), text).expect("write the figures");
}

/// By nearest rank, in milliseconds, of sorted times.
fn percentile(times: &[Duration], percent: usize) -> f64 {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().map_or(0.0, ms)
}

pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
