//! The text of a server's `my.cnf`, and what to think of the one that lies there.
//!
//! A server boots from this file read-only, with replication stopped and the semi-sync source side
//! off: only the daemon opens it. The header carries a digest of the rest, so that an edit by hand is
//! told from a file that was written for older settings.

mod diff;
mod mariadb;
mod mysql;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use crate::model::facts::FileState;
use crate::model::instance::ServerFile;
use crate::model::server::Family;

/// The settings of one section, by name.
type Section = BTreeMap<String, String>;

const DIGEST: &str = "# digest: ";

/// The whole file: a header, then sorted sections of sorted settings.
///
/// The operator's own settings stand in the place of ours where the names are equal; which of ours
/// may be replaced that way is the configuration's business.
pub fn render(file: &ServerFile) -> String {
    let body = format!(
        "[client]\n{}\n[mysqld]\n{}",
        lines(&client(file)),
        lines(&server(file))
    );
    let ServerFile { pair, member, .. } = file;
    format!(
        "# Written by dualmasterd for member {member} of pair {pair}.\n\
         # A file that was edited by hand is shown by `dualmasterctl explain` and never overwritten.\n\
         # Settings of your own belong into [pair.{pair}.member.{member}.mysqld] of dualmasterd.toml.\n\
         {DIGEST}{}\n{body}",
        digest(&body)
    )
}

/// Settings that a promise rests on, by name: a file that was edited by hand cannot undo them, because
/// they stand on the server's command line as well, which beats its file.
const PROMISED: &[&str] = &[
    // A server boots closed, whatever was persisted at it, and events follow the writer.
    "read_only",
    "super_read_only",
    "persisted_globals_load",
    "event_scheduler",
    // The daemon alone starts a replication thread; what was received is kept.
    "skip_slave_start",
    "skip_replica_start",
    "relay_log_recovery",
    // What is acknowledged is on disk, and at the peer; a start throws none of it away.
    "init_rpl_role",
    "sync_binlog",
    "innodb_flush_log_at_trx_commit",
    "rpl_semi_sync_slave_enabled",
    "rpl_semi_sync_slave_kill_conn_timeout",
    "rpl_semi_sync_master_enabled",
    "rpl_semi_sync_master_timeout",
    "rpl_semi_sync_master_wait_no_slave",
    "rpl_semi_sync_master_wait_point",
    "loose_rpl_semi_sync_replica_enabled",
    "loose_rpl_semi_sync_source_enabled",
    "loose_rpl_semi_sync_source_timeout",
    "loose_rpl_semi_sync_source_wait_no_replica",
    "loose_rpl_semi_sync_source_wait_point",
    // Each member logs every row, in commit order, under names that do not change.
    "log_bin",
    "log_slave_updates",
    "log_replica_updates",
    "binlog_format",
    // Links are kept by GTID in strict mode, and the applier stops at what does not fit.
    "gtid_domain_id",
    "gtid_strict_mode",
    "gtid_mode",
    "enforce_gtid_consistency",
    "slave_ddl_exec_mode",
    "replica_preserve_commit_order",
];

/// The rendered settings that a promise rests on, as arguments of the server beside its file.
pub fn arguments(file: &ServerFile) -> Vec<String> {
    let rendered = server(file);
    let promised = rendered
        .iter()
        .filter(|(name, _)| PROMISED.contains(&name.as_str()));
    promised
        .map(|(name, value)| format!("--{name}={value}"))
        .collect()
}

/// Tells what the file on disk is, compared with the one rendered now.
pub fn judge(on_disk: Option<&str>, rendered: &str) -> FileState {
    let Some(on_disk) = on_disk else {
        return FileState::Missing;
    };
    if on_disk == rendered {
        FileState::Same
    } else if is_untouched(on_disk) {
        FileState::Outdated
    } else {
        FileState::Edited(diff::lines(on_disk, rendered))
    }
}

/// In what the settings of the file on disk differ from those that a server was started with: `-` lines
/// were in force at its start, `+` lines will be at the next one.
pub fn waiting(started: &str, on_disk: &str) -> String {
    let settings = |text| str::split_once(text, "[mysqld]\n").map_or(text, |(_, rest)| rest);
    diff::lines(settings(started), settings(on_disk))
}

/// The body still has the digest that we wrote over it.
fn is_untouched(text: &str) -> bool {
    text.split_once(DIGEST)
        .and_then(|(_, rest)| rest.split_once('\n'))
        .is_some_and(|(said, body)| said == digest(body))
}

fn digest(body: &str) -> String {
    format!("{:08x}", crc32fast::hash(body.as_bytes()))
}

/// How `mysql --defaults-file=FILE` gets in.
fn client(file: &ServerFile) -> Section {
    let socket = file.socket.display().to_string();
    Section::from([("socket".to_owned(), socket)])
}

fn server(file: &ServerFile) -> Section {
    let mut section = common(file);
    section.extend(match file.family {
        Family::Mariadb => mariadb::settings(file),
        Family::Mysql => mysql::settings(file),
    });
    merge_own(&mut section, &file.own);
    section
}

/// Settings that both families know by the same name.
fn common(file: &ServerFile) -> Section {
    let mut section = named([
        // Identity and place.
        ("server_id", file.server_id.to_string()),
        ("datadir", file.datadir.display().to_string()),
        ("socket", file.socket.display().to_string()),
        ("pid_file", file.pid_file.display().to_string()),
        ("log_error", file.log.display().to_string()),
        ("tmpdir", file.tmpdir.display().to_string()),
        ("bind_address", file.bind.clone()),
        ("port", file.port.to_string()),
        // Names that do not change with the host's name; the servers name the indexes after them.
        ("log_bin", "binlog".into()),
        ("relay_log", "relay".into()),
        // The two members never hand out the same key.
        ("auto_increment_increment", "2".into()),
        ("auto_increment_offset", file.offset.to_string()),
        // What was acknowledged is on disk.
        ("sync_binlog", "1".into()),
        ("innodb_flush_log_at_trx_commit", "1".into()),
        // A server boots closed; the daemon opens it.
        ("read_only", "ON".into()),
        // Scheduled events follow the writer: the daemon starts the scheduler there.
        ("event_scheduler", "OFF".into()),
        // Relay logs are data.
        ("relay_log_recovery", "OFF".into()),
        // The daemon purges them, once the peer has executed what they hold.
        ("binlog_expire_logs_seconds", "0".into()),
        // A login must not wait for a name server.
        ("skip_name_resolve", "ON".into()),
        ("character_set_server", "utf8mb4".into()),
    ]);
    if let Some(user) = &file.user {
        section.insert("user".to_owned(), user.clone());
    }
    section
}

/// Puts the operator's settings over ours. `plugin_load_add` adds to ours: each server reads the
/// libraries of one line as a list.
fn merge_own(section: &mut Section, own: &BTreeMap<String, String>) {
    for (name, value) in own {
        let value = match section.get(name) {
            Some(ours) if name == "plugin_load_add" => format!("{ours};{value}"),
            _ => value.clone(),
        };
        section.insert(name.clone(), value);
    }
}

fn named<const N: usize>(settings: [(&str, String); N]) -> Section {
    settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn lines(section: &Section) -> String {
    section
        .iter()
        .map(|(name, text)| format!("{name} = {}\n", value::quoted(text)))
        .collect()
}
