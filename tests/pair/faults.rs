//! Servers that die, hang and come back.

use std::time::Duration;

use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::trial::{
    NO_HANG, Trial, assert_moved, assert_same_epoch, print_steps, server_id, within,
};
use crate::support::settings::{ENDPOINT, READER};
use crate::support::{Host, Setup, fault, sql};

/// Longer than any takeover may last on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// What may go wrong only now and then is done this often.
const ROUNDS: u32 = 4;

/// The application can log in through both ports, and each leads where it should.
pub(super) async fn fresh_pair(host: &mut Host) {
    let (writer, reader) = host.roles().await;
    let leads_to_reader = |report: &PairReport| {
        let endpoint = report.endpoint.as_ref();
        endpoint.and_then(|endpoint| endpoint.reader.as_ref()) == Some(&reader)
    };
    host.until(
        "the reader's port leads to the reader",
        LONG,
        leads_to_reader,
    )
    .await;
    for (port, member) in [(ENDPOINT, &writer), (READER, &reader)] {
        let mut conn = sql::connect(&sql::app(port)).await.expect("a session");
        let server: Option<u32> = conn
            .query_first("SELECT @@server_id")
            .await
            .expect("an answer");
        assert_eq!(
            server,
            Some(server_id(member)),
            "port {port} leads to {member}"
        );
    }
    let mut conn = sql::connect(&sql::app(READER)).await.expect("a session");
    let refused = sql::run(&mut conn, "CREATE TABLE nowhere (id INT)", LONG).await;
    assert!(refused.is_err(), "the reader takes writes");
}

/// The standby takes over; the dead writer comes back as reader by itself.
pub(super) async fn writer_killed(host: &mut Host) {
    let trial = Trial::begin(host, "writer_killed").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    within(
        "killed to first OK",
        trial.taken_over(at, LONG).await,
        Duration::from_millis(1500),
    );
    host.until_restarted(&trial.writer, pid, LONG).await;
    host.until_healthy(LONG).await;
    within(
        "killed to whole again",
        at.elapsed(),
        Duration::from_secs(15),
    );
    assert_moved(host, &trial).await;
    host.report().await.operations.last().map(print_steps);
    trial.end(host).await;
}

/// A pair whose writer is never replaced without an order.
pub(super) fn by_hand(family: Family) -> Setup {
    Setup {
        keys: "failover = \"manual\"\n".into(),
        ..Setup::new(family)
    }
}

/// Where nobody may take over the dead writer itself comes back, and acknowledges writes again, each time.
pub(super) async fn writer_comes_back_as_writer(host: &mut Host) {
    for round in 0..ROUNDS {
        let trial = Trial::of(host, &format!("in_place_{round}"), 8).await;
        let pid = trial.writer_pid(host);
        let at = Instant::now();
        fault::kill(pid);
        host.until_restarted(&trial.writer, pid, LONG).await;
        within(
            "killed to first OK",
            trial.served(at + Duration::from_millis(100), LONG).await,
            LONG,
        );
        host.until_healthy(LONG).await;
        within("killed to whole again", at.elapsed(), LONG);
        assert_same_epoch(host, &trial).await;
        trial.end(host).await;
    }
}

/// The writer goes on, on record; the reader comes back by itself.
pub(super) async fn reader_killed(host: &mut Host) {
    let trial = Trial::begin(host, "reader_killed").await;
    let pid = trial.reader_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    host.until("out of sync on record", LONG, |report| !report.in_sync)
        .await;
    trial.served(at + Duration::from_millis(5), LONG).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    within("stalled for", gap, NO_HANG);
    host.until_restarted(&trial.reader, pid, LONG).await;
    host.until_healthy(LONG).await;
    within(
        "killed to whole again",
        at.elapsed(),
        Duration::from_secs(15),
    );
    assert_same_epoch(host, &trial).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    // While it is proven anew commits wait for it, and the proof has 1.5 s.
    within("longest gap", gap, Duration::from_millis(2500));
    trial.end(host).await;
}

/// A writer that hangs is fenced and replaced.
pub(super) async fn writer_frozen(host: &mut Host) {
    let trial = Trial::begin(host, "writer_frozen").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::freeze(pid);
    within(
        "frozen to first OK",
        trial.taken_over(at, LONG).await,
        Duration::from_secs(3),
    );
    host.until_restarted(&trial.writer, pid, LONG).await;
    assert_moved(host, &trial).await;
    trial.end(host).await;
}

/// A reader that hangs costs one stall, and no role changes.
pub(super) async fn reader_frozen(host: &mut Host) {
    let trial = Trial::begin(host, "reader_frozen").await;
    let pid = trial.reader_pid(host);
    let at = Instant::now();
    fault::freeze(pid);
    let stalled = trial.served(at + Duration::from_millis(5), LONG).await;
    sleep(Duration::from_secs(2)).await;
    assert_same_epoch(host, &trial).await;
    fault::thaw(pid);
    host.until_healthy(LONG).await;
    assert_same_epoch(host, &trial).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    within("stalled for", stalled.max(gap), Duration::from_millis(2500));
    trial.end(host).await;
}

/// 300 ms without a sign of life are no death.
pub(super) async fn writer_stalls_for_a_moment(host: &mut Host) {
    let trial = Trial::begin(host, "writer_stalls").await;
    let pid = trial.writer_pid(host);
    fault::freeze(pid);
    sleep(Duration::from_millis(300)).await;
    fault::thaw(pid);
    sleep(Duration::from_secs(2)).await;
    assert_same_epoch(host, &trial).await;
    assert_eq!(
        host.pid(&trial.writer),
        Some(pid),
        "the writer was started again"
    );
    trial.end(host).await;
}

/// A writer ended by somebody's order may have acknowledged its tail: nothing is lost all the same.
pub(super) async fn writer_terminated_behind_our_back(host: &mut Host) {
    let trial = Trial::begin(host, "writer_terminated").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::terminate(pid);
    host.until_restarted(&trial.writer, pid, LONG).await;
    let served = trial.served(at + Duration::from_millis(500), LONG).await;
    within("terminated to first OK", served, LONG);
    trial.end(host).await;
}

/// After the death of both, the register's writer comes first.
pub(super) async fn both_killed(host: &mut Host) {
    let trial = Trial::begin(host, "both_killed").await;
    let (writer, reader) = (trial.writer_pid(host), trial.reader_pid(host));
    let at = Instant::now();
    fault::kill(reader);
    fault::kill(writer);
    host.until_restarted(&trial.writer, writer, LONG).await;
    host.until_restarted(&trial.reader, reader, LONG).await;
    within("killed to first OK", trial.served(at, LONG).await, LONG);
    trial.end(host).await;
}
