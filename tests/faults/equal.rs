//! Both members hold the same in every table of the application.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use crate::support::Host;
use crate::support::settings::APP;

const LONG: Duration = Duration::from_secs(30);

/// Waits until both are equal.
///
/// # Panics
/// With what differs, where they do not become so.
pub(super) async fn equal(host: &Host) {
    let deadline = Instant::now() + LONG;
    loop {
        let (a, b) = (sums(host, "a").await, sums(host, "b").await);
        if a == b {
            return;
        }
        if Instant::now() >= deadline {
            let differs = |(name, sum): &(&String, &Option<u64>)| b.get(*name) != Some(*sum);
            let at_a: Vec<_> = a.iter().filter(differs).collect();
            panic!("tables differ; those of a: {at_a:?}, of b: {b:?}");
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Every table with its checksum.
async fn sums(host: &Host, member: &str) -> BTreeMap<String, Option<u64>> {
    let mut conn = host.root(member).await;
    let names = tables(&mut conn).await;
    let mut sums = BTreeMap::new();
    for name in names {
        let row: Option<(String, Option<u64>)> = conn
            .query_first(format!("CHECKSUM TABLE {APP}.`{name}`"))
            .await
            .unwrap_or_else(|why| panic!("the checksum of {name} at {member}: {why}"));
        sums.insert(name, row.expect("a checksum").1);
    }
    let _ = conn.disconnect().await;
    sums
}

/// The application's tables.
pub(super) async fn tables(conn: &mut mysql_async::Conn) -> Vec<String> {
    let query = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema='{APP}' ORDER BY 1"
    );
    conn.query(query).await.expect("the tables")
}
