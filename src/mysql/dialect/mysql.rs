//! MySQL's own statements.

use super::{Can, Dialect};
use crate::mysql::quote::quote_str;
use crate::mysql::target::ServerTarget;

/// Accounts that may switch `super_read_only` off, which nothing else passes, as `user`, `host` and `by`.
pub(super) const PRIVILEGED: &str = "SELECT User AS user, Host AS host, 'SUPER' AS `by` FROM mysql.user \
    WHERE Super_priv = 'Y' UNION SELECT USER, HOST, PRIV FROM mysql.global_grants \
    WHERE PRIV = 'SYSTEM_VARIABLES_ADMIN'";

/// What changes all the time, without the link: the variables.
pub(super) fn core_variables(dialect: Dialect, semi_sync: bool) -> String {
    let semi = match semi_sync {
        true => format!(
            "@@global.{} AS source_enabled, @@global.{} AS replica_enabled, \
             @@global.{} AS timeout, @@global.{} AS wait_none, @@global.{} AS wait_point, \
             {} AS wait_count",
            dialect.source_var("enabled"),
            dialect.replica_var("enabled"),
            dialect.source_var("timeout"),
            dialect.wait_none_var(),
            dialect.source_var("wait_point"),
            dialect
                .wait_count_var()
                .map_or("1".to_owned(), |name| format!("@@global.{name}")),
        ),
        false => "0 AS source_enabled, 0 AS replica_enabled, 0 AS timeout, 0 AS wait_none, \
                  '' AS wait_point, 0 AS wait_count"
            .to_owned(),
    };
    format!(
        "@@global.gtid_executed AS executed, @@global.read_only AS read_only, \
         @@global.{} AS closed, @@global.event_scheduler AS events, {semi}",
        dialect.closing_var()
    )
}

/// The link's moving parts beside the variables, all in one row. The coordinator exists only with
/// parallel workers; a worker's own error beats the coordinator's summary.
pub(super) const CORE_LINK: &str = "c.SERVICE_STATE AS receiver, \
    c.RECEIVED_TRANSACTION_SET AS received, c.QUEUEING_TRANSACTION AS queueing, \
    c.LAST_ERROR_NUMBER AS receiver_errno, c.LAST_ERROR_MESSAGE AS receiver_error, \
    a.SERVICE_STATE AS applier, \
    COALESCE(w.LAST_ERROR_NUMBER, o.LAST_ERROR_NUMBER, 0) AS applier_errno, \
    COALESCE(w.LAST_ERROR_MESSAGE, o.LAST_ERROR_MESSAGE) AS applier_error \
    FROM (SELECT 1) one \
    LEFT JOIN performance_schema.replication_connection_status c ON c.CHANNEL_NAME = '' \
    LEFT JOIN performance_schema.replication_applier_status a ON a.CHANNEL_NAME = '' \
    LEFT JOIN performance_schema.replication_applier_status_by_coordinator o ON o.CHANNEL_NAME = '' \
    LEFT JOIN performance_schema.replication_applier_status_by_worker w \
    ON w.CHANNEL_NAME = '' AND w.LAST_ERROR_NUMBER <> 0 LIMIT 1";

/// What changes seldom.
pub(super) fn rest(dialect: Dialect) -> String {
    let updates = match dialect.can(Can::SourceSemiSync) {
        true => "log_replica_updates",
        false => "log_slave_updates",
    };
    format!(
        "SELECT @@global.server_id AS server_id, @@global.server_uuid AS server_uuid, \
         1 AS strict, @@global.{updates} AS logs_updates"
    )
}

/// Semi-sync's counters.
pub(super) fn status(dialect: Dialect) -> String {
    let table = match dialect.can(Can::SuperReadOnly) {
        true => "performance_schema.global_status",
        false => "information_schema.global_status",
    };
    format!(
        "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM {table} WHERE VARIABLE_NAME IN \
         ('{}', '{}', '{}', '{}')",
        dialect.source_var("status"),
        dialect.source_var("clients"),
        dialect.source_var("wait_sessions"),
        dialect.replica_var("status"),
    )
}

/// Sessions that hold the global read lock or a lock on our own tables.
pub(super) const BLOCKERS: &str = "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, \
    t.PROCESSLIST_HOST AS host, CONCAT_WS(' ', l.OBJECT_TYPE, l.LOCK_TYPE, l.OBJECT_SCHEMA, \
    l.OBJECT_NAME) AS holds FROM performance_schema.metadata_locks l \
    JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID \
    WHERE l.LOCK_STATUS = 'GRANTED' AND ((l.OBJECT_TYPE = 'GLOBAL' AND l.LOCK_TYPE = 'SHARED') \
    OR (l.OBJECT_TYPE = 'TABLE' AND l.OBJECT_SCHEMA = 'dualmasterd' AND l.LOCK_TYPE IN \
    ('SHARED_NO_READ_WRITE', 'SHARED_READ_ONLY', 'SHARED_NO_WRITE', 'EXCLUSIVE'))) LIMIT 8";

/// Sessions of the applier's threads.
pub(super) const APPLIER_IDS: &str = "SELECT PROCESSLIST_ID AS id FROM performance_schema.threads \
    WHERE NAME IN ('thread/sql/replica_worker', 'thread/sql/replica_sql', \
    'thread/sql/slave_worker', 'thread/sql/slave_sql') AND PROCESSLIST_ID IS NOT NULL \
    ORDER BY NAME DESC";

/// Points the link by GTID. Options that are not named keep their values.
pub(super) fn point(dialect: Dialect, target: &ServerTarget, password: &str) -> String {
    let (s, words) = (dialect.source(), dialect.can(Can::SourceWords));
    let mut options = vec![
        format!("{s}_HOST={}", quote_str(&target.peer.host)),
        format!("{s}_PORT={}", target.peer.port),
        format!(
            "{s}_USER={}",
            quote_str(crate::mysql::Account::Replicate.user())
        ),
        format!("{s}_PASSWORD={}", quote_str(password)),
        format!("{s}_CONNECT_RETRY=1"),
        // The default of 8.4 and later gives up after ten tries.
        format!("{s}_RETRY_COUNT=0"),
        format!("{s}_HEARTBEAT_PERIOD=1"),
        format!("{s}_AUTO_POSITION=1"),
    ];
    if dialect.can(Can::PublicKey) {
        options.push(format!("GET_{s}_PUBLIC_KEY=1"));
    }
    if let Some(tls) = &target.tls {
        options.extend([
            format!("{s}_SSL=1"),
            format!("{s}_SSL_CA={}", quote_str(&tls.ca.to_string_lossy())),
        ]);
        if let Some((cert, key)) = &tls.identity {
            options.extend([
                format!("{s}_SSL_CERT={}", quote_str(&cert.to_string_lossy())),
                format!("{s}_SSL_KEY={}", quote_str(&key.to_string_lossy())),
            ]);
        }
    }
    let verb = match words {
        true => "CHANGE REPLICATION SOURCE TO",
        false => "CHANGE MASTER TO",
    };
    format!("{verb} {}", options.join(", "))
}
