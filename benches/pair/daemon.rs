//! The daemon is killed or stopped, and started again: clients notice nothing.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::asked::Asked;
use crate::figures::{Failures, Figures, ms};
use crate::support::Host;
use crate::support::check::check;

pub(crate) const NAME: &str = "daemon";
const GOAL: &str = "no longer gap than before, failures 0";
const LONG: Duration = Duration::from_secs(60);
/// As long is looked before, and as long nobody is there in between.
const WINDOW: Duration = Duration::from_secs(2);

/// Killed, stopped, and stopped to be started at once, by turns.
#[derive(Clone, Copy)]
enum End {
    Killed,
    Stopped,
    Restarted,
}

const ENDS: [End; 3] = [End::Killed, End::Stopped, End::Restarted];

/// All runs on a pair of its own.
pub(crate) async fn run(asked: &Asked) -> Failures {
    let mut host = Host::serving(asked.setup()).await;
    let mut figures = Figures::default();
    let (mut usual, mut failures) = (Vec::new(), 0);
    let count = asked.runs();
    for (number, end) in (1..=count).zip(ENDS.into_iter().cycle()) {
        let table = format!("run_{number}");
        let before = host.until_caught_up(LONG).await;
        let load = asked.load(&host, &table).await;
        sleep(WINDOW).await;
        let at = Instant::now();
        without_daemon(&mut host, end).await;
        let after = host.until_healthy(LONG).await;
        let until = Instant::now();
        let history = load.finish().await;
        usual.push(ms(history.longest_gap(at - WINDOW, at)));
        figures.times.push(history.longest_gap(at, until));
        figures.clients.push(history.longest_client_gap(at, until));
        figures.refused += history.refused().len();
        figures.unwanted += after.epoch.unwrap_or(0) - before.epoch.unwrap_or(0);
        failures += history.failures.len();
        figures.note(check(&host, &table, &history).await);
        let time = figures.times.last().copied().unwrap_or_default();
        eprintln!("{NAME} {number}/{count}: {} ms", ms(time));
    }
    figures
        .more
        .insert("gap_with_daemon_ms".into(), json!(usual));
    figures.more.insert("failures".into(), json!(failures));
    figures.publish(NAME, asked, GOAL)
}

async fn without_daemon(host: &mut Host, end: End) {
    match end {
        End::Killed => host.kill_daemon().await,
        End::Stopped | End::Restarted => {
            let status = host.stop_daemon().await;
            assert!(status.success(), "{status}");
        }
    }
    if !matches!(end, End::Restarted) {
        sleep(WINDOW).await;
    }
    host.start().await;
}
