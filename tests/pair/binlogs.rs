//! Binary logs go when they are old and the peer has executed them, and not before.

use std::time::Duration;

use dualmasterd::control::report::PairReport;
use dualmasterd::model::request::Thread;
use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::operator;
use super::trial::Trial;
use crate::support::Host;

const LONG: Duration = Duration::from_secs(20);
/// What the pair is told to keep.
pub(super) const KEEP: &str = "binlog_keep = \"2s\"\n";

/// A file that the reader has executed is deleted; one that it only received stays.
pub(super) async fn kept_while_the_peer_lacks_them(host: &mut Host) {
    let trial = Trial::begin(host, "binlogs").await;
    let first = rotate(host, &trial.writer).await;
    until_gone(host, &trial.writer, &first).await;

    operator::hold(host, &trial.reader, Thread::Applier).await;
    let held = |report: &PairReport| has(report, "LinkHeld");
    host.until("the applier held", LONG, held).await;
    sleep(Duration::from_millis(300)).await;
    let second = rotate(host, &trial.writer).await;
    let kept = |report: &PairReport| has(report, "BinlogsKept");
    host.until("BinlogsKept", LONG, kept).await;
    sleep(Duration::from_secs(3)).await;
    let files = files(host, &trial.writer).await;
    assert!(files.contains(&second), "{second} is not among {files:?}");

    operator::release(host, &trial.reader, Thread::Applier).await;
    until_gone(host, &trial.writer, &second).await;
    host.until("nothing kept", LONG, |report| !kept(report))
        .await;
    trial.end(host).await;
}

fn has(report: &PairReport, kind: &str) -> bool {
    report.findings.iter().any(|finding| finding.kind == kind)
}

/// Begins a new file, and names the one before it.
async fn rotate(host: &Host, member: &str) -> String {
    let last = files(host, member).await.pop().expect("a file");
    host.as_root(member, &["FLUSH BINARY LOGS"]).await;
    last
}

async fn files(host: &Host, member: &str) -> Vec<String> {
    let mut root = host.root(member).await;
    let rows: Vec<mysql_async::Row> = root.query("SHOW BINARY LOGS").await.expect("a list");
    let _ = root.disconnect().await;
    let name = |row: mysql_async::Row| row.get(0).expect("a name");
    rows.into_iter().map(name).collect()
}

async fn until_gone(host: &Host, member: &str, file: &String) {
    let deadline = Instant::now() + LONG;
    while files(host, member).await.contains(file) {
        assert!(Instant::now() < deadline, "{file} is still there");
        sleep(Duration::from_millis(100)).await;
    }
}
