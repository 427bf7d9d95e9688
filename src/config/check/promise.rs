//! The `[mysqld]` keys that are not the operator's, each with the reason.

use crate::config::code::Code;
use crate::model::policy::Durability;
use crate::model::server::Family;

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    /// Completes "`key` is refused: ...".
    pub(super) why: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
}

struct Rule {
    /// Names in lower case with `_`; a `*` at the end stands for anything.
    names: &'static [&'static str],
    family: Option<Family>,
    /// In `available` the operator may set it.
    lossless_only: bool,
    refusal: Refusal,
}

const DELETE: &str = "delete the line: it is rendered as the promise needs it";
const TABLE: &str = "use the daemon's own key for it, in the pair's or the member's table";

const fn promise(names: &'static [&'static str], why: &'static str) -> Rule {
    Rule {
        names,
        family: None,
        lossless_only: false,
        refusal: Refusal {
            code: Code::PromiseKey,
            why,
            instead: DELETE,
        },
    }
}

const fn owned(names: &'static [&'static str], why: &'static str) -> Rule {
    Rule {
        names,
        family: None,
        lossless_only: false,
        refusal: Refusal {
            code: Code::OwnedKey,
            why,
            instead: TABLE,
        },
    }
}

const RULES: &[Rule] = &[
    promise(
        &[
            "read_only",
            "super_read_only",
            "transaction_read_only",
            "tx_read_only",
            "persisted_globals_load",
            "offline_mode",
            "init_file",
        ],
        "promise 1 (never two writers): a server boots closed and the daemon alone opens it",
    ),
    promise(
        &["skip_slave_start", "skip_replica_start"],
        "promise 3 (relay logs are data): the daemon alone starts a replication thread",
    ),
    promise(
        &["event_scheduler"],
        "promise 1 (never two writers): events write on a read-only server, so they follow the writer; the pair's own key is `events`",
    ),
    Rule {
        lossless_only: true,
        ..promise(
            &[
                "sync_binlog",
                "innodb_flush_log_at_trx_commit",
                "innodb_doublewrite",
            ],
            "promise 2 (nothing acknowledged is lost): what is acknowledged must be on disk",
        )
    },
    promise(
        &["rpl_semi_sync_*"],
        "promise 2 (nothing acknowledged is lost): the daemon arms and disarms semi-sync",
    ),
    promise(
        &["innodb_force_recovery", "innodb_read_only"],
        "promise 2 (nothing acknowledged is lost): the server must recover the whole of what it had",
    ),
    promise(
        &["innodb_data_home_dir", "innodb_data_file_path"],
        "promise 2 (nothing acknowledged is lost): a cut is made only where the lock of DATADIR/ibdata1 shows that no server runs",
    ),
    promise(
        &[
            "encrypt_binlog",
            "binlog_encryption",
            "init_rpl_role",
            "tc_heuristic_recover",
            "binlog_error_action",
        ],
        "promise 2 (nothing acknowledged is lost): the binary log is complete, read after a crash, and cut",
    ),
    promise(
        &[
            "log_bin",
            "log_slave_updates",
            "log_replica_updates",
            "binlog_format",
            "binlog_order_commits",
        ],
        "promise 2 (nothing acknowledged is lost): each member logs every row in commit order",
    ),
    promise(
        &[
            "relay_log_recovery",
            "relay_log_purge",
            "relay_log_space_limit",
        ],
        "promise 3 (relay logs are data): received transactions may exist there only",
    ),
    promise(
        &["replicate_*", "binlog_do_db", "binlog_ignore_db"],
        "promise 4 (nothing is skipped without proof): a filter hides differences behind green threads",
    ),
    promise(
        &[
            "slave_skip_errors",
            "replica_skip_errors",
            "slave_exec_mode",
            "replica_exec_mode",
            "slave_ddl_exec_mode",
            "slave_preserve_commit_order",
            "replica_preserve_commit_order",
        ],
        "promise 4 (nothing is skipped without proof): the applier must stop at what does not fit",
    ),
    promise(
        &["gtid_*", "enforce_gtid_consistency"],
        "promise 8 (a stray write stays where it is): the links are kept by GTID in strict mode",
    ),
    owned(
        &["server_id", "port", "datadir", "socket", "user"],
        "it is a setting of the daemon",
    ),
    owned(
        &["auto_increment_increment", "auto_increment_offset"],
        "the members must never hand out the same key; `auto_increment_offset` is the member's own key",
    ),
    owned(
        &[
            "admin_address",
            "admin_port",
            "create_admin_listener_thread",
            "extra_port",
            "skip_networking",
            "skip_grant_tables",
        ],
        "the daemon must always get in; `admin_port` is the member's own key",
    ),
    owned(
        &[
            "pid_file",
            "log_error",
            "log_bin_index",
            "relay_log",
            "relay_log_index",
            "plugin_load",
        ],
        "the daemon decides it (of plugins, `plugin_load_add` is free)",
    ),
    owned(
        &[
            "binlog_expire_logs_seconds",
            "binlog_expire_logs_auto_purge",
            "expire_logs_days",
            "max_binlog_total_size",
            "binlog_space_limit",
        ],
        "binary logs are kept while the peer lacks them; `binlog_keep` is the pair's own key",
    ),
    Rule {
        family: Some(Family::Mysql),
        ..owned(
            &["performance_schema"],
            "the state of the links is read from it",
        )
    },
];

