//! Switchovers, and what they refuse.

use std::time::Duration;

use dualmasterd::control::report::OperationReport;
use dualmasterd::model::server::Family;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::trial::{Trial, assert_moved, assert_same_epoch, print_steps};
use crate::support::settings::{ENDPOINT, server_id};
use crate::support::{Host, fault, sql};

const LONG: Duration = Duration::from_secs(20);

/// There and back; no attempt to connect is refused.
pub(super) async fn switchover_under_load(host: &mut Host) {
    for table in ["switchover", "switch_back"] {
        let trial = Trial::begin(host, table).await;
        sleep(Duration::from_millis(300)).await;
        let at = Instant::now();
        print_steps(&host.switched().await);
        trial.taken_over(at, LONG).await;
        let gap = trial.load.so_far().longest_gap(at, Instant::now());
        trial.within("longest gap", gap, Duration::from_millis(800));
        assert_moved(host, &trial).await;
        let history = trial.end(host).await;
        let refused = history.refused();
        assert!(refused.is_empty(), "refused connections: {refused:?}");
    }
}

/// A locked table makes `read_only` wait: undone, and the session is named.
pub(super) async fn switchover_against_a_locked_table(host: &mut Host) {
    let trial = Trial::begin(host, "against_lock").await;
    let mut locker = session().await;
    let made = sql::run(
        &mut locker,
        "CREATE TABLE locked (id INT PRIMARY KEY)",
        LONG,
    )
    .await;
    made.expect("create");
    sql::run(&mut locker, "LOCK TABLES locked WRITE", LONG)
        .await
        .expect("lock");
    undone(host, &trial, &locker).await;
    let unlocked = sql::run(&mut locker, "UNLOCK TABLES", LONG).await;
    unlocked.expect("the session that was named lives on");
    trial.end(host).await;
}

/// A long statement makes `read_only` wait: undone, and the session is named.
pub(super) async fn switchover_against_a_long_statement(host: &mut Host) {
    let trial = Trial::begin(host, "against_long").await;
    let mut worker = session().await;
    let made = sql::run(&mut worker, "CREATE TABLE slow (id INT PRIMARY KEY)", LONG).await;
    made.expect("create");
    let id = worker.id();
    let slow = tokio::spawn(async move {
        let insert = "INSERT INTO slow SELECT 1 + SLEEP(3)";
        sql::run(&mut worker, insert, LONG).await
    });
    sleep(Duration::from_millis(200)).await;
    undone_by(host, &trial, id).await;
    slow.await
        .expect("no panic")
        .expect("the statement that was named ends well");
    trial.end(host).await;
}

/// A transaction that only stays open is ended: its client hears an error, and its row is nowhere.
pub(super) async fn switchover_against_an_open_transaction(host: &mut Host) {
    let trial = Trial::begin(host, "against_open").await;
    let mut idle = session().await;
    for statement in [
        "CREATE TABLE half (id INT PRIMARY KEY)",
        "START TRANSACTION",
        "INSERT INTO half VALUES (1)",
    ] {
        sql::run(&mut idle, statement, LONG).await.expect(statement);
    }
    print_steps(&host.switched().await);
    let commit = sql::run(&mut idle, "COMMIT", LONG).await;
    assert!(
        commit.is_err(),
        "a transaction of the former writer was committed"
    );
    let rows: Vec<u32> = session()
        .await
        .query("SELECT id FROM half")
        .await
        .expect("rows");
    assert!(rows.is_empty());
    trial.end(host).await;
}

/// A FLUSH on the reader makes a transaction of its own and changes no row: on MySQL it bars no role change.
/// MariaDB's reader stops at the writer's next transaction, as both have one number, until it has forgotten
/// its own.
pub(super) async fn flush_on_the_reader(host: &mut Host) {
    host.until_healthy(LONG).await;
    let (writer, reader) = host.roles().await;
    // For 400 ms after a role change whoever logs in at the old writer is sent away again.
    sleep(Duration::from_millis(600)).await;
    host.as_root(&reader, &["FLUSH TABLES"]).await;
    match host.setup.family {
        Family::Mysql => {
            let deadline = Instant::now() + LONG;
            let operation = loop {
                match host.switchover().await {
                    Ok(operation) => break operation,
                    Err(refused) => assert!(Instant::now() < deadline, "{refused}"),
                }
                sleep(Duration::from_millis(20)).await;
            };
            assert_switched(&operation);
        }
        Family::Mariadb => {
            until_it_forgets(host, &reader).await;
            let (of_writer, of_reader) = (state(host, &writer).await, state(host, &reader).await);
            let own = format!("-{}-", server_id(&reader));
            let own = |state: &str| {
                state
                    .split(',')
                    .find(|gtid| gtid.contains(&own))
                    .map(str::to_owned)
            };
            assert_eq!(own(&of_reader), own(&of_writer));
        }
    }
    host.until_healthy(LONG).await;
}

