//! The daemon's own schema: heartbeat, probe, and the events of the writer.

/// Creates it. `heartbeat` starts with the columns of pt-heartbeat, whose tools can read it; it and
/// `events` are replicated. `probe` is written with `sql_log_bin=0` alone.
pub const CREATE: [&str; 4] = [
    "CREATE DATABASE IF NOT EXISTS dualmasterd DEFAULT CHARACTER SET utf8mb4",
    "CREATE TABLE IF NOT EXISTS dualmasterd.heartbeat (\
     ts varchar(26) NOT NULL, server_id int unsigned NOT NULL PRIMARY KEY, \
     file varchar(255) DEFAULT NULL, position bigint unsigned DEFAULT NULL, \
     relay_master_log_file varchar(255) DEFAULT NULL, \
     exec_master_log_pos bigint unsigned DEFAULT NULL, \
     epoch bigint unsigned NOT NULL DEFAULT 0, writer int unsigned NOT NULL DEFAULT 0, \
     written_ms bigint NOT NULL DEFAULT 0) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS dualmasterd.probe (\
     id tinyint unsigned NOT NULL PRIMARY KEY, n bigint unsigned NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS dualmasterd.events (\
     event_schema varchar(64) NOT NULL, event_name varchar(64) NOT NULL, \
     PRIMARY KEY (event_schema, event_name)) ENGINE=InnoDB \
     DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
];

/// One row for each server that ever was writer.
pub const HEARTBEATS: &str =
    "SELECT server_id, epoch, writer, written_ms FROM dualmasterd.heartbeat";

/// A write of the data disk and its locks, and of no binary log.
pub const LOCAL_WRITE: &str = "INSERT INTO dualmasterd.probe (id, n) VALUES (1, 1) \
    ON DUPLICATE KEY UPDATE n = n + 1";

/// The binlogged write: one row for each server.
pub fn heartbeat(server_id: u32, epoch: u64, writer: u32) -> String {
    format!(
        "REPLACE INTO dualmasterd.heartbeat (ts, server_id, epoch, writer, written_ms) VALUES \
         (DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f'), {server_id}, {epoch}, {writer}, \
         FLOOR(UNIX_TIMESTAMP(NOW(6)) * 1000))"
    )
}
