//! What each family and version says and can.

mod mariadb;
mod mysql;

use std::fmt;

use super::schema;
use super::target::ServerTarget;
use crate::model::gtid::Gtid;
use crate::model::server::{Family, Version};

/// A family at a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// MariaDB: old words, GTIDs by domain, semi-sync built in.
    Mariadb(Version),
    /// MySQL: new words since 8.0, GTID sets by server UUID, semi-sync by plugins.
    Mysql(Version),
}

/// What not every version can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Can {
    /// `CHANGE REPLICATION SOURCE`, `START REPLICA`, `SHOW REPLICA STATUS`.
    SourceWords,
    /// `rpl_semi_sync_source_*` beside `rpl_semi_sync_master_*`.
    SourceSemiSync,
    /// `GET_SOURCE_PUBLIC_KEY`, which caching_sha2_password needs without TLS.
    PublicKey,
    /// `super_read_only`.
    SuperReadOnly,
    /// `performance_schema.replication_connection_status` with the transaction on its way.
    QueueingTransaction,
    /// Privileges by name instead of SUPER.
    FineGrants,
    /// `SET_ANY_DEFINER` instead of `SET_USER_ID`.
    AnyDefiner,
    /// `performance_schema.processlist`, which takes no global mutex.
    ProcesslistTable,
    /// The semi-sync replica count and its wait without replicas by their own variables.
    WaitCount,
}

/// The first version of each family that can; an absent family never does.
const TABLE: &[(Can, Family, Version)] = &[
    (Can::SourceWords, Family::Mysql, Version(8, 0, 23)),
    (Can::SourceSemiSync, Family::Mysql, Version(8, 0, 26)),
    (Can::PublicKey, Family::Mysql, Version(8, 0, 4)),
    (Can::SuperReadOnly, Family::Mysql, Version(5, 7, 8)),
    (Can::QueueingTransaction, Family::Mysql, Version(8, 0, 0)),
    (Can::FineGrants, Family::Mysql, Version(8, 0, 14)),
    (Can::FineGrants, Family::Mariadb, Version(10, 5, 2)),
    (Can::AnyDefiner, Family::Mysql, Version(8, 2, 0)),
    (Can::ProcesslistTable, Family::Mysql, Version(8, 0, 22)),
    (Can::WaitCount, Family::Mysql, Version(5, 7, 3)),
];

impl Dialect {
    /// The dialect of a family at a version.
    pub const fn new(family: Family, version: Version) -> Self {
        match family {
            Family::Mariadb => Self::Mariadb(version),
            Family::Mysql => Self::Mysql(version),
        }
    }

    /// Its family.
    pub const fn family(self) -> Family {
        match self {
            Self::Mariadb(_) => Family::Mariadb,
            Self::Mysql(_) => Family::Mysql,
        }
    }

    /// Its version.
    pub const fn version(self) -> Version {
        match self {
            Self::Mariadb(version) | Self::Mysql(version) => version,
        }
    }

    /// True when it can.
    pub fn can(self, what: Can) -> bool {
        TABLE.iter().any(|(can, family, since)| {
            *can == what && *family == self.family() && *since <= self.version()
        })
    }

