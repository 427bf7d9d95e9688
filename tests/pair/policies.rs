//! What a pair may do by itself, as its configuration says: give the role back, and stop when it moves too
//! often. Each is taken at run time.

use std::time::Duration;

use dualmasterd::control::report::PairReport;
use tokio::time::Instant;

use super::trial::{Trial, assert_moved, assert_same_epoch};
use crate::support::{Host, fault};

/// A failover, a return, and a switchover that a busy machine undoes now and then.
const LONG: Duration = Duration::from_secs(60);

/// The preferred member dies, comes back as reader, and is the writer again by itself.
pub(super) async fn preferred_member_takes_its_role_back(host: &mut Host) {
    let trial = Trial::begin(host, "preferred").await;
    let prefers = format!(
        "[pair.t]\nfailback = \"prefer\"\nprefer = \"{}\"\nfailback_after = \"1s\"\n",
        trial.writer
    );
    let good = reload(host, "[pair.t]\n", &prefers).await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    trial.taken_over(at, LONG).await;
    let back = |report: &PairReport| {
        report.writer.as_ref() == Some(&trial.writer) && report.epoch > Some(trial.epoch + 1)
    };
    let report = host.until("its role taken back", LONG, back).await;
    let why = report.operations.last().map(|last| last.why.as_str());
    assert_eq!(why, Some("the preferred member is healthy again"));
    put_back(host, &good).await;
    trial.end(host).await;
}

/// After one unplanned role change the next dead writer is started again in place, until `ack`.
pub(super) async fn flapping_stops_moves_until_ack(host: &mut Host) {
    let good = reload(host, "changes = 0", "changes = 1").await;
    acknowledge(host).await;
    let trial = Trial::begin(host, "first_move").await;
    kill_and_see(host, &trial, true).await;
    trial.end(host).await;

    let stopped = |report: &PairReport| {
        let mut guards = report.guards.iter();
        guards.any(|guard| guard.name == "NotFlapping" && !guard.ok)
    };
    let report = host.until("moves stopped", LONG, stopped).await;
    assert!(!report.failover_ready);
    let trial = Trial::begin(host, "no_move").await;
    kill_and_see(host, &trial, false).await;
    trial.end(host).await;

    acknowledge(host).await;
    host.until("moves again", LONG, |report| !stopped(report))
        .await;
    let trial = Trial::begin(host, "next_move").await;
    kill_and_see(host, &trial, true).await;
    trial.end(host).await;
    put_back(host, &good).await;
}

/// The writer dies: its standby takes over, or the same server is started again.
async fn kill_and_see(host: &Host, trial: &Trial, moves: bool) {
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    host.until_restarted(&trial.writer, pid, LONG).await;
    if moves {
        trial.taken_over(at, LONG).await;
        assert_moved(host, trial).await;
    } else {
        trial.served(at + Duration::from_millis(100), LONG).await;
        assert_same_epoch(host, trial).await;
    }
}

async fn acknowledge(host: &Host) {
    let ack = host.ctl(&["ack"]).await;
    assert_eq!(ack.code, 0, "{ack:?}");
}

/// Takes a configuration with this instead of that; the text before.
async fn reload(host: &Host, that: &str, this: &str) -> String {
    let good = std::fs::read_to_string(host.config()).expect("read");
    let other = good.replacen(that, this, 1);
    assert_ne!(other, good, "{that:?} is not there");
    put_back(host, &other).await;
    good
}

async fn put_back(host: &Host, text: &str) {
    std::fs::write(host.config(), text).expect("write");
    let taken = host.ctl(&["reload"]).await;
    assert_eq!(taken.code, 0, "{taken:?}");
}
