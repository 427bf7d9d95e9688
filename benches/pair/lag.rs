//! An applier that is behind at the kill: what it has to apply first is the gap.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use crate::support::{Host, sql};

const LONG: Duration = Duration::from_secs(20);

/// The reader's applier waits for a lock on the load's table.
pub(crate) struct Held {
    conn: Conn,
    table: String,
}

/// What was applied between the kill and the first write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain {
    /// Rows that were acknowledged and not yet applied at the kill.
    pub(crate) rows: u64,
    /// From the kill to the first acknowledged write.
    pub(crate) gap: Duration,
}

impl Held {
    /// Locks the table at the reader against its applier, once it is there, for so many seconds.
    pub(crate) async fn at(host: &Host, reader: &str, table: &str, seconds: u64) -> Self {
        let mut conn = host.root(reader).await;
        let lock = format!("LOCK TABLES app.{table} READ");
        let deadline = Instant::now() + LONG;
        while let Err(why) = sql::run(&mut conn, &lock, LONG).await {
            assert!(Instant::now() < deadline, "{lock} at {reader}: {why}");
            sleep(Duration::from_millis(50)).await;
        }
        sleep(Duration::from_secs(seconds)).await;
        let table = table.to_owned();
        Self { conn, table }
    }

    /// The rows that it has applied.
    pub(crate) async fn applied(&mut self) -> u64 {
        let count = format!("SELECT COUNT(*) FROM app.{}", self.table);
        let count: Option<u64> = self.conn.query_first(count).await.expect("rows");
        count.expect("a number")
    }

    /// Lets the applier go on.
    pub(crate) async fn release(mut self) {
        let unlocked = sql::run(&mut self.conn, "UNLOCK TABLES", LONG).await;
        unlocked.expect("unlock the table");
        let _ = self.conn.disconnect().await;
    }
}
