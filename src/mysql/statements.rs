//! The statements that both families have, in the words of each.

use std::time::Duration;

use super::dialect::{Can, Dialect};
use super::target::Account;

/// A thread of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thread {
    /// Fetches and acknowledges.
    Receiver,
    /// Executes.
    Applier,
}

impl Thread {
    const fn word(self) -> &'static str {
        match self {
            Self::Receiver => "IO_THREAD",
            Self::Applier => "SQL_THREAD",
        }
    }
}

impl Dialect {
    /// Starts a thread of the link.
    pub fn start(self, thread: Thread) -> String {
        format!("START {} {}", self.replica(), thread.word())
    }

    /// Deletes the link's relay logs and positions. Where it leads is kept, its delay is not.
    pub fn reset_link(self) -> String {
        format!("RESET {}", self.replica())
    }

    /// Sets the link's delay, in seconds.
    pub fn set_delay(self, seconds: u64) -> String {
        match self.can(Can::SourceWords) {
            true => format!("CHANGE REPLICATION SOURCE TO SOURCE_DELAY={seconds}"),
            false => format!("CHANGE MASTER TO MASTER_DELAY={seconds}"),
        }
    }

    /// Stops a thread of the link.
    pub fn stop(self, thread: Thread) -> String {
        format!("STOP {} {}", self.replica(), thread.word())
    }

    /// The link's status: one row, or none where it is not configured.
    pub fn show_link(self) -> String {
        format!("SHOW {} STATUS", self.replica())
    }

    /// Both read-only switches, as the columns `read_only` and `closed` (what [`Self::close`] sets).
    pub fn show_closed(self) -> String {
        let closing = self.closing_var();
        format!("SELECT @@global.read_only AS read_only, @@global.{closing} AS closed")
    }

    /// Makes the server refuse writes. On MariaDB the statement itself gives up after `budget`; on
    /// MySQL it has to be ended from another session.
    pub fn close(self, budget: Duration) -> String {
        let closing = self.closing_var();
        match self {
            Self::Mariadb(_) => format!(
                "SET STATEMENT max_statement_time={:.3} FOR SET GLOBAL {closing}=1",
                budget.as_secs_f64().max(0.001)
            ),
            Self::Mysql(_) => format!("SET GLOBAL {closing}=1"),
        }
    }

    /// Lets ordinary accounts write. On MySQL it switches `super_read_only` off as well.
    pub const fn open(self) -> &'static str {
        "SET GLOBAL read_only=0"
    }

    /// Semi-sync source side: first its terms, then on. `timeout_ms` as the server takes it.
    pub fn arm_source(self, timeout_ms: u64) -> String {
        let mut terms = vec![
            format!("{}={timeout_ms}", self.source_var("timeout")),
            format!("{}=1", self.wait_none_var()),
            format!("{}='AFTER_SYNC'", self.source_var("wait_point")),
        ];
        terms.extend(self.wait_count_var().map(|name| format!("{name}=1")));
        let terms = terms.join(", GLOBAL ");
        format!(
            "SET GLOBAL {terms}; SET GLOBAL {}=1",
            self.source_var("enabled")
        )
    }

    /// The table of all sessions.
    pub(super) fn processlist(self) -> &'static str {
        match self.can(Can::ProcesslistTable) {
            true => "performance_schema.processlist",
            false => "information_schema.processlist",
        }
    }

    /// Client sessions of accounts that are not ours: columns `id`, `user`, `host`. Neither dump
    /// threads nor what the server runs for itself.
    pub fn client_sessions(self) -> String {
        format!(
            "SELECT ID AS id, USER AS user, HOST AS host FROM {} \
             WHERE USER NOT IN ('{}', '{}', '{}', 'system user', 'event_scheduler', \
             'unauthenticated user') AND COMMAND NOT IN \
             ('Binlog Dump', 'Binlog Dump GTID', 'Daemon', 'Slave_IO', 'Slave_SQL', 'Slave_worker') \
             AND ID <> CONNECTION_ID()",
            self.processlist(),
            Account::Monitor.user(),
            Account::Manage.user(),
            Account::Replicate.user(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::server::{ENDLESS_MS, Version};

    #[test]
    fn words_of_each_family() {
        let maria = Dialect::Mariadb(Version(10, 11, 19));
        let mysql = Dialect::Mysql(Version(9, 7, 4));
        assert_eq!(maria.stop(Thread::Receiver), "STOP SLAVE IO_THREAD");
        assert_eq!(mysql.start(Thread::Applier), "START REPLICA SQL_THREAD");
        assert_eq!(
            maria.close(Duration::from_millis(50)),
            "SET STATEMENT max_statement_time=0.050 FOR SET GLOBAL read_only=1"
        );
        assert_eq!(
            mysql.arm_source(ENDLESS_MS),
            "SET GLOBAL rpl_semi_sync_source_timeout=4294967295, \
             GLOBAL rpl_semi_sync_source_wait_no_replica=1, \
             GLOBAL rpl_semi_sync_source_wait_point='AFTER_SYNC', \
             GLOBAL rpl_semi_sync_source_wait_for_replica_count=1; \
             SET GLOBAL rpl_semi_sync_source_enabled=1"
        );
    }
}
