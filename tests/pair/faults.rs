//! Servers that die, hang and come back.

use std::time::Duration;

use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::trial::{NO_HANG, Trial, assert_moved, assert_same_epoch, print_steps, server_id};
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
    read_by_pt_heartbeat(host, &reader, server_id(&writer)).await;
    let mut conn = sql::connect(&sql::app(READER)).await.expect("a session");
    let refused = sql::run(&mut conn, "CREATE TABLE nowhere (id INT)", LONG).await;
    assert!(refused.is_err(), "the reader takes writes");
}

/// The heartbeat table begins with the columns of pt-heartbeat, whose `--check --utc` finds a fresh row of the
/// writer on the reader.
async fn read_by_pt_heartbeat(host: &Host, reader: &str, writer: u32) {
    let mut root = host.root(reader).await;
    let columns = "SELECT COLUMN_NAME, COLUMN_TYPE, COLUMN_KEY FROM information_schema.COLUMNS \
        WHERE TABLE_SCHEMA='dualmasterd' AND TABLE_NAME='heartbeat' ORDER BY ORDINAL_POSITION LIMIT 6";
    let columns: Vec<(String, String, String)> = root.query(columns).await.expect("columns");
    let plain = columns.iter().map(|(name, kind, key)| {
        // MariaDB shows display widths.
        let kind = kind
            .replace("int(10)", "int")
            .replace("bigint(20)", "bigint");
        format!("{name} {kind} {key}").trim_end().to_owned()
    });
    assert_eq!(
        plain.collect::<Vec<_>>(),
        [
            "ts varchar(26)",
            "server_id int unsigned PRI",
            "file varchar(255)",
            "position bigint unsigned",
            "relay_master_log_file varchar(255)",
            "exec_master_log_pos bigint unsigned",
        ]
    );
    let age = format!(
        "SELECT TIMESTAMPDIFF(MICROSECOND, ts, UTC_TIMESTAMP(6)) / 1000000 \
         FROM dualmasterd.heartbeat WHERE server_id={writer}"
    );
    let age: Option<f64> = root.query_first(age).await.expect("a row of the writer");
    assert!(
        age.is_some_and(|age| (0.0..10.0).contains(&age)),
        "{age:?} s"
    );
}

/// The standby takes over; the dead writer comes back as reader by itself.
pub(super) async fn writer_killed(host: &mut Host) {
    let trial = Trial::begin(host, "writer_killed").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    trial.within(
        "killed to first OK",
        trial.taken_over(at, LONG).await,
        Duration::from_millis(1500),
    );
    host.until_restarted(&trial.writer, pid, LONG).await;
    host.until_healthy(LONG).await;
    trial.within(
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
        trial.within(
            "killed to first OK",
            trial.served(at + Duration::from_millis(100), LONG).await,
            LONG,
        );
        host.until_healthy(LONG).await;
        trial.within("killed to whole again", at.elapsed(), LONG);
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
    trial.within("stalled for", gap, NO_HANG);
    host.until_restarted(&trial.reader, pid, LONG).await;
    host.until_healthy(LONG).await;
    trial.within(
        "killed to whole again",
        at.elapsed(),
        Duration::from_secs(15),
    );
    assert_same_epoch(host, &trial).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    // While it is proven anew commits wait for it, and the proof has 1.5 s.
    trial.within("longest gap", gap, Duration::from_millis(2500));
    trial.end(host).await;
}

/// A writer that hangs is fenced and replaced.
pub(super) async fn writer_frozen(host: &mut Host) {
    let trial = Trial::begin(host, "writer_frozen").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::freeze(pid);
    trial.within(
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
    trial.within("stalled for", stalled.max(gap), Duration::from_millis(2500));
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

/// A writer ended by somebody's order may have acknowledged its tail: its files say whether the standby, which
/// receives until the end, lacks any of it. Nothing is lost either way.
pub(super) async fn writer_terminated_behind_our_back(host: &mut Host) {
    let trial = Trial::begin(host, "writer_terminated").await;
    let pid = trial.writer_pid(host);
    let walks = host.begun("walk");
    let at = Instant::now();
    fault::terminate(pid);
    host.until_restarted(&trial.writer, pid, LONG).await;
    let served = trial.served(at + Duration::from_millis(500), LONG).await;
    trial.within("terminated to first OK", served, LONG);
    host.until_healthy(LONG).await;
    let report = host.report().await;
    if report.epoch != Some(trial.epoch) {
        let why = report.operations.last().map(|last| last.why.as_str());
        let proven =
            "the writer ended (stopped by order) and its files hold nothing that the standby lacks";
        assert_eq!(why, Some(proven));
    }
    assert!(host.begun("walk") > walks, "its files were not asked");
    trial.end(host).await;
}

/// After the death of both, the register's writer is started and serves on.
pub(super) async fn both_killed(host: &mut Host) {
    let trial = Trial::begin(host, "both_killed").await;
    let (writer, reader) = (trial.writer_pid(host), trial.reader_pid(host));
    let at = Instant::now();
    fault::kill(reader);
    fault::kill(writer);
    host.until_restarted(&trial.writer, writer, LONG).await;
    host.until_restarted(&trial.reader, reader, LONG).await;
    trial.within("killed to first OK", trial.served(at, LONG).await, LONG);
    assert_same_epoch(host, &trial).await;
    trial.end(host).await;
}
