//! MySQL's settings.

use crate::model::instance::ServerFile;

use super::{Section, named};

/// The longest timeout that the server takes, in milliseconds: 49 days.
const ENDLESS: u32 = u32::MAX;

/// What MySQL needs beyond the common settings.
///
/// The semi-sync variables belong to plugins, which are not loaded while a datadir is initialised:
/// `loose_` keeps that from being an error.
pub(super) fn settings(file: &ServerFile) -> Section {
    let timeout = file
        .ack_timeout
        .map_or(ENDLESS, |t| u32::try_from(t.as_millis()).unwrap_or(ENDLESS));
    let mut section = named([
        ("gtid_mode", "ON".into()),
        ("enforce_gtid_consistency", "ON".into()),
        ("log_replica_updates", "ON".into()),
        ("super_read_only", "ON".into()),
        ("skip_replica_start", "ON".into()),
        // SET PERSIST read_only=OFF would beat this file and the command line.
        ("persisted_globals_load", "OFF".into()),
        ("admin_address", "127.0.0.1".into()),
        ("admin_port", file.admin_port.to_string()),
        ("create_admin_listener_thread", "ON".into()),
        // The drain is the failover time: 2,500 tx/s against 1,400 with the server's default.
        ("replica_parallel_workers", "16".into()),
        ("replica_preserve_commit_order", "ON".into()),
        // A silent peer is noticed after this many seconds.
        ("replica_net_timeout", "4".into()),
        // The state of the links is read from it.
        ("performance_schema", "ON".into()),
        ("mysqlx", "OFF".into()),
        // Its default folder need not exist.
        ("secure_file_priv", "NULL".into()),
    ]);
    section.extend(semi_sync(timeout));
    section
}

/// The replica side is on at both for ever; the source side is armed at the writer alone.
fn semi_sync(timeout: u32) -> Section {
    named([
        (
            "plugin_load_add",
            "semisync_source.so;semisync_replica.so".into(),
        ),
        ("loose_rpl_semi_sync_replica_enabled", "ON".into()),
        ("loose_rpl_semi_sync_source_enabled", "OFF".into()),
        ("loose_rpl_semi_sync_source_timeout", timeout.to_string()),
        ("loose_rpl_semi_sync_source_wait_no_replica", "ON".into()),
        ("loose_rpl_semi_sync_source_wait_point", "AFTER_SYNC".into()),
    ])
}
