//! Scheduled events run at the writer, and follow it.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::trial::server_id;
use crate::support::settings::ENDPOINT;
use crate::support::{Host, fault, sql};

const LONG: Duration = Duration::from_secs(30);

/// An event that the application made ticks at the writer alone: before a switchover, after it, and after the
/// death of the next one.
pub(super) async fn follow_the_role(host: &mut Host) {
    host.until_healthy(LONG).await;
    let (writer, reader) = host.roles().await;
    let mut app = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
    for statement in [
        "CREATE TABLE ticks (id INT AUTO_INCREMENT PRIMARY KEY, server INT UNSIGNED NOT NULL)",
        "CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticks (server) VALUES (@@server_id)",
    ] {
        sql::run(&mut app, statement, LONG).await.expect(statement);
    }
    ticks_at(host, &writer).await;
    let recorded = "SELECT COUNT(*) FROM dualmasterd.events WHERE event_name='tick'";
    let deadline = Instant::now() + LONG;
    while number(host, &reader, recorded).await == 0 {
        assert!(Instant::now() < deadline, "it is not on the writer's list");
        sleep(Duration::from_millis(100)).await;
    }

    host.switched().await;
    let before = ticks(host, &writer, &writer).await;
    ticks_at(host, &reader).await;
    ticks_at(host, &reader).await;
    let after = ticks(host, &writer, &writer).await;
    assert_eq!(before, after, "it went on at the old writer");

    host.until_healthy(LONG).await;
    fault::kill(host.pid(&reader).expect("the writer runs"));
    ticks_at(host, &writer).await;
    host.until_healthy(LONG).await;
    let mut app = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
    sql::run(&mut app, "DROP EVENT tick", LONG)
        .await
        .expect("drop it");
}

/// Waits until the event has run at this member once more.
async fn ticks_at(host: &Host, member: &str) {
    let before = ticks(host, member, member).await;
    let deadline = Instant::now() + LONG;
    while ticks(host, member, member).await <= before {
        assert!(Instant::now() < deadline, "it does not run at {member}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// As many rows of the event's runs at `by` are at `member`.
async fn ticks(host: &Host, member: &str, by: &str) -> u32 {
    let count = format!(
        "SELECT COUNT(*) FROM app.ticks WHERE server={}",
        server_id(by)
    );
    number(host, member, &count).await
}

async fn number(host: &Host, member: &str, query: &str) -> u32 {
    let mut root = host.root(member).await;
    let number: Option<u32> = root.query_first(query).await.expect("a number");
    let _ = root.disconnect().await;
    number.unwrap_or_default()
}
