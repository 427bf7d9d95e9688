//! What the daemon needs over time, with role changes in between: `make soak MINUTES=60`.
//!
//! By turns the writer is killed and the roles are switched, under load; after each the pair rests, and is
//! measured while it does. Flat means that the median of the last third of the samples is no higher than
//! that of the third before, within [`Need::tolerance`]. The first third fills what is kept with a bound: the
//! daemon remembers 64 operations, so a soak of less than an hour judges while that still fills.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::asked::{self, Asked};
use crate::figures::rounded;
use crate::kept::keep;
use crate::needs;
use crate::support::check::check;
use crate::support::settings;
use crate::support::{Host, fault, sql};

pub(crate) const NAME: &str = "soak";
const LONG: Duration = Duration::from_secs(60);
/// What a role change leaves to do is done after this time.
const SETTLED: Duration = Duration::from_secs(2);
/// The window in which processor time is counted.
const WINDOW: Duration = Duration::from_secs(5);
/// Samples of which thirds can be made.
const LEAST: usize = 6;
/// So many lines are printed.
const SHOWN: usize = 20;

/// One thing that must not grow.
struct Need {
    name: &'static str,
    of: fn(&Sample) -> f64,
    /// The last third may be higher than the one before by this share of it, and by this much.
    share: f64,
    more: f64,
}

/// Memory by 3 % and 0.3 MB (a page cache of the allocator), processor time by a quarter and a tenth of a
/// percent (it is counted in ticks of 10 ms); descriptors and threads by one, which comes and goes.
const NEEDS: [Need; 4] = [
    Need {
        name: "rss_mb",
        of: |sample| sample.rss_mb,
        share: 0.03,
        more: 0.3,
    },
    Need {
        name: "descriptors",
        of: |sample| sample.descriptors,
        share: 0.0,
        more: 1.0,
    },
    Need {
        name: "threads",
        of: |sample| sample.threads,
        share: 0.0,
        more: 1.0,
    },
    Need {
        name: "cpu_percent",
        of: |sample| sample.cpu_percent,
        share: 0.25,
        more: 0.1,
    },
];

/// The daemon at rest after so many role changes.
struct Sample {
    minute: f64,
    changes: usize,
    rss_mb: f64,
    descriptors: f64,
    threads: f64,
    cpu_percent: f64,
}

/// Runs for `MINUTES`, 10 without it.
///
/// # Panics
/// Where something grows.
pub(crate) async fn run(asked: &Asked) {
    let minutes: u64 = asked::number("MINUTES").unwrap_or(10);
    let host = Host::serving(asked.setup()).await;
    let begun = Instant::now();
    let mut samples = Vec::new();
    let mut acked = 0;
    while samples.len() < LEAST || begun.elapsed() < Duration::from_secs(minutes * 60) {
        acked += change(asked, &host, samples.len()).await;
        let mut sample = sample(&host).await;
        sample.minute = begun.elapsed().as_secs_f64() / 60.0;
        sample.changes = samples.len() + 1;
        samples.push(sample);
    }
    publish(asked, &samples, acked);
}

/// One role change under load; returns the writes that were acknowledged, all of which are there.
async fn change(asked: &Asked, host: &Host, number: usize) -> usize {
    host.until_caught_up(LONG).await;
    let table = format!("soak_{number}");
    let (writer, _) = host.roles().await;
    let load = asked.load(host, &table).await;
    if number.is_multiple_of(2) {
        let pid = host.pid(&writer).expect("the server runs");
        fault::kill(pid);
        host.until_restarted(&writer, pid, LONG).await;
    } else {
        host.switchover().await.expect("granted");
    }
    host.until_healthy(LONG).await;
    let history = load.finish().await;
    let verdict = check(host, &table, &history).await;
    let (writer, _) = host.roles().await;
    let mut conn = host.root(&writer).await;
    let dropped = sql::run(&mut conn, &format!("DROP TABLE app.{table}"), LONG).await;
    dropped.expect("drop the load's table");
    let _ = conn.disconnect().await;
    verdict.acked
}

async fn sample(host: &Host) -> Sample {
    host.until_healthy(LONG).await;
    sleep(SETTLED).await;
    let pid = host.daemon_pid();
    let (before, begun) = (needs::cpu(pid), Instant::now());
    sleep(WINDOW).await;
    let used = needs::cpu(pid).saturating_sub(before);
    Sample {
        minute: 0.0,
        changes: 0,
        rss_mb: needs::rss_mb(pid),
        descriptors: needs::descriptors(pid),
        threads: needs::threads(pid),
        cpu_percent: used.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0,
    }
}

fn publish(asked: &Asked, samples: &[Sample], acked: usize) {
    println!(
        "{:>8}{:>9}{:>9}{:>13}{:>9}{:>7}",
        "minute", "changes", "rss MB", "descriptors", "threads", "cpu %"
    );
    for sample in samples.iter().step_by(samples.len().div_ceil(SHOWN)) {
        println!(
            "{:>8.1}{:>9}{:>9.2}{:>13}{:>9}{:>7.2}",
            sample.minute,
            sample.changes,
            sample.rss_mb,
            sample.descriptors,
            sample.threads,
            sample.cpu_percent
        );
    }
    let third = samples.len() / 3;
    let (earlier, last) = samples.split_at(samples.len() - third);
    let middle = &earlier[earlier.len() - third..];
    let mut growing = Vec::new();
    let mut judged = serde_json::Map::new();
    for need in &NEEDS {
        let (was, is) = (median(middle, need.of), median(last, need.of));
        let may_be = was * (1.0 + need.share) + need.more;
        let flat = is <= may_be;
        println!(
            "{}: {was:.2}, then {is:.2} (at most {may_be:.2})",
            need.name
        );
        let told = json!({"second_third": rounded(was), "last_third": rounded(is), "flat": flat});
        judged.insert(need.name.into(), told);
        if !flat {
            growing.push(need.name);
        }
    }
    let lines = samples.iter().map(|sample| {
        json!({
            "minute": rounded(sample.minute),
            "role_changes": sample.changes,
            "rss_mb": rounded(sample.rss_mb),
            "descriptors": sample.descriptors,
            "threads": sample.threads,
            "cpu_percent": rounded(sample.cpu_percent),
        })
    });
    let kept = json!({
        "server": settings::name(asked.family),
        "acked": acked,
        "lost": 0,
        "judged": judged,
        "samples": lines.collect::<Vec<_>>(),
    });
    keep(NAME, asked, kept);
    assert!(growing.is_empty(), "not flat: {growing:?}");
}

fn median(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
