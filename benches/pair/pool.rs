//! A buffer pool that is full of pages: a big process takes longer to die.

use std::time::Duration;

use dualmasterd::control::report::PairReport;
use mysql_async::prelude::Queryable;

use crate::support::host::is_whole;
use crate::support::{Host, sql};

/// Bytes of one row: two fit a page.
const ROW: u64 = 7900;
/// Rows that one statement writes: 64 MB.
const CHUNK: u64 = 8192;
/// One statement may take this long on a busy disk.
const LONG: Duration = Duration::from_secs(300);
/// The reader applies the whole table within this time.
const ALL: Duration = Duration::from_secs(1200);

/// Makes a table as large as the pool; both members have its pages after it.
pub(crate) async fn fill(host: &Host, bytes: u64) {
    let (writer, _) = host.roles().await;
    let mut conn = host.root(&writer).await;
    // As statements, where the server still can: as rows they would fill as many bytes of binary logs.
    let _ = sql::run(&mut conn, "SET SESSION binlog_format = 'STATEMENT'", LONG).await;
    let mut statements = vec![
        format!(
            "CREATE TABLE app.filler (id BIGINT PRIMARY KEY, pad VARCHAR({ROW}) NOT NULL) CHARACTER SET latin1"
        ),
        format!("INSERT INTO app.filler VALUES (0, REPEAT('x', {ROW}))"),
    ];
    let insert = |from: u64, below: u64| {
        format!("INSERT INTO app.filler SELECT id + {from}, pad FROM app.filler WHERE id < {below}")
    };
    let mut rows = 1;
    while rows < CHUNK {
        statements.push(insert(rows, rows));
        rows *= 2;
    }
    while rows * ROW < bytes {
        statements.push(insert(rows, CHUNK));
        rows += CHUNK;
    }
    for statement in statements {
        let ran = sql::run(&mut conn, &statement, LONG).await;
        ran.unwrap_or_else(|why| panic!("{statement}: {why}"));
    }
    let _ = conn.disconnect().await;
    // Few transactions, each of which takes the reader a second.
    let has_all = |report: &PairReport| {
        let gap = report.reader().and_then(|reader| reader.gtid_gap);
        is_whole(report) && gap == Some(0)
    };
    host.until("a reader with the whole filler", ALL, has_all)
        .await;
}

/// Reads the table again, and returns how much of the member's pool holds pages, in percent.
///
/// # Panics
/// Where less than four fifths do.
pub(crate) async fn warm(host: &Host, member: &str, bytes: u64) -> f64 {
    let mut conn = host.root(member).await;
    let read = sql::run(&mut conn, "SELECT SUM(LENGTH(pad)) FROM app.filler", LONG).await;
    read.unwrap_or_else(|why| panic!("reading the filler at {member}: {why}"));
    let data: Option<(String, String)> = conn
        .query_first("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_bytes_data'")
        .await
        .expect("the pool's status");
    let data: f64 = data.and_then(|(_, data)| data.parse().ok()).expect("bytes");
    let _ = conn.disconnect().await;
    let percent = data / bytes as f64 * 100.0;
    assert!(
        percent >= 80.0,
        "{percent:.0} % of the pool of {member} hold pages"
    );
    percent
}
