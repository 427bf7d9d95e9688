//! What only a deposed writer has: a tail that nobody acknowledged is saved and dropped; what may have been
//! acknowledged stays where it is, and its server is kept apart.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use dualmasterd::control::commands::{Answer, Command};
use dualmasterd::control::report::{PairReport, ThreadState};
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::request::Thread;
use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::operator;
use super::trial::{Trial, assert_moved, assert_same_epoch, server_id};
use crate::support::host::is_whole;
use crate::support::settings::{ENDPOINT, PAIR};
use crate::support::severed::until_a_commit_waits;
use crate::support::{Host, Severed, fault, sql};

const LONG: Duration = Duration::from_secs(30);
/// Rows that the old writer keeps.
const KEPT: usize = 5;

/// A commit that its standby never got waits when the writer dies: its rows are nowhere afterwards, and the
/// folder beside its datadir has its events, GTID, tables and counts.
pub(super) async fn unacknowledged_is_saved_and_cut(host: &mut Host) {
    host.until_healthy(LONG).await;
    let (writer, reader) = host.roles().await;
    let epoch = host.report().await.epoch;
    let mut client = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
    let create = "CREATE TABLE nobody (id INT PRIMARY KEY)";
    sql::run(&mut client, create, LONG).await.expect(create);
    host.until_caught_up(LONG).await;
    let pid = host.pid(&writer).expect("the writer runs");

    let severed = Severed::at(host, &writer).await;
    let before = binlog(host, &writer);
    let insert = tokio::spawn(async move {
        sql::run(&mut client, "INSERT INTO nobody VALUES (1), (2), (3)", LONG).await
    });
    until_a_commit_waits(host, &writer).await;
    let deadline = Instant::now() + LONG;
    while !is_named(&before, "nobody") {
        assert!(
            Instant::now() < deadline,
            "the client's commit is not logged"
        );
        sleep(Duration::from_millis(1)).await;
    }
    assert!(host.report().await.in_sync, "too late: it is on record");
    fault::kill(pid);
    let answer = insert.await.expect("no panic");
    let has = ids(host, &reader, "nobody").await;
    assert!(
        answer.is_err(),
        "a commit was acknowledged that the standby did not get: it has {has:?}"
    );
    let moved = |report: &PairReport| report.writer.as_ref() == Some(&reader);
    host.until("the standby took over", LONG, moved).await;
    host.until_restarted(&writer, pid, LONG).await;
    drop(severed);
    let report = host.until_healthy(LONG).await;
    assert_eq!(report.epoch, epoch.map(|epoch| epoch + 1));

    for member in [&writer, &reader] {
        assert_eq!(ids(host, member, "nobody").await, Vec::<u32>::new());
    }
    let folder = saved_tail(host, &writer, pid).expect("a saved tail");
    let summary = std::fs::read(folder.join("summary.json")).expect("its summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    let of_ours = |ghost: &&Value| ghost["tables"].to_string().contains("\"nobody\"");
    let removed = summary["removes"].as_array().expect("what was removed");
    let ours: Vec<_> = removed.iter().filter(of_ours).collect();
    let [ours] = ours.as_slice() else {
        panic!("not one transaction of ours in {summary:#}");
    };
    let table = &ours["tables"][0];
    assert_eq!(table["schema"], json!("app"), "{ours:#}");
    assert_eq!(table["inserted"], json!(3), "{ours:#}");
    let gtid = ours["gtid"].as_str().expect("its GTID");
    let log = host.log();
    let told = log
        .lines()
        .find(|line| line.contains(&format!("saved to {}", folder.display())))
        .unwrap_or_else(|| panic!("the saved tail is not told:\n{log}"));
    assert!(told.contains("TailRemoved"), "{told}");
    let file = ours["file"].as_str().expect("its file");
    let raw = folder.join(format!("{file}.tail"));
    let bytes = std::fs::metadata(&raw).expect("the raw events").len();
    assert!(
        bytes >= ours["bytes"].as_u64().expect("its bytes"),
        "{gtid}"
    );
}

/// A member's newest binary log and its size.
fn binlog(host: &Host, member: &str) -> (PathBuf, u64) {
    let data = host.path().join(format!("state/{PAIR}/{member}/data"));
    let files = std::fs::read_dir(data).expect("its datadir").flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("binlog.0"));
    let newest = logs.map(|file| file.path()).max().expect("a binary log");
    let size = newest.metadata().expect("its size").len();
    (newest, size)
}

/// Whether a table is named behind a place in a binary log.
fn is_named((path, from): &(PathBuf, u64), table: &str) -> bool {
    let mut file = File::open(path).expect("open the log");
    file.seek(SeekFrom::Start(*from)).expect("go there");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("read it");
    let mut names = bytes.windows(table.len());
    names.any(|name| name == table.as_bytes())
}

/// A writer that is ended by an order may answer OK to what its standby never got: the standby, in sync on
/// record, does not take over, the same server is started again, and nothing is cut.
pub(super) async fn terminated_with_a_tail(host: &mut Host) {
    let trial = Trial::begin(host, "terminated_with_a_tail").await;
    let pid = trial.writer_pid(host);
    let walks = host.begun("walk");
    let severed = Severed::at(host, &trial.writer).await;
    until_a_commit_waits(host, &trial.writer).await;
    assert!(host.report().await.in_sync, "too late: it is on record");
    fault::terminate(pid);
    let deadline = Instant::now() + LONG;
    while host.pid(&trial.writer) == Some(pid) {
        assert!(Instant::now() < deadline, "the writer does not end");
        sleep(Duration::from_millis(5)).await;
    }
    // The daemon waits for what the receiver may still read; nothing comes.
    severed.end();
    host.until_restarted(&trial.writer, pid, LONG).await;
    trial.served(Instant::now(), LONG).await;
    host.until_healthy(LONG).await;
    assert_same_epoch(host, &trial).await;
    assert_eq!(host.begun("walk"), walks + 1, "its files were not asked");
    let saved = saved_tail(host, &trial.writer, pid);
    assert_eq!(
        saved, None,
        "a tail that may have been acknowledged was cut"
    );
    trial.end(host).await;
}

