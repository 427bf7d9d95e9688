//! The daemon's own end is nothing that clients can see.

use std::time::Duration;

use dualmasterd::control::report::{FindingReport, PairReport};
use dualmasterd::model::server::{ENDLESS_MS, Family};
use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::trial::{NO_HANG, Trial, assert_same_epoch};
use crate::support::{Host, fault};

const LONG: Duration = Duration::from_secs(20);

/// Killed and started again: the same servers, and no client hears anything.
pub(super) async fn killed(host: &mut Host) {
    let trial = Trial::begin(host, "daemon_killed").await;
    let boss = [
        "CREATE USER boss@'%' IDENTIFIED BY 'Correct-horse-8'",
        "GRANT ALL ON *.* TO boss@'%'",
    ];
    host.as_root(&trial.writer, &boss).await;
    let servers = [host.pid("a"), host.pid("b")];
    let at = Instant::now();
    host.kill_daemon().await;
    sleep(Duration::from_secs(1)).await;
    host.start().await;
    host.until_healthy(LONG).await;
    assert_eq!(
        [host.pid("a"), host.pid("b")],
        servers,
        "servers were started again"
    );
    assert_same_epoch(host, &trial).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    trial.within("longest gap", gap, NO_HANG);
    let history = trial.end(host).await;
    assert!(history.failures.is_empty(), "{:?}", history.failures);
    // Asked for once after the start: who could write on the reader.
    let named = |report: &PairReport| {
        let named = |finding: &&FindingReport| finding.kind == "AccountsPassReadOnly";
        let found: Vec<_> = report.findings.iter().filter(named).collect();
        let alone = |finding: &&FindingReport| {
            finding.detail.starts_with("'boss'@'%' by ") && finding.detail.lines().count() == 1
        };
        found.len() == 2 && found.iter().all(alone)
    };
    host.until("boss, and nobody else, named at both", LONG, named)
        .await;
}

/// Stopped cleanly and started again: the same.
pub(super) async fn stopped(host: &mut Host) {
    let trial = Trial::begin(host, "daemon_stopped").await;
    let servers = [host.pid("a"), host.pid("b")];
    let at = Instant::now();
    let status = host.stop_daemon().await;
    assert!(status.success(), "{status}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        [host.pid("a"), host.pid("b")],
        servers,
        "servers were stopped"
    );
    // Nobody watches: a reader's reboot may hold writes up for so long and no longer.
    let unwatched = ack_timeout(host, &trial.writer).await;
    assert_eq!(unwatched, Some(10_000), "{} ms", unwatched.unwrap_or(0));
    host.start().await;
    host.until_healthy(LONG).await;
    assert_eq!(ack_timeout(host, &trial.writer).await, Some(ENDLESS_MS));
    assert_eq!(
        [host.pid("a"), host.pid("b")],
        servers,
        "servers were started again"
    );
    assert_same_epoch(host, &trial).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    trial.within("longest gap", gap, NO_HANG);
    let history = trial.end(host).await;
    assert!(history.failures.is_empty(), "{:?}", history.failures);
}

/// How long a commit waits for its acknowledgement at this member, in milliseconds; none where it does not.
async fn ack_timeout(host: &Host, member: &str) -> Option<u64> {
    let side = match host.setup.family {
        Family::Mariadb => "master",
        Family::Mysql => "source",
    };
    let mut root = host.root(member).await;
    let asked = format!(
        "SELECT @@global.rpl_semi_sync_{side}_timeout FROM DUAL \
         WHERE @@global.rpl_semi_sync_{side}_enabled=1"
    );
    root.query_first(asked).await.expect("an answer")
}

/// The writer dies while nobody watches: whatever the next daemon does, nothing is lost.
pub(super) async fn killed_and_the_writer_too(host: &mut Host) {
    let trial = Trial::begin(host, "both_gone").await;
    let pid = trial.writer_pid(host);
    host.kill_daemon().await;
    fault::kill(pid);
    sleep(Duration::from_millis(500)).await;
    let at = Instant::now();
    host.start().await;
    trial.within("started to first OK", trial.served(at, LONG).await, LONG);
    host.until_restarted(&trial.writer, pid, LONG).await;
    trial.end(host).await;
}
