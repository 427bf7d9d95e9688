//! What hands and helpers that mean well do to a pair.

use std::time::Duration;

use dualmasterd::control::report::{FindingReport, PairReport};
use tokio::time::{Instant, sleep};

use super::trial::{Trial, assert_moved, assert_same_epoch};
use crate::support::{Host, fault, sql};

const LONG: Duration = Duration::from_secs(20);

/// Who cleans up temporary files deletes the servers' sockets: the servers are well, and stay.
pub(super) async fn sockets_deleted(host: &mut Host) {
    let trial = Trial::begin(host, "sockets_deleted").await;
    let servers = [host.pid("a"), host.pid("b")];
    let hidden = |member: &str| host.socket(member).with_extension("hidden");
    for member in ["a", "b"] {
        std::fs::rename(host.socket(member), hidden(member)).expect("its socket");
    }
    let named = |report: &PairReport| {
        let gone = |finding: &&FindingReport| finding.kind == "SocketGone";
        report.findings.iter().filter(gone).count() == 2
    };
    host.until("SocketGone at both", LONG, named).await;
    sleep(Duration::from_secs(1)).await;
    trial.served(Instant::now(), LONG).await;
    assert_same_epoch(host, &trial).await;
    assert_eq!(
        [host.pid("a"), host.pid("b")],
        servers,
        "a server was ended"
    );
    for member in ["a", "b"] {
        std::fs::rename(hidden(member), host.socket(member)).expect("its socket");
    }
    trial.end(host).await;
}

/// The account that changes roles is locked on the reader: it is repaired when the writer dies.
pub(super) async fn manager_locked_at_the_reader(host: &mut Host) {
    let trial = Trial::begin(host, "manager_locked").await;
    let mut root = host.root(&trial.reader).await;
    let began = Instant::now();
    let lock = "ALTER USER dualmasterd_manage@localhost ACCOUNT LOCK";
    let quiet = sql::run(&mut root, "SET sql_log_bin=0", LONG).await;
    quiet.expect("root may");
    while sql::run(&mut root, lock, LONG).await.is_err() {
        // MySQL closes to root as well; the daemon closes it again.
        let _ = sql::run(&mut root, "SET GLOBAL super_read_only=0", LONG).await;
        assert!(began.elapsed() < LONG, "the account cannot be locked");
    }
    host.until_healthy(LONG).await;
    let at = Instant::now();
    fault::kill(trial.writer_pid(host));
    trial.taken_over(at, LONG).await;
    assert_moved(host, &trial).await;
    trial.end(host).await;
}

/// The daemon's own schema is dropped at the writer, and so at the reader: it comes back at both.
pub(super) async fn heartbeats_dropped(host: &mut Host) {
    let trial = Trial::begin(host, "heartbeats_dropped").await;
    host.as_root(&trial.writer, &["DROP DATABASE dualmasterd"])
        .await;
    for member in [&trial.writer, &trial.reader] {
        let mut root = host.root(member).await;
        let began = Instant::now();
        let beats = "SELECT 1 FROM dualmasterd.heartbeat";
        while sql::run(&mut root, beats, LONG).await.is_err() {
            assert!(began.elapsed() < 2 * LONG, "no heartbeat table at {member}");
            sleep(Duration::from_millis(200)).await;
        }
    }
    host.until_healthy(2 * LONG).await;
    assert_same_epoch(host, &trial).await;
    trial.end(host).await;
}

/// The operator's way in comes back by itself.
pub(super) async fn control_socket_deleted(host: &mut Host) {
    std::fs::remove_file(host.control()).expect("the control socket");
    let began = Instant::now();
    while host.try_report().await.is_err() {
        assert!(began.elapsed() < LONG, "no control socket");
        sleep(Duration::from_millis(100)).await;
    }
}