    /// The word for the server that is replicated from, in statements.
    pub(super) fn source(self) -> &'static str {
        match self.can(Can::SourceWords) {
            true => "SOURCE",
            false => "MASTER",
        }
    }

    /// The word for the server that replicates, in statements.
    pub(super) fn replica(self) -> &'static str {
        match self.can(Can::SourceWords) {
            true => "REPLICA",
            false => "SLAVE",
        }
    }

    /// The semi-sync variable of the source side with this ending (`enabled`, `timeout`, ...).
    pub fn source_var(self, ending: &str) -> String {
        match self.can(Can::SourceSemiSync) {
            true => format!("rpl_semi_sync_source_{ending}"),
            false => format!("rpl_semi_sync_master_{ending}"),
        }
    }

    /// The semi-sync variable of the replica side with this ending.
    pub fn replica_var(self, ending: &str) -> String {
        match self.can(Can::SourceSemiSync) {
            true => format!("rpl_semi_sync_replica_{ending}"),
            false => format!("rpl_semi_sync_slave_{ending}"),
        }
    }

    /// MySQL's plugin of the source side.
    pub fn source_plugin(self) -> &'static str {
        match self.can(Can::SourceSemiSync) {
            true => "rpl_semi_sync_source",
            false => "rpl_semi_sync_master",
        }
    }

    /// MySQL's plugin of the replica side.
    pub fn replica_plugin(self) -> &'static str {
        match self.can(Can::SourceSemiSync) {
            true => "rpl_semi_sync_replica",
            false => "rpl_semi_sync_slave",
        }
    }

    /// MySQL's semi-sync plugins with their libraries.
    pub fn semi_sync_libraries(self) -> [(&'static str, &'static str); 2] {
        let libraries = match self.can(Can::SourceSemiSync) {
            true => ["semisync_source.so", "semisync_replica.so"],
            false => ["semisync_master.so", "semisync_slave.so"],
        };
        let [source, replica] = libraries;
        [
            (self.source_plugin(), source),
            (self.replica_plugin(), replica),
        ]
    }

    /// The variable that keeps commits waiting though no replica is connected.
    pub fn wait_none_var(self) -> String {
        match self.can(Can::SourceSemiSync) {
            true => "rpl_semi_sync_source_wait_no_replica".to_owned(),
            false => "rpl_semi_sync_master_wait_no_slave".to_owned(),
        }
    }

    /// The variable that says how many replicas must acknowledge, where there is one.
    pub fn wait_count_var(self) -> Option<String> {
        let word = self.replica().to_ascii_lowercase();
        self.can(Can::WaitCount)
            .then(|| self.source_var(&format!("wait_for_{word}_count")))
    }

    /// The variable that closes a server to everyone but its administrators.
    pub fn closing_var(self) -> &'static str {
        match self.can(Can::SuperReadOnly) {
            true => "super_read_only",
            false => "read_only",
        }
    }
}

/// Statements of which each family has its own.
impl Dialect {
    /// What changes all the time. Two results, a row with variables and link, then prepared XA; or
    /// three, variables, the link's status, prepared XA, where the server has no tables of the link.
    pub(super) fn core(self, semi_sync: bool) -> String {
        match self {
            Self::Mariadb(_) => mariadb::CORE.to_owned(),
            Self::Mysql(_) if self.has_link_tables() => format!(
                "SELECT {}, {}; XA RECOVER",
                mysql::core_variables(self, semi_sync),
                mysql::CORE_LINK
            ),
            Self::Mysql(_) => format!(
                "SELECT {}; {}; XA RECOVER",
                mysql::core_variables(self, semi_sync),
                self.show_link()
            ),
        }
    }

    /// It shows the moving parts of a link in tables, beside the variables.
    pub(super) fn has_link_tables(self) -> bool {
        self.can(Can::QueueingTransaction)
    }

