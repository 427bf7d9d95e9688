use super::*;
use crate::runtime::log::tail_log;
use crate::runtime::testing::wait_until;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use tokio::time::timeout;

fn python(place: &Path, script: &str, identity: Option<Identity>) -> ServerCommand {
    ServerCommand {
        program: "/usr/bin/python3".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![("EXTRA".into(), "given".into())],
        datadir: place.to_owned(),
        log: place.join("server.log"),
        identity,
    }
}

async fn ended(mut spawned: Spawned) -> Ended {
    let ended = spawned.ended.wait_for(Option::is_some);
    timeout(Duration::from_secs(10), ended)
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn it_runs_detached_as_another_user_in_its_datadir() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    std::fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = "import os, sys\n\
                  print(os.getuid(), os.getgid(), sorted(os.getgroups()))\n\
                  print(os.getsid(0) == os.getpid(), os.getcwd(), os.environ['EXTRA'])\n\
                  print(repr(sys.stdin.read()), file=sys.stderr, flush=True)";
    for groups in [vec![], vec![4242, 4243]] {
        let identity = Identity {
            uid: 65534,
            gid: 65533,
            groups: groups.clone(),
        };
        let spawned = spawn(&python(place, script, Some(identity))).unwrap();
        assert_eq!(ended(spawned).await, Ended::Code(0));
        let said = tail_log(&place.join("server.log"), 3).unwrap();
        assert_eq!(said[0], format!("65534 65533 {groups:?}"));
        assert_eq!(said[1], format!("True {} given", place.display()));
        assert_eq!(said[2], "''");
    }
    let log = std::fs::metadata(place.join("server.log")).unwrap();
    assert_eq!(
        (log.uid(), log.gid(), log.mode() & 0o777),
        (65534, 65533, 0o640)
    );
    let lines = tail_log(&place.join("server.log"), 99).unwrap();
    assert_eq!(lines.len(), 6, "the second start appends");
}

#[test]
fn our_ties_are_not_inherited() {
    for name in [
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "MYSQL_HOME",
        "MARIADB_HOME",
    ] {
        assert!(!is_inherited(OsStr::new(name)), "{name}");
    }
    for name in ["PATH", "LANG", "LD_PRELOAD", "TZ"] {
        assert!(is_inherited(OsStr::new(name)), "{name}");
    }
}

#[tokio::test]
async fn its_end_is_collected_and_told() {
    let directory = tempfile::tempdir().unwrap();
    for (script, end) in [
        ("import os; os._exit(3)", Ended::Code(3)),
        ("import os; os.kill(os.getpid(), 9)", Ended::Signal(9)),
    ] {
        let spawned = spawn(&python(directory.path(), script, None)).unwrap();
        let life = spawned.life.clone();
        assert_eq!(ended(spawned).await, end);
        assert_eq!(
            proc::look(&life).unwrap().state,
            ProcState::Gone,
            "no zombie stays"
        );
    }
}

#[tokio::test]
async fn what_cannot_start_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let mut server = python(place, "", None);
    server.program = "/nonexistent/mysqld".into();
    assert!(matches!(
        spawn(&server).unwrap_err(),
        SpawnError::Program { .. }
    ));
    server.program = "/etc/passwd".into();
    assert!(matches!(
        spawn(&server).unwrap_err(),
        SpawnError::Program { .. }
    ));
    let mut server = python(place, "", None);
    server.datadir = place.join("missing");
    assert!(matches!(
        spawn(&server).unwrap_err(),
        SpawnError::Datadir { .. }
    ));
    let mut server = python(place, "", None);
    server.log = place.join("missing/log");
    assert!(matches!(
        spawn(&server).unwrap_err(),
        SpawnError::Log { .. }
    ));
    let broken = place.join("broken");
    std::fs::write(&broken, "#!/nonexistent/interpreter\n").unwrap();
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut server = python(place, "", None);
    server.program = broken;
    let spawned = spawn(&server).unwrap();
    assert_eq!(ended(spawned).await, Ended::Code(127));
    let said = tail_log(&server.log, 1).unwrap();
    assert!(said[0].contains("No such file"), "{said:?}");
}

#[tokio::test]
async fn signals_reach_this_life_only() {
    let directory = tempfile::tempdir().unwrap();
    let spawned = spawn(&python(
        directory.path(),
        "import time; time.sleep(60)",
        None,
    ))
    .unwrap();
    let life = spawned.life.clone();
    let mut other = life.clone();
    other.started += 1;
    assert!(matches!(
        signal(&other, Signal::Kill).unwrap_err(),
        SignalError::Gone { .. }
    ));
    signal(&life, Signal::Stop).unwrap();
    wait_until(&life, |state| state == ProcState::Stopped);
    signal(&life, Signal::Cont).unwrap();
    wait_until(&life, |state| state == ProcState::Running);
    signal(&life, Signal::Term).unwrap();
    assert_eq!(ended(spawned).await, Ended::Signal(15));
    assert!(matches!(
        signal(&life, Signal::Kill).unwrap_err(),
        SignalError::Gone { .. }
    ));
}

/// The runtime that started it goes away like a daemon that ends.
#[test]
fn it_outlives_the_runtime_that_started_it() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = python(directory.path(), "import time; time.sleep(60)", None);
    let spawned = runtime.block_on(async { spawn(&server).unwrap() });
    drop(runtime);
    assert!(!proc::look(&spawned.life).unwrap().state.is_over());
    signal(&spawned.life, Signal::Kill).unwrap();
    wait_until(&spawned.life, ProcState::is_over);
}

#[tokio::test]
async fn the_watch_over_our_own_child_ends_with_its_status() {
    use crate::model::time::Timestamp;
    use crate::runtime::death::watch;
    let directory = tempfile::tempdir().unwrap();
    let script = "import os, time; time.sleep(0.2); os._exit(0)";
    let spawned = spawn(&python(directory.path(), script, None)).unwrap();
    let (steps, mut seen) = tokio::sync::mpsc::channel(8);
    let own = Some(spawned.ended.clone());
    watch(spawned.life, own, || Timestamp::BOOT, steps)
        .await
        .unwrap();
    let mut last = None;
    while let Some(step) = seen.recv().await {
        last = Some(step);
    }
    let last = last.unwrap();
    assert!(last.state.is_over());
    assert_eq!(last.ended, Ended::Code(0));
}
