//! Benches of what must move nothing: a short stall, a held lock, a big transaction.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::asked::Asked;
use crate::figures::{Failures, Figures, ms};
use crate::support::check::{check, never_two_writers};
use crate::support::{Host, Sampler, fault, sql};

/// One statement, the reader's way through it included.
const LONG: Duration = Duration::from_secs(1200);
/// How long the writer is stopped.
const STALL: Duration = Duration::from_millis(300);
/// How long the lock is held: far longer than a hang is borne.
const HELD: Duration = Duration::from_secs(5);
/// A failover that was decided late would be seen after this time.
const AFTER: Duration = Duration::from_secs(2);
/// Bytes of one row of the big transaction.
const ROW: u64 = 8000;

/// One bench.
#[derive(Clone, Copy)]
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    trouble: Trouble,
    goal: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Stall,
    Lock,
    Commit,
}

pub(crate) const ALL: [Bench; 3] = [
    Bench {
        name: "stall",
        trouble: Trouble::Stall,
        goal: "300 ms of SIGSTOP: no failover",
    },
    Bench {
        name: "ftwrl",
        trouble: Trouble::Lock,
        goal: "FTWRL held for 5 s: no failover",
    },
    Bench {
        name: "commit",
        trouble: Trouble::Commit,
        goal: "2 GB (BIG): no failover",
    },
];

/// All runs of one bench on a pair of its own.
pub(crate) async fn run(bench: Bench, asked: &Asked) -> Failures {
    let host = Host::serving(asked.setup()).await;
    // A transaction of 2 GB takes minutes.
    let usual = if bench.trouble == Trouble::Commit {
        1
    } else {
        asked.runs()
    };
    let count = asked.given_runs.unwrap_or(usual);
    let mut figures = Figures::default();
    let mut commits = Vec::new();
    for number in 1..=count {
        let table = format!("run_{number}");
        commits.extend(one(bench.trouble, asked, &host, &table, &mut figures).await);
        let time = figures.times.last().copied().unwrap_or_default();
        eprintln!("{} {number}/{count}: {} ms", bench.name, ms(time));
    }
    if bench.trouble == Trouble::Commit {
        let commits = commits.iter().map(|time| ms(*time));
        figures.more.insert("commit_ms".into(), commits.collect());
        figures.more.insert("bytes".into(), json!(asked.big));
    }
    let unwanted = figures.unwanted;
    figures.more.insert("failovers".into(), json!(unwanted));
    figures.publish(bench.name, asked, bench.goal)
}

/// One run. Returns how long the big commit took.
async fn one(
    trouble: Trouble,
    asked: &Asked,
    host: &Host,
    table: &str,
    figures: &mut Figures,
) -> Option<Duration> {
    let before = host.until_caught_up(LONG).await;
    let (writer, _) = host.roles().await;
    let sampler = Sampler::start(host);
    let load = asked.load(host, table).await;
    sleep(Duration::from_millis(300)).await;

    let at = Instant::now();
    let mut commit = None;
    match trouble {
        Trouble::Stall => {
            let pid = host.pid(&writer).expect("the server runs");
            fault::freeze(pid);
            sleep(STALL).await;
            fault::thaw(pid);
        }
        Trouble::Lock => {
            let mut conn = host.root(&writer).await;
            let locked = sql::run(&mut conn, "FLUSH TABLES WITH READ LOCK", LONG).await;
            locked.expect("lock everything");
            sleep(HELD).await;
            let unlocked = sql::run(&mut conn, "UNLOCK TABLES", LONG).await;
            unlocked.expect("the session that holds the lock lives");
            let _ = conn.disconnect().await;
        }
        Trouble::Commit => commit = Some(big(host, &writer, asked.big).await),
    }
    load.until_acked(Instant::now(), |_| true, LONG).await;
    let until = Instant::now();
    sleep(AFTER).await;
    host.until_caught_up(LONG).await;
    let after = host.report().await;
    let epochs = after.epoch.unwrap_or(0) - before.epoch.unwrap_or(0);
    figures.unwanted += epochs;
    let history = load.finish().await;
    figures.times.push(history.longest_gap(at, until));
    figures.clients.push(history.longest_client_gap(at, until));
    figures.refused += history.refused().len();
    figures.note(check(host, table, &history).await);
    never_two_writers(&sampler, &history);
    commit
}

/// A transaction of so many bytes at the writer. Returns how long its commit took.
async fn big(host: &Host, writer: &str, bytes: u64) -> Duration {
    let mut conn = host.root(writer).await;
    let mut statements = vec![
        "DROP TABLE IF EXISTS app.big".to_owned(),
        format!(
            "CREATE TABLE app.big (id BIGINT PRIMARY KEY, pad VARCHAR({ROW}) NOT NULL) CHARACTER SET latin1"
        ),
        "START TRANSACTION".to_owned(),
        format!("INSERT INTO app.big VALUES (0, REPEAT('x', {ROW}))"),
    ];
    let mut rows = 1;
    while rows * ROW < bytes {
        let more = rows.min(bytes.div_ceil(ROW) - rows);
        statements.push(format!(
            "INSERT INTO app.big SELECT id + {rows}, pad FROM app.big WHERE id < {more}"
        ));
        rows += more;
    }
    for statement in statements {
        let ran = sql::run(&mut conn, &statement, LONG).await;
        ran.unwrap_or_else(|why| panic!("{statement}: {why}"));
    }
    let begun = Instant::now();
    let committed = sql::run(&mut conn, "COMMIT", LONG).await;
    committed.expect("the big transaction is committed");
    let took = begun.elapsed();
    let _ = conn.disconnect().await;
    took
}
