use std::path::PathBuf;

use super::*;

pub(crate) fn file(family: Family) -> ServerFile {
    ServerFile {
        pair: "orders".into(),
        member: "db1".into(),
        family,
        user: None,
        datadir: PathBuf::from("/var/lib/dualmasterd/orders/db1/data"),
        socket: PathBuf::from("/run/dualmasterd/orders.db1/mysqld.sock"),
        pid_file: PathBuf::from("/run/dualmasterd/orders.db1/mysqld.pid"),
        log: PathBuf::from("/var/lib/dualmasterd/orders/db1/error.log"),
        tmpdir: PathBuf::from("/var/lib/dualmasterd/orders/db1/tmp"),
        bind: "127.0.0.1".into(),
        port: 3307,
        admin_port: 13307,
        server_id: 3307,
        offset: 1,
        gtid_domain: 0,
        ack_timeout: None,
        own: BTreeMap::new(),
    }
}

#[test]
fn a_server_boots_closed_and_durable() {
    for family in [Family::Mariadb, Family::Mysql] {
        let text = render(&file(family));
        for line in [
            "read_only = ON",
            "sync_binlog = 1",
            "innodb_flush_log_at_trx_commit = 1",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} in {text}");
        }
        assert!(!text.contains("\nuser ="));
    }
}

#[test]
fn own_settings_replace_ours_and_plugins_add_up() {
    let mut file = file(Family::Mysql);
    file.own
        .insert("replica_parallel_workers".into(), "4".into());
    file.own
        .insert("plugin_load_add".into(), "mysql_clone.so".into());
    let text = render(&file);
    assert!(text.contains("\nreplica_parallel_workers = 4\n"));
    assert!(!text.contains("replica_parallel_workers = 16"));
    assert!(text.contains("= semisync_source.so;semisync_replica.so;mysql_clone.so\n"));
}

#[test]
fn values_that_mean_something_are_quoted() {
    assert_eq!(value::quoted("4G"), "4G");
    assert_eq!(value::quoted("a # b"), "\"a # b\"");
    assert_eq!(value::quoted("say \"x\\y\""), r#""say \"x\\y\"""#);
    assert_eq!(value::quoted(""), "");
}

#[test]
fn a_file_on_disk_is_judged() {
    let rendered = render(&file(Family::Mariadb));
    let mut older = file(Family::Mariadb);
    older.own.insert("max_connections".into(), "99".into());
    let older = render(&older);
    assert_eq!(judge(None, &rendered), FileState::Missing);
    assert_eq!(judge(Some(&rendered), &rendered), FileState::Same);
    assert_eq!(judge(Some(&older), &rendered), FileState::Outdated);
    let edited = rendered.replace("sync_binlog = 1", "sync_binlog = 0");
    assert_eq!(
        judge(Some(&edited), &rendered),
        FileState::Edited("- sync_binlog = 0\n+ sync_binlog = 1\n".into())
    );
    assert_eq!(
        judge(Some(""), "a\nb\n"),
        FileState::Edited("+ a\n+ b\n".into())
    );
}

#[test]
fn a_difference_keeps_the_common_lines() {
    assert_eq!(diff::lines("a\nb\nc\n", "a\nx\nc\nd\n"), "- b\n+ x\n+ d\n");
    assert_eq!(diff::lines("a\nb\n", "b\n"), "- a\n");
}

#[test]
fn what_waits_for_a_restart_is_told_setting_by_setting() {
    let started = render(&file(Family::Mariadb));
    let mut newer = file(Family::Mariadb);
    newer.own.insert("max_connections".into(), "99".into());
    let on_disk = render(&newer);
    assert_eq!(waiting(&started, &on_disk), "+ max_connections = 99\n");
    assert_eq!(waiting(&on_disk, &on_disk), "");
}
