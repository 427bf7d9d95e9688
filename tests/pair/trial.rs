//! What every scenario under load begins and ends with.

use std::time::Duration;

use dualmasterd::control::report::OperationReport;
use tokio::time::Instant;

use crate::support::check::{check, never_two_writers};
pub(super) use crate::support::settings::server_id;
use crate::support::{Delay, History, Host, Load, Sampler};

/// A crashed member is back in sync within this time; the goal is 10 s.
pub(super) const BACK: Duration = Duration::from_secs(20);

/// Shorter than any verdict about a hang: what is over by then was a busy machine, or a death seen at once.
pub(super) const NO_HANG: Duration = Duration::from_secs(1);

/// A load on a whole pair.
pub(super) struct Trial {
    /// The writer at the beginning.
    pub(super) writer: String,
    /// The reader at the beginning.
    pub(super) reader: String,
    /// The epoch at the beginning.
    pub(super) epoch: u64,
    /// When the load ran.
    pub(super) begun: Instant,
    /// The clients.
    pub(super) load: Load,
    sampler: Sampler,
    delay: Delay,
}

impl Trial {
    /// Starts the usual load on a table of this name.
    pub(super) async fn begin(host: &Host, table: &str) -> Self {
        Self::of(host, table, Load::USUAL).await
    }

    /// Starts a load of so many clients.
    pub(super) async fn of(host: &Host, table: &str, clients: u32) -> Self {
        let report = host.until_caught_up(BACK).await;
        let (writer, reader) = host.roles().await;
        let sampler = Sampler::start(host);
        let load = Load::start(host, table, clients, Load::REST).await;
        Self {
            writer,
            reader,
            epoch: report.epoch.expect("an epoch"),
            begun: Instant::now(),
            load,
            sampler,
            delay: Delay::start(),
        }
    }

    /// Asserts a limit on a measured time, and prints it. What this machine did not run the test itself meanwhile
    /// comes on top of the limit.
    pub(super) fn within(&self, what: &str, took: Duration, limit: Duration) {
        let delay = self.delay.so_far();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        eprintln!(
            "  {what}: {:.1} ms (the test late by {:.1} ms)",
            ms(took),
            ms(delay)
        );
        assert!(
            took <= limit + delay,
            "{what}: {took:?}, limit {limit:?} and {delay:?}"
        );
    }

    /// The writer's process.
    pub(super) fn writer_pid(&self, host: &Host) -> i32 {
        host.pid(&self.writer).expect("the writer runs")
    }

    /// The reader's process.
    pub(super) fn reader_pid(&self, host: &Host) -> i32 {
        host.pid(&self.reader).expect("the reader runs")
    }

    /// Time from `since` until the reader of the beginning answered OK.
    pub(super) async fn taken_over(&self, since: Instant, wait: Duration) -> Duration {
        let old = server_id(&self.writer);
        self.load
            .until_acked(since, |server| server != old, wait)
            .await
            - since
    }

    /// Time from `since` until anybody answered OK to a write sent after it.
    pub(super) async fn served(&self, since: Instant, wait: Duration) -> Duration {
        self.load.until_acked(since, |_| true, wait).await - since
    }

    /// Waits for a whole pair, ends the load, and checks what must be true.
    pub(super) async fn end(self, host: &Host) -> History {
        host.until_healthy(BACK).await;
        let table = self.load.table().to_owned();
        let history = self.load.finish().await;
        let verdict = check(host, &table, &history).await;
        never_two_writers(&self.sampler, &history);
        let to = history.writes.last().map_or(self.begun, |write| write.sent);
        eprintln!(
            "  {} acknowledged, {} lost, {} more present; longest gap {:?}, of one client {:?}; \
             {} failures, {} of them refused connections",
            verdict.acked,
            verdict.lost,
            verdict.present - verdict.acked,
            history.longest_gap(self.begun, to),
            history.longest_client_gap(self.begun, to),
            history.failures.len(),
            history.refused().len(),
        );
        history
    }
}

/// The writer and its epoch did not change.
pub(super) async fn assert_same_epoch(host: &Host, trial: &Trial) {
    let report = host.report().await;
    assert_eq!(
        report.epoch,
        Some(trial.epoch),
        "the epoch moved: {:#?}",
        report.operations
    );
    assert_eq!(report.writer.as_ref(), Some(&trial.writer));
}

/// The reader of the beginning is the writer.
pub(super) async fn assert_moved(host: &Host, trial: &Trial) {
    let report = host.report().await;
    assert_eq!(
        report.writer.as_ref(),
        Some(&trial.reader),
        "{:#?}",
        report.operations
    );
}

/// Prints an operation's steps: name, begin and length in milliseconds.
pub(super) fn print_steps(operation: &OperationReport) {
    let ms = |us: u64| us as f64 / 1000.0;
    let steps = operation.steps.iter().map(|step| {
        let member = step.member.as_deref().unwrap_or("-");
        let took = step
            .took_us
            .map_or_else(String::new, |us| format!(" {:.1}", ms(us)));
        format!("{}@{member} +{:.1}{took}", step.action, ms(step.after_us))
    });
    eprintln!("  {}", steps.collect::<Vec<_>>().join(", "));
}