/// Tells whether a key is refused.
///
/// All spellings count that the servers take: `-` for `_`, capitals, `loose-`, `skip-`, `enable-`,
/// `disable-`, `maximum-`, and for MariaDB every abbreviation that may mean a refused key.
pub(super) fn refusal(name: &str, family: Family, durability: Durability) -> Option<Refusal> {
    let base = base(name);
    let plain = ["skip_", "disable_", "enable_", "maximum_"]
        .iter()
        .find_map(|prefix| base.strip_prefix(prefix));
    RULES
        .iter()
        .filter(|rule| rule.family.is_none_or(|only| only == family))
        .filter(|rule| !rule.lossless_only || durability == Durability::Lossless)
        .find(|rule| {
            let is_meant = |spelt: &str| rule.names.iter().any(|name| means(spelt, name, family));
            is_meant(base) || plain.is_some_and(is_meant)
        })
        .map(|rule| rule.refusal)
}

/// A normal name without `loose_`.
pub(super) fn base(name: &str) -> &str {
    name.strip_prefix("loose_").unwrap_or(name)
}

/// Tells whether the value of a free key is refused.
pub(super) fn refused_value(
    name: &str,
    value: &str,
    family: Family,
    durability: Durability,
) -> Option<Refusal> {
    let synced = ["fsync", "o_dsync", "o_direct", "o_direct_no_fsync"];
    let is_method = means(base(name), FLUSH_METHOD, family) && base(name).len() >= SHORTEST;
    let is_refused = is_method
        && durability == Durability::Lossless
        && !synced.contains(&value.to_ascii_lowercase().as_str());
    is_refused.then_some(Refusal {
        code: Code::PromiseKey,
        why: "promise 2 (nothing acknowledged is lost): what is acknowledged must be on disk",
        instead: "use fsync, O_DSYNC, O_DIRECT or O_DIRECT_NO_FSYNC",
    })
}

/// Tells whether a server lets in by TCP only who speaks TLS.
pub(super) fn demands_tls(name: &str, value: &str, family: Family) -> bool {
    const DEMAND: &str = "require_secure_transport";
    let name = base(name);
    let is_off = ["0", "off", "false"].contains(&value.to_ascii_lowercase().as_str());
    name.len() > "require_".len() && means(name, DEMAND, family) && !is_off
}

/// What is synced, and how.
const FLUSH_METHOD: &str = "innodb_flush_method";
/// Shorter abbreviations of it mean other keys as well.
const SHORTEST: usize = "innodb_flush_m".len();