    /// What the server has executed, as the column `executed`.
    pub fn executed(self) -> &'static str {
        match self {
            Self::Mariadb(_) => "SELECT @@global.gtid_binlog_state AS executed",
            Self::Mysql(_) => "SELECT @@global.gtid_executed AS executed",
        }
    }

    /// What changes seldom, in two results: variables, blockers.
    pub(super) fn rest(self) -> String {
        match self {
            Self::Mariadb(_) => format!("{}; {}", mariadb::REST, mariadb::BLOCKERS),
            Self::Mysql(_) => format!("{}; {}", mysql::rest(self), mysql::BLOCKERS),
        }
    }

    /// The heartbeats, of a table that nobody has locked: an error comes soon else.
    pub(super) fn heartbeats(self) -> String {
        let select = schema::HEARTBEATS;
        match self {
            Self::Mariadb(_) => format!("SET STATEMENT lock_wait_timeout=0 FOR {select}"),
            // It waits for a second at least, where it is told to wait no longer.
            Self::Mysql(_) => select.replacen("SELECT", "SELECT /*+ MAX_EXECUTION_TIME(100) */", 1),
        }
    }

    /// Semi-sync's counters: rows of name and value.
    pub(super) fn semi_sync_status(self) -> String {
        match self {
            Self::Mariadb(_) => mariadb::STATUS.to_owned(),
            Self::Mysql(_) => mysql::status(self),
        }
    }

    /// Points the link at the target's peer by GTID; both threads must be stopped.
    pub fn point(self, target: &ServerTarget, password: &str) -> String {
        match self {
            Self::Mariadb(_) => mariadb::point(target, password),
            Self::Mysql(_) => mysql::point(self, target, password),
        }
    }

    /// MariaDB's position (`position`) and the end of its binary log (`newest`); MySQL has no position
    /// beside its set.
    pub fn positions(self) -> Option<&'static str> {
        match self {
            Self::Mariadb(_) => Some(mariadb::POSITIONS),
            Self::Mysql(_) => None,
        }
    }

    /// Sets MariaDB's position to what its binary log ends with; `others` are kept in domains that it lacks.
    pub fn set_position(others: &[Gtid]) -> String {
        mariadb::set_position(others)
    }

    /// A start of either thread while both are stopped deletes the relay logs.
    pub fn start_deletes_relay_logs(self) -> bool {
        self.family() == Family::Mariadb
    }

    /// The session of the receiver, which MariaDB stops at once only after it was killed twice.
    pub fn receiver_id(self) -> Option<&'static str> {
        match self {
            Self::Mariadb(_) => Some(mariadb::RECEIVER_ID),
            Self::Mysql(_) => None,
        }
    }

    /// Accounts (`user`, `is_role`), members of roles (`user`) and routines (`definer`) by which
    /// `read_only` can be passed. `None` on MySQL, where XA passes `super_read_only` for everyone.
    pub fn who_passes_read_only(self) -> Option<[&'static str; 3]> {
        match self {
            Self::Mariadb(_) => Some(mariadb::PASS_READ_ONLY),
            Self::Mysql(_) => None,
        }
    }

    /// Accounts that can write on a member that is closed, or open it: `user`, `host`, and `by` which right.
    /// `None` where our own account may not look.
    pub fn privileged(self) -> Option<String> {
        match self {
            Self::Mariadb(version) => Some(mariadb::privileged(version < Version(10, 11, 0))),
            Self::Mysql(_) if self.can(Can::FineGrants) => Some(mysql::PRIVILEGED.to_owned()),
            Self::Mysql(_) => None,
        }
    }

    /// The sessions of the applier's threads, which have to be killed on MySQL where half a
    /// transaction hangs its stop for 60 s.
    pub fn applier_ids(self) -> Option<&'static str> {
        match self {
            Self::Mariadb(_) => None,
            Self::Mysql(_) => Some(mysql::APPLIER_IDS),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family(), self.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_speaks_its_words() {
        let maria = Dialect::Mariadb(Version(10, 11, 19));
        assert!(!maria.can(Can::SourceWords));
        assert_eq!(maria.source_var("enabled"), "rpl_semi_sync_master_enabled");
        assert_eq!(maria.wait_count_var(), None);
        assert_eq!(maria.closing_var(), "read_only");

        let mysql = Dialect::Mysql(Version(9, 7, 4));
        assert_eq!(mysql.source_var("timeout"), "rpl_semi_sync_source_timeout");
        assert_eq!(
            mysql.replica_var("enabled"),
            "rpl_semi_sync_replica_enabled"
        );
        assert_eq!(
            mysql.wait_count_var().unwrap(),
            "rpl_semi_sync_source_wait_for_replica_count"
        );
        let old = Dialect::Mysql(Version(5, 7, 44));
        assert_eq!(old.source_var("enabled"), "rpl_semi_sync_master_enabled");
        assert_eq!(
            old.wait_count_var().unwrap(),
            "rpl_semi_sync_master_wait_for_slave_count"
        );
        assert!(!old.can(Can::FineGrants) && old.can(Can::SuperReadOnly));
        assert_eq!(Dialect::Mysql(Version(5, 6, 24)).closing_var(), "read_only");
    }
}
