//! What a MariaDB reader forgets by itself: a DROP TABLE that its recovery of DDL logged once more, as it was
//! killed while it applied that, and a FLUSH, also where the daemon dies on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::trial::Trial;
use crate::support::host::is_whole;
use crate::support::settings::ENDPOINT;
use crate::support::{Cut, Host, Setup, fault, in_namespace, sql};

const LONG: Duration = Duration::from_secs(90);
/// One kill in seven was seen to leave such a statement.
const KILLS: u32 = 40;

/// The daemon dies at a begin record of the way back; the next one brings the pair to the same end.
#[test]
fn cut() {
    in_namespace(async || {
        let mut host = Host::new(Setup::new(Family::Mariadb));
        let cut = Cut::prepare(&mut host);
        host.serve().await;
        let before = cut.records().len();
        flush_and_wait(&mut host, &cut).await;
        let count = cut.records().len() - before;
        // The daemon leaves few records besides.
        for number in (1..=count).step_by(2) {
            let began = Instant::now();
            cut.at(number);
            let last = flush_and_wait(&mut host, &cut).await;
            cut.off();
            let took = began.elapsed().as_secs_f64();
            eprintln!("  cut at {number} of {count}, {last}: {took:.1} s");
        }
    });
}

/// Flushes tables on the reader, and waits until it has forgotten that. A daemon that dies is
/// started again. The record that it died at.
async fn flush_and_wait(host: &mut Host, cut: &Cut) -> String {
    host.until_healthy(LONG).await;
    let (_, reader) = host.roles().await;
    let before = host.forgotten(&reader);
    // A restart of the daemon sweeps sessions for a moment.
    sleep(Duration::from_millis(600)).await;
    host.as_root(&reader, &["FLUSH TABLES"]).await;
    let mut last = "not reached".to_owned();
    let deadline = Instant::now() + LONG;
    loop {
        if host.daemon_has_ended() {
            last = cut.records().pop().unwrap_or_default();
            cut.off();
            host.start().await;
        }
        let report = host.try_report().await.ok();
        let done = host.forgotten(&reader) > before;
        if done && report.as_ref().is_some_and(is_whole) {
            break;
        }
        assert!(Instant::now() < deadline, "it did not forget: {report:#?}");
        sleep(Duration::from_millis(20)).await;
    }
    last
}

#[test]
fn mariadb() {
    in_namespace(async || {
        let host = Host::serving(Setup::new(Family::Mariadb)).await;
        let trial = Trial::begin(&host, "beside_drops").await;
        let drops = Drops::start();
        let mut kills = 0;
        while host.forgotten(&trial.reader) == 0 {
            assert!(
                kills < KILLS,
                "no DROP TABLE was logged twice by {kills} kills"
            );
            kills += 1;
            host.until_healthy(LONG).await;
            sleep(Duration::from_millis(200 + u64::from(kills * 37 % 100))).await;
            let pid = trial.reader_pid(&host);
            fault::kill(pid);
            host.until_restarted(&trial.reader, pid, LONG).await;
            host.until_healthy(LONG).await;
        }
        eprintln!("  forgotten after {kills} kills");
        let made = drops.end().await;
        assert!(made > 10, "only {made} tables were made");
        let (writer, reader) = (trial.writer.clone(), trial.reader.clone());
        trial.end(&host).await;
        equal(&host, &writer, &reader).await;
        let log = host.log();
        assert!(log.contains("they change nothing"), "{log}");
    });
}

/// A client that makes tables and drops them.
struct Drops {
    stop: Arc<AtomicBool>,
    client: JoinHandle<u32>,
}

impl Drops {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let client = tokio::spawn(async move {
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                // It fails while the pair is busy with itself.
                let _ = make_and_drop(number).await;
                number += 1;
            }
            number
        });
        Self { stop, client }
    }

    async fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.client.await.expect("no panic")
    }
}

async fn make_and_drop(number: u32) -> Result<(), String> {
    let mut conn = sql::connect(&sql::app(ENDPOINT)).await?;
    for statement in [
        format!("CREATE TABLE x{number} (id INT PRIMARY KEY, v VARCHAR(100))"),
        format!("INSERT INTO x{number} VALUES (1, 'a')"),
        format!("DROP TABLE x{number}"),
    ] {
        sql::run(&mut conn, &statement, LONG).await?;
    }
    let _ = conn.disconnect().await;
    Ok(())
}

/// Both have executed the same and have the same tables.
async fn equal(host: &Host, writer: &str, reader: &str) {
    let deadline = Instant::now() + LONG;
    loop {
        let (one, other) = (tables(host, writer).await, tables(host, reader).await);
        if one == other {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{writer}: {one:?}, {reader}: {other:?}"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

async fn tables(host: &Host, member: &str) -> Vec<String> {
    let mut conn = host.root(member).await;
    let asked = conn.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema='app' ORDER BY 1",
    );
    let tables = asked.await.expect("its tables");
    let _ = conn.disconnect().await;
    tables
}
