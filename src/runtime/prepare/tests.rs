use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::inspect::{Datadir, MARKER, inspect};
use super::*;
use crate::model::gtid::GtidSet;
use crate::model::server::Family;

fn marker() -> Marker {
    Marker {
        pair: "shop".to_owned(),
        member: "a".to_owned(),
        family: Family::Mysql,
    }
}

/// An order for a server whose program makes what looks like a MySQL datadir, unless told to fail.
fn order(folder: &Path, step: Step) -> Order {
    let server = folder.join("mysqld");
    let script = "#!/bin/sh
for arg; do case $arg in --datadir=*) data=${arg#*=};; esac; done
echo starting
if [ -e \"${0%/*}/fail\" ]; then echo 'no space' > $data/half; echo 'on stderr' >&2
printf '\\nInstallation of system tables failed!  Examine the logs\\n\\nPlease check all\\n'; exit 3; fi
touch $data/mysql.ibd $data/auto.cnf
";
    fs::write(&server, script).unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
    let datadir = folder.join("a");
    Order {
        version: order::VERSION,
        name: "shop-a".to_owned(),
        family: Family::Mysql,
        server: Binaries {
            server,
            install_db: None,
        },
        defaults_file: folder.join("my.cnf"),
        binlog_index: datadir.join("binlog.index"),
        relay_index: datadir.join("relay.index"),
        datadir,
        unit: None,
        step,
    }
}

fn initialise(folder: &Path) -> Result<Answer, PrepareError> {
    carry_out(&order(folder, Step::Initialise { marker: marker() }))
}

#[test]
fn orders_and_replies_survive_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let known = GtidSet::parse_mariadb("0-1-5").unwrap();
    let order = order(
        folder.path(),
        Step::Cut {
            known,
            save_to: "/saved".into(),
        },
    );
    let path = folder.path().join("order");
    fs::write(&path, serde_json::to_vec(&order).unwrap()).unwrap();
    assert_eq!(read("shop-a", &path).unwrap(), order);
    assert!(matches!(
        read("shop-b", &path),
        Err(PrepareError::Name { .. })
    ));
    let newer = Order {
        version: 99,
        ..order.clone()
    };
    fs::write(&path, serde_json::to_vec(&newer).unwrap()).unwrap();
    assert!(matches!(
        read("shop-a", &path),
        Err(PrepareError::Version { found: 99, .. })
    ));
    let mut value = serde_json::to_value(&order).unwrap();
    value["surprise"] = 1.into();
    fs::write(&path, value.to_string()).unwrap();
    let error = read("shop-a", &path).unwrap_err();
    let failure = Failure::of(&error);
    assert_eq!(failure.kind, FailureKind::Order);
    assert!(failure.message.contains("surprise"), "{}", failure.message);
    let reply = Reply::Failure(failure);
    let text = serde_json::to_string(&reply).unwrap();
    assert_eq!(serde_json::from_str::<Reply>(&text).unwrap(), reply);
}

#[test]
fn a_datadir_is_made_whole_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("a.dualmasterd-new");
    fs::create_dir_all(scratch.join("data/half")).unwrap();
    fs::write(scratch.join("making"), "").unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    assert_eq!(
        initialise(folder.path()).unwrap(),
        Answer::Initialised { made: true }
    );
    assert!(!scratch.exists());
    let Datadir::Initialised {
        family, made_by, ..
    } = inspect(&folder.path().join("a"))
    else {
        panic!("not initialised")
    };
    assert_eq!((family, made_by), (Family::Mysql, Some(marker())));
    fs::create_dir(&scratch).unwrap();
    fs::write(scratch.join("making"), "").unwrap();
    assert_eq!(
        initialise(folder.path()).unwrap(),
        Answer::Initialised { made: false }
    );
    assert!(!scratch.exists());
}

#[test]
fn a_failing_program_leaves_no_datadir_and_tells_its_last_lines() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fail"), "").unwrap();
    let error = initialise(folder.path()).unwrap_err();
    fs::remove_file(folder.path().join("fail")).unwrap();
    let failure = Failure::of(&error);
    assert_eq!(failure.kind, FailureKind::Server);
    assert_eq!(failure.log, ["starting", "on stderr"]);
    assert_eq!(inspect(&folder.path().join("a")), Datadir::Missing);
    assert_eq!(
        initialise(folder.path()).unwrap(),
        Answer::Initialised { made: true }
    );
}

#[test]
fn an_earlier_orders_program_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("a.dualmasterd-new");
    fs::create_dir(&scratch).unwrap();
    let making = fs::File::create(scratch.join("making")).unwrap();
    making.lock().unwrap();
    let error = initialise(folder.path()).unwrap_err();
    assert_eq!(Failure::of(&error).kind, FailureKind::Running);
}

#[test]
fn what_is_not_ours_is_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let datadir = folder.path().join("a");
    let refused = |why: &str| {
        let error = initialise(folder.path()).unwrap_err();
        assert_eq!(Failure::of(&error).kind, FailureKind::Foreign);
        assert!(error.to_string().contains(why), "{error}");
    };
    fs::create_dir(&datadir).unwrap();
    assert_eq!(inspect(&datadir), Datadir::Empty);
    fs::write(datadir.join("thesis.tex"), "").unwrap();
    refused("thesis.tex");
    fs::create_dir(datadir.join("mysql")).unwrap();
    fs::write(datadir.join("mysql/global_priv.frm"), "").unwrap();
    fs::write(datadir.join("mysql_upgrade_info"), "10.11.19-MariaDB").unwrap();
    refused("MariaDB server's data");
    let other = Marker {
        member: "b".to_owned(),
        ..marker()
    };
    fs::write(datadir.join(MARKER), serde_json::to_vec(&other).unwrap()).unwrap();
    refused("member b of pair shop");
    fs::write(datadir.join(MARKER), "{").unwrap();
    refused("not one of this version");
}

#[test]
fn persisted_settings_that_beat_the_option_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let datadir = folder.path().join("a");
    initialise(folder.path()).unwrap();
    let persisted = r#"{"Version":2,"mysql_dynamic_variables":{"super_read_only":{"Value":"OFF"},
        "sort_buffer_size":{"Value":"1"}},"mysql_static_variables":{"skip_replica_start":{}}}"#;
    fs::write(datadir.join("mysqld-auto.cnf"), persisted).unwrap();
    let history = r#"{"upgrade_history":[{"version":"8.4.1"},{"version":"9.7.4-2"}]}"#;
    fs::write(datadir.join("mysql_upgrade_history"), history).unwrap();
    let Datadir::Initialised {
        persisted,
        server_version,
        ..
    } = inspect(&datadir)
    else {
        panic!("not initialised")
    };
    assert_eq!(
        persisted.into_iter().collect::<Vec<_>>(),
        ["skip_replica_start", "super_read_only"]
    );
    assert_eq!(server_version.as_deref(), Some("9.7.4-2"));
}

#[test]
fn a_missing_log_is_a_failure_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let error = carry_out(&order(
        folder.path(),
        Step::Lacks {
            known: GtidSet::new(),
        },
    ));
    let failure = Failure::of(&error.unwrap_err());
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(
        failure.message.contains("binlog.index: No such file"),
        "{}",
        failure.message
    );
}
