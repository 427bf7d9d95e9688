//! A writer that does not answer although nothing is wrong with it: no role changes, and what it waits for is
//! named.

use std::time::Duration;

use dualmasterd::control::report::{FindingReport, PairReport};
use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use super::trial::{Trial, assert_same_epoch};
use crate::support::settings::ENDPOINT;
use crate::support::{Host, sql};

const LONG: Duration = Duration::from_secs(30);
/// Longer than any verdict about a hang.
const HELD: Duration = Duration::from_secs(3);

/// A backup's lock on everything, then one on the daemon's own tables.
pub(super) async fn everything_locked(host: &mut Host) {
    for (table, lock) in [
        ("read_lock", "FLUSH TABLES WITH READ LOCK"),
        (
            "table_lock",
            "LOCK TABLES dualmasterd.heartbeat WRITE, dualmasterd.probe WRITE",
        ),
    ] {
        let trial = Trial::begin(host, table).await;
        let pid = trial.writer_pid(host);
        let mut locker = host.root(&trial.writer).await;
        sql::run(&mut locker, lock, LONG).await.expect(lock);
        let blocked = |report: &PairReport| named(report).is_some();
        let report = host.until("WritesBlocked", LONG, blocked).await;
        let detail = named(&report).map(|finding| finding.detail.clone());
        let detail = detail.unwrap_or_default();
        eprintln!("  {lock}: {detail}");
        match host.setup.family {
            // It does not tell who holds a lock: whoever has waited longest is named.
            Family::Mariadb => assert!(detail.contains(" behind a session that holds"), "{detail}"),
            Family::Mysql => {
                let session = format!("session {} of root@localhost holds ", locker.id());
                assert!(detail.starts_with(&session), "{detail}");
            }
        }
        sleep(HELD).await;
        assert_same_epoch(host, &trial).await;
        sql::run(&mut locker, "UNLOCK TABLES", LONG)
            .await
            .expect("the session lives on");
        trial.served(Instant::now(), LONG).await;
        host.until("nothing blocked", LONG, |report| named(report).is_none())
            .await;
        assert_same_epoch(host, &trial).await;
        assert_eq!(host.pid(&trial.writer), Some(pid), "the writer was ended");
        trial.end(host).await;
    }
}

fn named(report: &PairReport) -> Option<&FindingReport> {
    let mut findings = report.findings.iter();
    findings.find(|finding| finding.kind == "WritesBlocked")
}

/// More clients than cores that calculate, and one big commit that all others wait for.
pub(super) async fn writer_busy(host: &mut Host) {
    let trial = Trial::begin(host, "busy").await;
    let pid = trial.writer_pid(host);
    let calculate = match host.setup.family {
        Family::Mariadb => {
            "SET STATEMENT max_statement_time=4 FOR SELECT BENCHMARK(10000000000, SQRT(2))"
        }
        Family::Mysql => "SELECT /*+ MAX_EXECUTION_TIME(4000) */ BENCHMARK(10000000000, SQRT(2))",
    };
    let begun = Instant::now();
    let clients = (0..8).map(|_| {
        tokio::spawn(async move {
            let mut conn = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
            // It is ended by its own limit, which is an error to one family and no value to the other.
            let _ = sql::run(&mut conn, calculate, LONG).await;
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut conn = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
    for statement in [
        "CREATE TABLE big (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)",
        "INSERT INTO big (b) VALUES (REPEAT('x', 1000000))",
        &format!("INSERT INTO big (b) SELECT b FROM big {}", many(8)),
    ] {
        sql::run(&mut conn, statement, LONG).await.expect(statement);
    }
    for client in clients {
        client.await.expect("no panic");
    }
    let took = begun.elapsed();
    assert!((HELD..LONG).contains(&took), "calculated for {took:?}");
    trial.served(Instant::now(), LONG).await;
    assert_same_epoch(host, &trial).await;
    assert_eq!(host.pid(&trial.writer), Some(pid), "the writer was ended");
    sql::run(&mut conn, "DROP TABLE big", LONG)
        .await
        .expect("drop");
    trial.end(host).await;
}

/// Makes so many rows of one.
fn many(count: u32) -> String {
    let rows: Vec<_> = (0..count).map(|row| format!("SELECT {row}")).collect();
    format!("CROSS JOIN ({}) AS many", rows.join(" UNION ALL "))
}
