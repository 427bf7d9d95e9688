//! The pair's servers: their processes, and sessions as root.

use std::time::Duration;

use mysql_async::Conn;
use tokio::time::{Instant, sleep};

use super::Host;
use crate::support::settings::PAIR;
use crate::support::{fault, sql};

/// An account without any right that may look at a server's variables.
pub const LOOKER: &str = "looker";

impl Host {
    /// A member's process, looked for in /proc.
    pub fn pid(&self, member: &str) -> Option<i32> {
        match &self.machine {
            Some(machine) => machine.server(member),
            None => fault::server_of(&self.my_cnf(member)),
        }
    }

    /// Waits until a member's process, as it is now, is another one than `old`.
    pub async fn until_restarted(&self, member: &str, old: i32, wait: Duration) -> i32 {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(pid) = self.pid(member)
                && pid != old
            {
                return pid;
            }
            assert!(
                Instant::now() < deadline,
                "{member} was not started again within {wait:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often a member was made to forget transactions of its own: what was saved of them is there.
    pub fn forgotten(&self, member: &str) -> usize {
        let saved = self.path().join(format!("state/{PAIR}/{member}/saved"));
        let folders = std::fs::read_dir(saved).into_iter().flatten().flatten();
        let own =
            |folder: &std::fs::DirEntry| folder.file_name().to_string_lossy().starts_with("own-");
        folders.filter(own).count()
    }

    /// As many actions of this kind were begun, by the daemon's history.
    pub fn begun(&self, action: &str) -> usize {
        let path = self.path().join(format!("state/{PAIR}/history.jsonl"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let wanted = format!("\"do\":\"{action}\"");
        text.lines().filter(|line| line.contains(&wanted)).count()
    }

    /// A session as root at a member.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn root(&self, member: &str) -> Conn {
        let opts = sql::local(&self.socket(member), "root");
        sql::connect(&opts)
            .await
            .unwrap_or_else(|why| panic!("root at {member}: {why}"))
    }

    /// Runs statements as root at a member.
    ///
    /// # Panics
    /// Where one fails.
    pub async fn as_root(&self, member: &str, statements: &[&str]) {
        let mut conn = self.root(member).await;
        for statement in statements {
            let ran = sql::run(&mut conn, statement, Duration::from_secs(10)).await;
            ran.unwrap_or_else(|why| panic!("root at {member}, {statement}: {why}"));
        }
        let _ = conn.disconnect().await;
    }

    /// Makes [`LOOKER`] at the writer, and by replication at the reader.
    pub(in crate::support) async fn add_looker(&self) {
        let (writer, _) = self.roles().await;
        self.as_root(&writer, &[&format!("CREATE USER {LOOKER}@localhost")])
            .await;
    }
}
