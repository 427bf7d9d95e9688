//! The time line of one failover or switchover: `make trace BENCH=failover SERVER=mysql`.
//!
//! Two sources meet on one clock. The daemon's log at level `trace` carries the calendar's time, the
//! clients' history the monotonic clock's; both are read at one moment before the run and again after it,
//! and a calendar that was set meanwhile fails the run. The log costs the daemon some time of its own.

use std::time::{Duration, SystemTime};

use dualmasterd::daemon::clock;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::asked::Asked;
use crate::figures::rounded;
use crate::kept::keep;
use crate::line::{self, Line};
use crate::pool;
use crate::support::check::check;
use crate::support::settings::{self, server_id};
use crate::support::{History, Host, fault};

pub(crate) const NAMES: [&str; 2] = ["failover", "switchover"];
const LONG: Duration = Duration::from_secs(60);
/// The calendar may drift by so much beside the monotonic clock during a run.
const DRIFT: f64 = 0.5;

/// Something that happened, in milliseconds since the fault.
struct Moment {
    at: f64,
    what: String,
}

/// One moment on both clocks.
struct Clocks {
    wall: SystemTime,
    steady: Instant,
}

impl Clocks {
    fn read() -> Self {
        Self {
            wall: clock::wall(),
            steady: Instant::now(),
        }
    }

