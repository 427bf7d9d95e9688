//! Benches that do one thing to a pair under load, many times.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::asked::Asked;
use crate::figures::{Failures, Figures, ms, rounded};
use crate::lag::{Drain, Held};
use crate::pool;
use crate::support::check::{check, never_two_writers};
use crate::support::settings::server_id;
use crate::support::{Host, Sampler, fault};

/// A pair that is not whole again after this time ends the bench.
const LONG: Duration = Duration::from_secs(60);
/// A crashed writer that is back within this time counts as such.
const BACK: Duration = Duration::from_secs(10);

/// One bench.
#[derive(Clone, Copy)]
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    fault: Fault,
    measure: Measure,
    goal: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    WriterKilled,
    WriterFrozen,
    Switchover,
    ReaderKilled,
    ReaderFrozen,
}

impl Fault {
    /// The writer changes.
    fn moves(self) -> bool {
        !matches!(self, Self::ReaderKilled | Self::ReaderFrozen)
    }

    /// The member's server starts anew.
    fn restarts(self) -> bool {
        matches!(
            self,
            Self::WriterKilled | Self::WriterFrozen | Self::ReaderKilled
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// From the fault to the first write that the new writer acknowledged.
    Takeover,
    /// The longest time without an acknowledged write.
    Gap,
    /// From the fault to a whole pair: the old writer is a healthy reader, in sync.
    Return,
}

pub(crate) const ALL: [Bench; 6] = [
    Bench {
        name: "failover",
        fault: Fault::WriterKilled,
        measure: Measure::Takeover,
        goal: "p50 <= 25, p99 <= 150, lost 0",
    },
    Bench {
        name: "freeze",
        fault: Fault::WriterFrozen,
        measure: Measure::Takeover,
        goal: "max <= 1500, lost 0",
    },
    Bench {
        name: "switchover",
        fault: Fault::Switchover,
        measure: Measure::Gap,
        goal: "p50 <= 15, p99 <= 80, lost 0, refused 0",
    },
    Bench {
        name: "reader",
        fault: Fault::ReaderKilled,
        measure: Measure::Gap,
        goal: "max <= 50, lost 0",
    },
    Bench {
        name: "reader_freeze",
        fault: Fault::ReaderFrozen,
        measure: Measure::Gap,
        goal: "max <= 1500, lost 0",
    },
    Bench {
        name: "return",
        fault: Fault::WriterKilled,
        measure: Measure::Return,
        goal: "95 % < 10 s, lost 0",
    },
];

/// All runs of one bench on a pair of its own.
pub(crate) async fn run(bench: Bench, asked: &Asked) -> Failures {
    let host = Host::serving(asked.setup()).await;
    if let Some(bytes) = asked.pool_bytes() {
        pool::fill(&host, bytes).await;
    }
    let count = asked.runs();
    let mut figures = Figures::default();
    let mut drains = Vec::new();
    for number in 1..=count {
        let table = format!("run_{number}");
        drains.extend(one(bench, asked, &host, &table, &mut figures).await);
        let time = figures.times.last().copied().unwrap_or_default();
        eprintln!("{} {number}/{count}: {} ms", bench.name, ms(time));
    }
    if bench.measure == Measure::Return {
        let within = figures.times.iter().filter(|time| **time < BACK).count();
        let percent = within as f64 / count as f64 * 100.0;
        figures
            .more
            .insert("percent_below_10_s".into(), json!(rounded(percent)));
    }
    if !drains.is_empty() {
        let rows: u64 = drains.iter().map(|drain| drain.rows).sum();
        let seconds: f64 = drains.iter().map(|drain| drain.gap.as_secs_f64()).sum();
        let each = drains.iter().map(|drain| drain.rows);
        figures.more.insert("rows_drained".into(), each.collect());
        let rate = (rows as f64 / seconds).round();
        figures.more.insert("rows_per_second".into(), json!(rate));
    }
    figures.publish(bench.name, asked, bench.goal)
}

/// One run: a load, the fault, the time it cost, and the count of what was lost.
async fn one(
    bench: Bench,
    asked: &Asked,
    host: &Host,
    table: &str,
    figures: &mut Figures,
) -> Option<Drain> {
    let fault = bench.fault;
    host.until_caught_up(LONG).await;
    let (writer, reader) = host.roles().await;
    if let Some(bytes) = asked.pool_bytes() {
        let percent = pool::warm(host, &writer, bytes).await;
        eprintln!("{percent:.0} % of the pool of {writer} hold pages");
    }
    let sampler = Sampler::start(host);
    let load = asked.load(host, table).await;
    sleep(Duration::from_millis(300)).await;
    let old = server_id(&writer);
    let mut held = None;
    if asked.lag_s > 0 && fault == Fault::WriterKilled {
        let mut applier = Held::at(host, &reader, table, asked.lag_s).await;
        let applied = applier.applied().await;
        held = Some((applier, applied));
    }
    let member = if fault.moves() { writer } else { reader };
    let pid = host.pid(&member).expect("the server runs");

    let at = Instant::now();
    match fault {
        Fault::WriterKilled | Fault::ReaderKilled => fault::kill(pid),
        Fault::WriterFrozen | Fault::ReaderFrozen => fault::freeze(pid),
        Fault::Switchover => {
            let operation = host.switchover().await.expect("granted");
            let moved = operation.ended.as_ref().is_some_and(|end| end.moved);
            assert!(moved, "{operation:#?}");
        }
    }
    let mut applied = None;
    if let Some((applier, rows)) = held {
        applier.release().await;
        applied = Some(rows);
    }
    if fault.moves() {
        load.until_acked(at, |server| server != old, LONG).await;
    }
    if fault == Fault::ReaderFrozen {
        load.until_acked(at + Duration::from_millis(5), |_| true, LONG)
            .await;
        sleep(Duration::from_millis(500)).await;
        fault::thaw(pid);
    }
    if fault.restarts() {
        host.until_restarted(&member, pid, LONG).await;
    }
    host.until_healthy(LONG).await;
    let back = at.elapsed();
    let history = load.finish().await;
    let taken = history.first_ack(at, |server| server != old);
    let end = history.writes.last().map_or(at, |write| write.sent);
    let takeover = taken.map_or(back, |taken| taken - at);
    figures.times.push(match bench.measure {
        Measure::Takeover => takeover,
        Measure::Gap => history.longest_gap(at, end),
        Measure::Return => back,
    });
    figures.clients.push(history.longest_client_gap(at, end));
    figures.refused += history.refused().len();
    figures.note(check(host, table, &history).await);
    never_two_writers(&sampler, &history);
    let acked = history
        .writes
        .iter()
        .filter(|write| write.ok && write.ended <= at);
    let acked = acked.count() as u64;
    applied.map(|applied| Drain {
        rows: acked.saturating_sub(applied),
        gap: takeover,
    })
}