/// What an operator gave up is not destroyed: the old writer comes back with it, apart from the pair, and all
/// of it is counted and named. The pair stays as it is: this scenario comes last.
pub(super) async fn quarantined_after_accepted_loss(host: &mut Host) {
    let trial = Trial::begin(host, "accepted_loss").await;
    let (writer, reader) = (&trial.writer, &trial.reader);
    let mut client = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
    let create = "CREATE TABLE kept (id INT PRIMARY KEY)";
    sql::run(&mut client, create, LONG).await.expect(create);
    host.until_caught_up(LONG).await;
    operator::hold(host, reader, Thread::Receiver).await;
    let held = |report: &PairReport| {
        let reader = report.reader();
        !report.in_sync && reader.is_some_and(|reader| reader.receiver == ThreadState::Held)
    };
    host.until("the receiver held", LONG, held).await;
    for id in 1..=KEPT {
        let insert = format!("INSERT INTO kept VALUES ({id})");
        sql::run(&mut client, &insert, LONG).await.expect("alone");
    }

    let refused = failover(host, false).await;
    assert!(matches!(refused, Answer::Refused { .. }), "{refused:?}");
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    let granted = failover(host, true).await;
    assert!(matches!(granted, Answer::Granted { .. }), "{granted:?}");
    trial.taken_over(at, LONG).await;
    host.until_restarted(writer, pid, LONG).await;
    let report = host
        .until(
            "the old writer quarantined, its own saved",
            LONG,
            |report| quarantine(report, writer).is_some_and(|told| told.contains("saved to")),
        )
        .await;
    assert_moved(host, &trial).await;

    let exclusive = executed(host, writer)
        .await
        .subtract(&executed(host, reader).await);
    assert!(exclusive.count() > KEPT as u64, "{exclusive}");
    let told = quarantine(&report, writer).unwrap_or_default();
    for named in [
        format!("it has transactions that the writer lacks: {exclusive}; "),
        format!("{} transactions ({exclusive})", exclusive.count()),
        format!("{KEPT} rows of app.kept"),
    ] {
        assert!(told.contains(&named), "{told:?} does not tell {named:?}");
    }
    let of_old = |report: &PairReport| {
        let mut members = report.members.iter();
        let old = members.find(|member| member.name == *writer);
        old.is_some_and(|old| old.receiver == ThreadState::Quarantined)
    };
    host.until("its link kept off", LONG, of_old).await;
    assert_eq!(ids(host, writer, "kept").await.len(), KEPT);
    assert_eq!(ids(host, reader, "kept").await.len(), 0);
    assert_eq!(saved_tail(host, writer, pid), None, "something was cut");

    let at = Instant::now();
    let new = server_id(reader);
    trial
        .load
        .until_acked(at, |server| server == new, LONG)
        .await;
    let (writer, reader) = (writer.clone(), reader.clone());
    let history = trial.load.finish().await;
    assert_eq!(history.stints(), [server_id(&writer), new]);
    let report = host.report().await;
    assert!(!is_whole(&report) && !report.in_sync, "{report:#?}");
    assert_eq!(report.writer, Some(reader));
    assert_eq!(ids(host, &writer, "kept").await.len(), KEPT);
}

async fn failover(host: &Host, accept_loss: bool) -> Answer {
    let order = Command::Failover {
        pair: None,
        candidate: None,
        accept_loss,
        dry_run: false,
    };
    host.ask(order).await.expect("an answer")
}

/// Why this member is kept apart.
fn quarantine<'r>(report: &'r PairReport, member: &str) -> Option<&'r str> {
    let mut findings = report.findings.iter();
    let found = findings.find(|finding| {
        finding.kind == "LinkQuarantined" && finding.member.as_deref() == Some(member)
    });
    found.map(|finding| finding.detail.as_str())
}

async fn executed(host: &Host, member: &str) -> GtidSet {
    let mut root = host.root(member).await;
    let asked = match host.setup.family {
        Family::Mariadb => root.query_first("SELECT @@global.gtid_binlog_state").await,
        Family::Mysql => root.query_first("SELECT @@global.gtid_executed").await,
    };
    let text: String = asked.expect("its set").unwrap_or_default();
    let set = match host.setup.family {
        Family::Mariadb => GtidSet::parse_mariadb(&text),
        Family::Mysql => GtidSet::parse_mysql(&text),
    };
    set.unwrap_or_else(|why| panic!("{text:?}: {why}"))
}

async fn ids(host: &Host, member: &str, table: &str) -> Vec<u32> {
    let mut root = host.root(member).await;
    let rows = root.query(format!("SELECT id FROM app.{table}")).await;
    rows.unwrap_or_else(|why| panic!("{table} at {member}: {why}"))
}

/// The folder with the tail that was cut off after the end of this process.
fn saved_tail(host: &Host, member: &str, pid: i32) -> Option<PathBuf> {
    let saved = host.path().join(format!("state/{PAIR}/{member}/saved"));
    let folders = std::fs::read_dir(saved).into_iter().flatten().flatten();
    let of_process = format!("-{pid}-");
    let mut found = folders.filter(|folder| {
        let name = folder.file_name().to_string_lossy().into_owned();
        name.starts_with("tail-") && name.contains(&of_process)
    });
    found.next().map(|folder| folder.path())
}