/// The reader stops at the writer's next transaction, is started without its own, and is whole again.
async fn until_it_forgets(host: &Host, reader: &str) {
    let at = Instant::now();
    let pid = host.pid(reader).expect("the reader runs");
    host.until_restarted(reader, pid, LONG).await;
    host.until_healthy(LONG).await;
    eprintln!("  flushed to whole again: {:?}", at.elapsed());
    assert_eq!(host.forgotten(reader), 1, "saved folders");
}

async fn state(host: &Host, member: &str) -> String {
    let mut root = host.root(member).await;
    let state = root.query_first("SELECT @@gtid_binlog_state").await;
    state.expect("its state").unwrap_or_default()
}

/// A write on the reader never reaches the writer, and never becomes the truth by a role change.
/// The pair stays as it is: this scenario comes last.
pub(super) async fn stray_write_on_the_reader(host: &mut Host) {
    host.until_healthy(LONG).await;
    let (writer, reader) = host.roles().await;
    let mut app = session().await;
    for statement in [
        "CREATE TABLE stray (id INT PRIMARY KEY, v INT)",
        "INSERT INTO stray VALUES (1, 1)",
    ] {
        sql::run(&mut app, statement, LONG).await.expect(statement);
    }
    until_value(host, &reader, 1).await;
    let close = match host.setup.family {
        Family::Mariadb => "SET GLOBAL read_only=1",
        Family::Mysql => "SET GLOBAL super_read_only=1",
    };
    let steps = [
        "SET GLOBAL read_only=0",
        "UPDATE app.stray SET v=2 WHERE id=1",
        close,
    ];
    host.as_root(&reader, &steps).await;
    let named = |kind: &str| {
        let kind = kind.to_owned();
        move |report: &dualmasterd::control::report::PairReport| {
            report.findings.iter().any(|finding| finding.kind == kind)
        }
    };
    host.until("a finding", LONG, named("ReaderHasOwnRows"))
        .await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        value(host, &writer).await,
        1,
        "the stray write reached the writer"
    );

    let refused = host.switchover().await.expect_err("refused");
    assert!(refused.contains("ReaderHasOwnRows"), "{refused}");

    let pid = host.pid(&writer).expect("the writer runs");
    fault::kill(pid);
    host.until_restarted(&writer, pid, LONG).await;
    let served = |report: &dualmasterd::control::report::PairReport| {
        report.writer.as_ref() == Some(&writer)
            && report
                .endpoint
                .as_ref()
                .and_then(|endpoint| endpoint.writer.as_ref())
                == Some(&writer)
    };
    host.until("the same writer again", LONG, served).await;
    let deadline = Instant::now() + LONG;
    while let Err(why) = set_value(3).await {
        assert!(Instant::now() < deadline, "{why}");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(value(host, &writer).await, 3);
}

async fn set_value(value: i32) -> Result<(), String> {
    let mut conn = sql::connect(&sql::app(ENDPOINT)).await?;
    sql::run(
        &mut conn,
        &format!("UPDATE stray SET v={value} WHERE id=1"),
        LONG,
    )
    .await
}

async fn value(host: &Host, member: &str) -> i32 {
    let mut conn = host.root(member).await;
    let value: Option<i32> = conn
        .query_first("SELECT v FROM app.stray WHERE id=1")
        .await
        .unwrap_or_default();
    let _ = conn.disconnect().await;
    value.unwrap_or_default()
}

async fn until_value(host: &Host, member: &str, wanted: i32) {
    let deadline = Instant::now() + LONG;
    while value(host, member).await != wanted {
        assert!(Instant::now() < deadline, "the row never reached {member}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn session() -> Conn {
    sql::connect(&sql::app(ENDPOINT))
        .await
        .expect("a session through the endpoint")
}

async fn undone(host: &Host, trial: &Trial, culprit: &Conn) {
    undone_by(host, trial, culprit.id()).await;
}

/// As often a switchover is asked for that a busy machine undoes for another reason: commits of others that are
/// under way for longer than usual.
const TRIES: u32 = 5;

/// The switchover is undone within a moment, the session named, and writes go on at the same writer.
async fn undone_by(host: &Host, trial: &Trial, session: u32) {
    let at = Instant::now();
    let named = format!("session {session} ");
    for tries in 1.. {
        let operation = host.switchover().await.expect("granted");
        let ended = operation.ended.clone().expect("ended");
        assert!(!ended.moved, "{operation:#?}");
        eprintln!("  {}", ended.text);
        if ended.text.contains(&named) {
            break;
        }
        assert!(tries < TRIES, "session {session} is not named");
        host.until_healthy(LONG).await;
    }
    trial.served(Instant::now(), LONG).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    trial.within("longest gap", gap, Duration::from_millis(800));
    assert_same_epoch(host, trial).await;
}

fn assert_switched(operation: &OperationReport) {
    print_steps(operation);
    let moved = operation.ended.as_ref().is_some_and(|ended| ended.moved);
    assert!(moved, "{operation:#?}");
}