/// `innodb` is an option of its own and no abbreviation.
fn means(spelt: &str, name: &str, family: Family) -> bool {
    let is_shortened = family == Family::Mariadb && spelt != "innodb" && spelt != "slave";
    match name.strip_suffix('*') {
        Some(stem) => spelt.starts_with(stem) || (is_shortened && stem.starts_with(spelt)),
        None => spelt == name || (is_shortened && name.starts_with(spelt)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::instance::ServerFile;

    fn refused(name: &str, family: Family) -> bool {
        refusal(name, family, Durability::Lossless).is_some()
    }

    #[test]
    fn every_spelling_of_a_refused_key_is_refused() {
        for name in [
            "sync_binlog",
            "loose_sync_binlog",
            "skip_log_bin",
            "loose_skip_slave_start",
            "maximum_sync_binlog",
            "replicate_wild_do_table",
            "rpl_semi_sync_source_timeout",
        ] {
            assert!(refused(name, Family::Mysql), "{name}");
            assert!(refused(name, Family::Mariadb), "{name}");
        }
        assert!(refused("sync_binl", Family::Mariadb));
        assert!(!refused("sync_binl", Family::Mysql));
    }

    /// Ours that an operator may replace: none of them carries a promise.
    const FREE: [&str; 13] = [
        "bind_address",
        "character_set_server",
        "extra_max_connections",
        "mysqlx",
        "plugin_load_add",
        "replica_net_timeout",
        "replica_parallel_workers",
        "secure_file_priv",
        "skip_name_resolve",
        "slave_net_timeout",
        "slave_parallel_mode",
        "slave_parallel_threads",
        "tmpdir",
    ];

    #[test]
    fn every_rendered_key_is_refused_or_free() {
        for family in [Family::Mariadb, Family::Mysql] {
            let file = ServerFile {
                pair: "orders".into(),
                member: "db1".into(),
                family,
                user: Some("mysql".into()),
                datadir: "/data".into(),
                socket: "/socket".into(),
                pid_file: "/pid".into(),
                log: "/log".into(),
                tmpdir: "/tmp".into(),
                bind: "*".into(),
                port: 1,
                admin_port: 2,
                server_id: 1,
                offset: 1,
                gtid_domain: 0,
                ack_timeout: None,
                own: BTreeMap::new(),
            };
            let text = crate::decide::render::render(&file);
            let given = crate::decide::render::arguments(&file);
            let (_, section) = text.split_once("[mysqld]\n").expect("a section");
            for (name, _) in section.lines().filter_map(|line| line.split_once(" = ")) {
                assert_eq!(
                    refused(name, family),
                    !FREE.contains(&name),
                    "{family}: {name}"
                );
                // By MySQL's rules, which know no abbreviations: `relay_log` is not relay_log_recovery.
                let is_promised = refusal(name, Family::Mysql, Durability::Lossless)
                    .is_some_and(|refusal| refusal.code == Code::PromiseKey);
                let begins = format!("--{name}=");
                let is_given = given.iter().any(|word| word.starts_with(&begins));
                assert_eq!(
                    is_promised, is_given,
                    "{family}: {name} on the command line"
                );
            }
        }
    }

    #[test]
    fn common_settings_are_free() {
        for name in [
            "innodb_buffer_pool_size",
            "max_connections",
            "lower_case_table_names",
            "sql_mode",
            "plugin_load_add",
            "skip_name_resolve",
            "character_set_server",
            "slave_parallel_threads",
            "bind_address",
        ] {
            assert!(!refused(name, Family::Mariadb), "{name}");
            assert!(!refused(name, Family::Mysql), "{name}");
        }
    }

    #[test]
    fn a_method_that_syncs_nothing_is_refused() {
        let refused = |name, value, durability| {
            refused_value(name, value, Family::Mariadb, durability).is_some()
        };
        let (lossless, available) = (Durability::Lossless, Durability::Available);
        assert!(refused("innodb_flush_method", "nosync", lossless));
        assert!(refused("loose_innodb_flush_meth", "littlesync", lossless));
        assert!(
            refused("innodb_flush_method", "3", lossless),
            "nosync by number"
        );
        assert!(!refused("innodb_flush_method", "O_DIRECT", lossless));
        assert!(!refused("innodb_flush_method", "nosync", available));
        assert!(!refused("innodb_flush_neighbors", "0", lossless));
    }

    #[test]
    fn a_datadir_that_looks_unused_while_a_server_runs_is_refused() {
        for name in [
            "innodb_data_home_dir",
            "innodb_data_file_path",
            "innodb_force_recovery",
        ] {
            assert!(refused(name, Family::Mariadb), "{name}");
            assert!(refused(name, Family::Mysql), "{name}");
        }
    }

    #[test]
    fn durable_settings_are_free_in_available() {
        assert!(refusal("sync_binlog", Family::Mysql, Durability::Available).is_none());
        assert!(refusal("read_only", Family::Mysql, Durability::Available).is_some());
    }
}
