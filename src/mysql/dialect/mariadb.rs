//! MariaDB's own statements.

use crate::model::gtid::Gtid;
use crate::mysql::quote::quote_str;
use crate::mysql::target::ServerTarget;

/// What changes all the time, in three results: variables, the link, prepared XA.
pub(super) const CORE: &str = "SELECT @@global.gtid_binlog_state AS executed, \
    @@global.read_only AS read_only, @@global.event_scheduler AS events, \
    @@global.rpl_semi_sync_master_enabled AS source_enabled, \
    @@global.rpl_semi_sync_slave_enabled AS replica_enabled, \
    @@global.rpl_semi_sync_master_timeout AS timeout, \
    @@global.rpl_semi_sync_master_wait_no_slave AS wait_none, 1 AS wait_count, \
    @@global.rpl_semi_sync_master_wait_point AS wait_point; \
    SHOW SLAVE STATUS; XA RECOVER";

/// What changes seldom.
pub(super) const REST: &str = "SELECT @@global.server_id AS server_id, NULL AS server_uuid, \
    @@global.gtid_strict_mode AS strict, @@global.log_slave_updates AS logs_updates";

/// Semi-sync's counters.
pub(super) const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN \
    ('Rpl_semi_sync_master_status', 'Rpl_semi_sync_master_clients', \
    'Rpl_semi_sync_master_wait_sessions', 'Rpl_semi_sync_slave_status')";

/// MariaDB names the holder of a global lock only with a plugin that its packages leave out, so
/// the session that waited longest stands for it.
pub(super) const BLOCKERS: &str = "SELECT ID AS id, USER AS user, HOST AS host, \
    CONCAT('waits in state \"', STATE, '\" behind a session that holds the lock') AS holds \
    FROM information_schema.processlist WHERE TIME_MS >= 200 AND COMMAND <> 'Daemon' \
    AND (STATE = 'Waiting for backup lock' OR (STATE LIKE 'Waiting for table%' \
    AND USER = 'dualmasterd_monitor')) ORDER BY TIME_MS DESC LIMIT 8";

/// The receiver's session at its own server.
pub(super) const RECEIVER_ID: &str =
    "SELECT ID AS id FROM information_schema.processlist WHERE COMMAND = 'Slave_IO'";

/// Points the link by GTID. Options that are not named keep their values.
pub(super) fn point(target: &ServerTarget, password: &str) -> String {
    let mut options = vec![
        format!("MASTER_HOST={}", quote_str(&target.peer.host)),
        format!("MASTER_PORT={}", target.peer.port),
        format!(
            "MASTER_USER={}",
            quote_str(crate::mysql::Account::Replicate.user())
        ),
        format!("MASTER_PASSWORD={}", quote_str(password)),
        "MASTER_CONNECT_RETRY=1".to_owned(),
        "MASTER_HEARTBEAT_PERIOD=1".to_owned(),
        "MASTER_USE_GTID=slave_pos".to_owned(),
    ];
    if let Some(tls) = &target.tls {
        options.extend([
            "MASTER_SSL=1".to_owned(),
            format!("MASTER_SSL_CA={}", quote_str(&tls.ca.to_string_lossy())),
        ]);
        if let Some((cert, key)) = &tls.identity {
            options.extend([
                format!("MASTER_SSL_CERT={}", quote_str(&cert.to_string_lossy())),
                format!("MASTER_SSL_KEY={}", quote_str(&key.to_string_lossy())),
            ]);
        }
    }
    format!("CHANGE MASTER TO {}", options.join(", "))
}

/// The position that the receiver asks from, and what the binary log ends with, by domain; the server's id.
pub(super) const POSITIONS: &str = "SELECT @@global.gtid_slave_pos AS position, \
    @@global.gtid_binlog_pos AS newest, @@global.server_id AS id";

/// Sets the position to what the binary log ends with, and to these in domains that it lacks. Both
/// threads must be stopped. An expression, as an open server's binary log goes on meanwhile and strict
/// mode refuses less (1947).
pub(super) fn set_position(others: &[Gtid]) -> String {
    let others: String = others.iter().map(|gtid| format!(",{gtid}")).collect();
    match others.is_empty() {
        true => "SET GLOBAL gtid_slave_pos=@@global.gtid_binlog_pos".to_owned(),
        false => format!(
            "SET GLOBAL gtid_slave_pos=CONCAT(@@global.gtid_binlog_pos, {})",
            quote_str(&others)
        ),
    }
}

/// Accounts that pass `read_only`, by a right of their own or by a role, as `user`, `host` and `by`. The
/// bits are those of [`PASS_READ_ONLY`]; since 10.11 SUPER alone is none of them.
pub(super) fn privileged(super_passes: bool) -> String {
    let (bits, right) = match super_passes {
        true => ("8589967360", "READ_ONLY ADMIN or SUPER"),
        false => ("8589934592", "READ_ONLY ADMIN"),
    };
    let passes =
        |of: &str| format!("CAST(JSON_VALUE({of}.Priv, '$.access') AS UNSIGNED) & {bits} <> 0");
    format!(
        "SELECT a.User AS user, a.Host AS host, '{right}' AS `by` FROM mysql.global_priv a \
         WHERE COALESCE(JSON_VALUE(a.Priv, '$.is_role'), 0) <> 'true' AND {} \
         UNION SELECT m.User, m.Host, CONCAT('the role ', m.Role) FROM mysql.roles_mapping m \
         JOIN mysql.global_priv r ON r.User = m.Role AND r.Host = '' AND {}",
        passes("a"),
        passes("r"),
    )
}

/// Accounts and roles that pass `read_only`, members of roles, and routines that run with their
/// definer's right. `access` is a bit mask: READ_ONLY ADMIN is bit 33, and SUPER (bit 15) passed
/// `read_only` before 10.11.
pub(super) const PASS_READ_ONLY: [&str; 3] = [
    "SELECT User AS user, COALESCE(JSON_VALUE(Priv, '$.is_role'), 0) = 'true' AS is_role \
     FROM mysql.global_priv WHERE CAST(JSON_VALUE(Priv, '$.access') AS UNSIGNED) & 8589967360 <> 0",
    "SELECT DISTINCT User AS user FROM mysql.roles_mapping",
    "SELECT DISTINCT definer FROM mysql.proc WHERE security_type = 'DEFINER' \
     AND db NOT IN ('sys', 'mysql') AND type IN ('PROCEDURE', 'FUNCTION', 'PACKAGE BODY')",
];
