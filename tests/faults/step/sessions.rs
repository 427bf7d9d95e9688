//! Sessions that lock, crowd, and have much under way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use tokio::sync::oneshot;
use tokio::time::{Instant, interval, sleep, timeout};

use super::LONG;
use crate::faults::case::{Who, Words};
use crate::faults::ground::Ground;
use crate::support::settings::{APP, ENDPOINT};
use crate::support::sql;

/// More than any server of the tests lets in.
const MANY: usize = 400;
/// The large transaction: its first row and how it doubles.
const FIRST: &str = "INSERT INTO x_large (v) VALUES (REPEAT('x', 50000))";
const DOUBLE: &str = "INSERT INTO x_large (v) SELECT v FROM x_large";

/// A session of root that stays.
pub(super) async fn hold(ground: &mut Ground, who: Who, words: Words) {
    let member = ground.member(who).await;
    until_there(ground, &member).await;
    let opts = sql::local(&ground.host.socket(&member), "root");
    let quiet = ["SET sql_log_bin=0".to_owned()];
    let words = quiet.into_iter().chain(with_table(ground, words));
    stay(ground, opts, words.collect(), true).await;
}

/// Waits until the load's table has come to a member.
async fn until_there(ground: &Ground, member: &str) {
    let mut root = ground.host.root(member).await;
    let query = format!("SELECT 1 FROM {APP}.{} LIMIT 0", ground.table);
    let deadline = Instant::now() + LONG;
    while let Err(why) = sql::run(&mut root, &query, LONG).await {
        assert!(Instant::now() < deadline, "{query} at {member}: {why}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A session of the application that stays.
pub(super) async fn client(ground: &mut Ground, words: Words) {
    let words = with_table(ground, words);
    stay(ground, sql::app(ENDPOINT), words, true).await;
}

/// The same; nobody waits for what it does.
pub(super) async fn begin(ground: &mut Ground, words: Words) {
    let words = with_table(ground, words);
    stay(ground, sql::app(ENDPOINT), words, false).await;
}

fn with_table(ground: &Ground, words: Words) -> Vec<String> {
    let named = words.iter().map(|text| text.replace("{t}", &ground.table));
    named.collect()
}

/// Runs statements in a session of its own, which ends when it is released.
async fn stay(ground: &mut Ground, opts: Opts, words: Vec<String>, wait: bool) {
    let (tell, told) = oneshot::channel();
    let mut conn = sql::connect(&opts).await.expect("a session");
    ground.held.push(tokio::spawn(async move {
        let mut answer = Ok(());
        for statement in words {
            let ran = sql::run(&mut conn, &statement, LONG).await;
            answer = answer.and(ran.map_err(|why| format!("{statement}: {why}")));
        }
        let _ = tell.send(answer);
        std::future::pending::<()>().await;
        drop(conn);
    }));
    if wait {
        let answer = told.await.expect("the session goes on");
        answer.expect("its statements run");
    }
}

/// Waits until a statement with this part runs at a member.
pub(super) async fn until_runs(ground: &Ground, who: Who, part: &str) {
    let member = ground.member(who).await;
    let mut root = ground.host.root(&member).await;
    let query = format!(
        "SELECT COUNT(*) FROM information_schema.processlist \
         WHERE info LIKE '{part}%' AND id <> CONNECTION_ID()"
    );
    let deadline = Instant::now() + LONG;
    loop {
        let running: Option<u32> = root.query_first(query.as_str()).await.expect("an answer");
        if running.unwrap_or(0) > 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{part} does not run at {member}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Takes every connection that the writer gives to the application.
pub(super) async fn all_connections(ground: &mut Ground) {
    while ground.crowd.len() < MANY {
        match sql::connect(&sql::app(ENDPOINT)).await {
            Ok(conn) => ground.crowd.push(conn),
            Err(why) => {
                eprintln!("  {} connections, then: {why}", ground.crowd.len());
                return;
            }
        }
    }
    panic!("there is no end of connections");
}

/// Clients that come and go.
pub(super) fn storm(ground: &mut Ground, rate: u32) {
    ground.held.push(tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1) / rate);
        loop {
            ticks.tick().await;
            tokio::spawn(sql_who());
        }
    }));
}

async fn sql_who() {
    // Between two writers nobody answers.
    let _ = sql::who(&sql::app(ENDPOINT)).await;
}

/// Fills a transaction of so many megabytes, and leaves it open.
pub(super) async fn large(ground: &mut Ground, megabytes: u32) {
    let said = std::env::var("FAULT_MB").ok();
    let megabytes = said.map_or(megabytes, |text| text.parse().expect("megabytes"));
    let mut conn = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
    let create = "CREATE TABLE x_large (id INT AUTO_INCREMENT PRIMARY KEY, v MEDIUMBLOB)";
    for statement in [create, "START TRANSACTION", FIRST] {
        run(&mut conn, statement).await;
    }
    // Rows of 50 kB.
    let wanted = u64::from(megabytes) * 20;
    let mut rows = 1;
    while rows < wanted {
        let more = rows.min(wanted - rows);
        run(&mut conn, &format!("{DOUBLE} LIMIT {more}")).await;
        rows += more;
    }
    ground.large_acked.store(false, Ordering::Relaxed);
    ground.large = Some(conn);
}

/// Commits it, and waits for nothing.
pub(super) fn commit_large(ground: &mut Ground) {
    let mut conn = ground.large.take().expect("a large transaction");
    let acked = ground.large_acked.clone();
    ground.held.push(tokio::spawn(async move {
        let answer = timeout(10 * LONG, conn.query_drop("COMMIT")).await;
        acked.store(matches!(answer, Ok(Ok(()))), Ordering::Relaxed);
    }));
}

async fn run(conn: &mut Conn, statement: &str) {
    let ran = sql::run(conn, statement, 5 * LONG).await;
    ran.unwrap_or_else(|why| panic!("{statement}: {why}"));
}