    /// Milliseconds from `at` to a moment of the calendar.
    fn since(&self, at: Instant, wall: SystemTime) -> f64 {
        signed(at, self.steady)
            + match wall.duration_since(self.wall) {
                Ok(later) => millis(later),
                Err(earlier) => -millis(earlier.duration()),
            }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Milliseconds from one moment to another, which may be the earlier one.
fn signed(from: Instant, to: Instant) -> f64 {
    millis(to.saturating_duration_since(from)) - millis(from.saturating_duration_since(to))
}

/// Prints and keeps the time line of one run.
pub(crate) async fn run(name: &str, asked: &Asked) {
    let mut setup = asked.setup();
    setup.level = "trace".into();
    setup.log = "json".into();
    let host = Host::serving(setup).await;
    if let Some(bytes) = asked.pool_bytes() {
        pool::fill(&host, bytes).await;
    }
    host.until_caught_up(LONG).await;
    let (writer, reader) = host.roles().await;
    if let Some(bytes) = asked.pool_bytes() {
        pool::warm(&host, &writer, bytes).await;
    }
    let load = asked.load(&host, "traced").await;
    sleep(Duration::from_millis(500)).await;
    let pid = host.pid(&writer).expect("the server runs");
    let clocks = Clocks::read();
    let at = Instant::now();
    if name == "failover" {
        fault::kill(pid);
        host.until_restarted(&writer, pid, LONG).await;
    } else {
        host.switchover().await.expect("granted");
    }
    let old = server_id(&writer);
    load.until_acked(at, |server| server != old, LONG).await;
    host.until_healthy(LONG).await;
    let history = load.finish().await;
    let drift = Clocks::read();
    let drift = (clocks.since(at, drift.wall) - signed(at, drift.steady)).abs();
    assert!(
        drift < DRIFT,
        "the calendar was set during the run: by {drift} ms"
    );
    check(&host, "traced", &history).await;

    let log = host.log();
    let lines = log.lines().filter_map(Line::parse);
    let lines: Vec<_> = lines
        .map(|line| (clocks.since(at, line.at), line))
        .collect();
    let first = history.first_ack(at, |server| server != old);
    let first = first
        .map(|first| signed(at, first))
        .expect("the new writer answers");
    let marks = match name {
        "failover" => failover(&lines, &writer, &reader),
        _ => switchover(&lines, &writer, &reader),
    };
    let mut moments = told(&lines, first);
    moments.extend(of_clients(&history, at, old, first));
    moments.sort_by(|one, other| one.at.total_cmp(&other.at));
    println!(
        "{name} {}, ms since the fault and since the line before:",
        settings::name(asked.family)
    );
    print(&moments);
    let mut marks: Vec<_> = marks.into_iter().collect();
    marks.push(("first acknowledgement", Some(first)));
    println!("in short:");
    let known = marks.iter().filter_map(|(what, at)| {
        let what = (*what).to_owned();
        at.map(|at| Moment { at, what })
    });
    let mut known: Vec<_> = known.collect();
    known.sort_by(|one, other| one.at.total_cmp(&other.at));
    print(&known);
    let marks = marks
        .iter()
        .map(|(what, at)| json!({"what": what, "ms": at.map(rounded)}));
    let all = moments
        .iter()
        .map(|m| json!({"what": m.what, "ms": rounded(m.at)}));
    let kept = json!({
        "server": settings::name(asked.family),
        "marks": marks.collect::<Vec<_>>(),
        "line": all.collect::<Vec<_>>(),
    });
    keep(&asked.name(&format!("trace_{name}")), asked, kept);
}

fn print(moments: &[Moment]) {
    let mut last = 0.0;
    for Moment { at, what } in moments {
        println!("{at:>10.2}{:>+10.2}  {what}", at - last);
        last = *at;
    }
}

/// What the log tells between the fault and the first acknowledgement.
fn told(lines: &[(f64, Line)], first: f64) -> Vec<Moment> {
    let within = lines.iter().filter(|(at, _)| *at >= 0.0 && *at <= first);
    let told = within.filter_map(|(at, line)| {
        let what = line.words()?;
        Some(Moment { at: *at, what })
    });
    told.collect()
}

/// What the clients saw of it.
fn of_clients(history: &History, at: Instant, old: u32, first: f64) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut note = |found: Option<Instant>, what: &str| {
        if let Some(found) = found {
            let at = signed(at, found);
            let what = format!("client: {what}");
            moments.push(Moment { at, what });
        }
    };
    let of = |server: fn(u32, u32) -> bool| {
        history
            .writes
            .iter()
            .filter(move |write| server(write.server, old))
    };
    let old_acks = of(|server, old| server == old).filter(|write| write.ok);
    note(
        old_acks.map(|write| write.ended).max(),
        "last acknowledgement of the old writer",
    );
    let failed = history.failures.iter().filter(|failure| failure.at >= at);
    note(
        failed.map(|failure| failure.at).min(),
        "first failure heard",
    );
    let sent = of(|server, old| server != old).filter(|write| write.ok);
    note(
        sent.map(|write| write.sent).min(),
        "first write sent to the new writer",
    );
    moments.push(Moment {
        at: first,
        what: "client: first acknowledgement of the new writer".into(),
    });
    moments
}

type Marks = Vec<(&'static str, Option<f64>)>;

fn failover(lines: &[(f64, Line)], old: &str, new: &str) -> Marks {
    let death = line::find(lines, 0.0, |line| line.is_death_of(old));
    let receiver = line::find(lines, 0.0, |line| line.ended("StopReceiver", Some(new)));
    let mut marks = vec![("sign of death", death), ("receiver stopped", receiver)];
    marks.extend(moved(lines, death.unwrap_or(0.0), new));
    marks
}

fn switchover(lines: &[(f64, Line)], old: &str, new: &str) -> Marks {
    let closed = line::find(lines, 0.0, |line| line.ended("Close", Some(old)));
    let gated = line::find(lines, 0.0, |line| line.ended("StopApplier", Some(new)));
    let armed = line::find(lines, 0.0, |line| line.ended("ArmSource", Some(new)));
    let mut marks = vec![("closed", closed), ("gated", gated), ("armed", armed)];
    marks.extend(moved(lines, closed.unwrap_or(0.0), new));
    marks
}

/// From the decision that moves the register on, which both have: by then everything is drained.
fn moved(lines: &[(f64, Line)], after: f64, new: &str) -> Marks {
    let opened = line::find(lines, after, |line| line.ended("Open", Some(new)));
    let begun = line::find(lines, after, |line| line.begun("Open", Some(new)));
    let stored = begun.and_then(|begun| line::find_last(lines, begun, Line::is_stored));
    let drained = line::find(lines, after, Line::is_move);
    let led = line::find(lines, after, |line| line.ended("Route", None));
    vec![
        ("drained", drained),
        ("stored", stored),
        ("opened", opened),
        ("endpoint led", led),
    ]
}
