//! A link on which nothing of the writer's arrives any more, though it looks connected at both ends.
//!
//! A frozen reader would not do: what the kernel took for it is there when it goes on.

use std::process::Command;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::Host;
use super::settings::server_id;
use super::sql;

/// How long a commit may take until it waits.
const SOON: Duration = Duration::from_secs(10);

/// The cut connections of the reader's receivers. They are whole again when this value goes.
pub struct Severed {
    /// Also of one that is gone: the writer may not have noticed.
    receivers: Vec<u16>,
}

impl Severed {
    /// From now on nothing that `writer` sends gets to its reader's receiver.
    ///
    /// # Panics
    /// Where there is no receiver, or no rule can be made.
    pub async fn at(host: &Host, writer: &str) -> Self {
        let mut root = host.root(writer).await;
        let dumps =
            "SELECT HOST FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
        let found: Vec<String> = root.query(dumps).await.expect("sessions");
        let _ = root.disconnect().await;
        let port = |host: &String| host.rsplit_once(':')?.1.parse().ok();
        let receivers: Vec<u16> = found.iter().filter_map(port).collect();
        assert!(
            !receivers.is_empty(),
            "no receiver with its port: {found:?}"
        );
        // A server's port is its id.
        let source = server_id(writer);
        nft("add table inet severed");
        nft("add chain inet severed input { type filter hook input priority 0 ; }");
        for receiver in &receivers {
            nft(&format!(
                "add rule inet severed input tcp sport {source} tcp dport {receiver} drop"
            ));
        }
        Self { receivers }
    }

    /// Ends the connection at both ends; what was on its way never arrives.
    ///
    /// # Panics
    /// Where `ss` refuses.
    pub fn end(self) {
        let ends = self
            .receivers
            .iter()
            .flat_map(|port| [("sport", port), ("dport", port)]);
        for (end, port) in ends {
            let filter = format!("{end} = :{port}");
            let ran = Command::new("ss")
                .args(["-K", "-t", "-a", "-H", &filter])
                .output();
            let ran = ran.expect("run ss");
            assert!(ran.status.success(), "ss -K {filter}: {ran:?}");
        }
    }
}

impl Drop for Severed {
    fn drop(&mut self) {
        nft("delete table inet severed");
    }
}

/// Waits until a commit at `writer` waits for its acknowledgement.
///
/// # Panics
/// Where none does.
pub async fn until_a_commit_waits(host: &Host, writer: &str) {
    let mut root = host.root(writer).await;
    let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
        WHERE STATE LIKE 'Waiting for semi-sync ACK%'";
    let deadline = Instant::now() + SOON;
    while root.query_first::<u32, _>(waits).await.expect("a count") == Some(0) {
        assert!(Instant::now() < deadline, "no commit waits");
        sleep(Duration::from_millis(1)).await;
    }
    let _ = tokio::time::timeout(sql::CONNECT, root.disconnect()).await;
}

fn nft(words: &str) {
    let ran = Command::new("nft").args(words.split(' ')).status();
    assert!(ran.expect("run nft").success(), "nft {words}");
}
