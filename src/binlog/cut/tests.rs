use std::path::PathBuf;

use super::*;
use crate::binlog::event::Events;
use crate::binlog::fixture::{Datadir, Log};
use crate::binlog::undo;

fn three() -> (Datadir, [Log; 3]) {
    let first = Log::new(false, 9)
        .gtid_list("")
        .mariadb_insert(1, 1)
        .mariadb_insert(2, 4);
    let second = Log::new(false, 0).gtid_list("0-1-2").mariadb_insert(3, 1);
    let third = Log::new(true, 0).gtid_list("0-1-3").mariadb_insert(4, 1);
    (
        Datadir::of(&[&first, &second, &third]),
        [first, second, third],
    )
}

fn run(datadir: &Datadir) -> Result<Outcome, CutError> {
    let known = GtidSet::parse_mariadb("0-1-1").unwrap();
    let index = datadir.path("binlog.index");
    cut(
        &index,
        datadir.folder.path(),
        &known,
        Family::Mariadb,
        &datadir.path("saved"),
    )
}

fn read(datadir: &Datadir, name: &str) -> Vec<u8> {
    fs::read(datadir.path(name)).unwrap()
}

fn goal(datadir: &Datadir, first: &Log) {
    let keep = Log::new(true, 9).gtid_list("").mariadb_insert(1, 1);
    assert_eq!(read(datadir, "binlog.000001"), keep.bytes);
    assert_eq!(read(datadir, "binlog.index"), b"./binlog.000001\n");
    assert!(!datadir.path("binlog.000002").exists() && !datadir.path("binlog.000003").exists());
    assert_eq!(read(datadir, "saved/binlog.000001"), first.bytes);
    assert!(datadir.path("saved/cut.done").exists());
}

#[test]
fn the_cut_saves_shortens_and_is_done_once() {
    let (datadir, logs) = three();
    let Outcome::Cut(plan) = run(&datadir).unwrap() else {
        panic!("no cut")
    };
    goal(&datadir, &logs[0]);
    let tail = fs::File::open(datadir.path("saved/binlog.000001.tail")).unwrap();
    let mut tail = Events::open(tail).unwrap();
    assert!(!tail.format().in_use);
    let kinds = std::iter::from_fn(|| tail.next().unwrap().map(|h| h.kind));
    assert_eq!(kinds.collect::<Vec<_>>(), [163, 162, 19, 23, 16]);
    // The server has started since and uses a name again.
    fs::write(datadir.path("binlog.000002"), b"new").unwrap();
    fs::write(
        datadir.path("binlog.index"),
        b"./binlog.000001\n./binlog.000002\n",
    )
    .unwrap();
    assert_eq!(run(&datadir).unwrap(), Outcome::Cut(plan));
    assert_eq!(read(&datadir, "binlog.000002"), b"new");
}

#[test]
fn interrupted_anywhere_it_reaches_the_same_end() {
    for step in 0..6 {
        let (datadir, logs) = three();
        let path = |name: &str| -> PathBuf { datadir.path(name) };
        let plan = {
            let known = GtidSet::parse_mariadb("0-1-1").unwrap();
            match tail::plan_cut(&datadir.index(), &known, Family::Mariadb).unwrap() {
                TailVerdict::Cut(plan) => plan,
                TailVerdict::NothingMissing => panic!("no cut"),
            }
        };
        if step == 0 {
            fs::create_dir(path("saved")).unwrap();
            fs::write(path("saved/binlog.000001"), b"half").unwrap();
        } else {
            save::save(&plan, &path("saved")).unwrap();
        }
        if step >= 2 {
            shorten(&plan.file.path, plan.file.size).unwrap();
        }
        if step >= 3 {
            shorten(&plan.file.path, plan.position).unwrap();
        }
        if step >= 4 {
            fs::write(path("binlog.index"), b"./binlog.000001\n").unwrap();
        }
        if step >= 5 {
            fs::remove_file(path("binlog.000002")).unwrap();
        }
        run(&datadir).unwrap();
        goal(&datadir, &logs[0]);
    }
}

#[test]
fn an_interrupted_cut_is_not_finished_on_a_server_that_started_since() {
    let (datadir, _) = three();
    let known = GtidSet::parse_mariadb("0-1-1").unwrap();
    let verdict = tail::plan_cut(&datadir.index(), &known, Family::Mariadb).unwrap();
    let TailVerdict::Cut(plan) = verdict else {
        panic!("no cut")
    };
    save::save(&plan, &datadir.path("saved")).unwrap();
    let lines = "./binlog.000001\n./binlog.000002\n./binlog.000003\n./binlog.000004\n";
    fs::write(datadir.path("binlog.index"), lines).unwrap();
    assert!(matches!(run(&datadir), Err(CutError::Changed { .. })));
}

#[test]
fn another_cut_does_not_use_the_folder() {
    let (datadir, _) = three();
    run(&datadir).unwrap();
    let saved = save::load(&datadir.path("saved")).unwrap().unwrap();
    let other = CutPlan {
        position: 5,
        ..saved
    };
    let taken = save::save(&other, &datadir.path("saved"));
    assert!(matches!(taken, Err(SaveError::Taken { .. })));
}

#[test]
fn undo_puts_everything_back_and_keeps_what_came_after() {
    let (datadir, logs) = three();
    let saved = datadir.path("saved");
    assert!(!undo::undo(&saved, datadir.folder.path()).unwrap());
    run(&datadir).unwrap();
    fs::write(datadir.path("binlog.000002"), b"new").unwrap();
    fs::write(
        datadir.path("binlog.index"),
        b"./binlog.000001\n./binlog.000002\n",
    )
    .unwrap();
    assert!(undo::undo(&saved, datadir.folder.path()).unwrap());
    for (at, log) in logs.iter().enumerate() {
        assert_eq!(
            read(&datadir, &format!("binlog.00000{}", at + 1)),
            log.bytes
        );
    }
    assert_eq!(read(&datadir, "saved/after/binlog.000002"), b"new");
    let index = read(&datadir, "binlog.index");
    assert_eq!(
        index,
        b"./binlog.000001\n./binlog.000002\n./binlog.000003\n"
    );
    assert!(!undo::undo(&saved, datadir.folder.path()).unwrap());
}

const GHOST: &str = "DROP TABLE IF EXISTS `test`.`t` /* generated by ddl recovery */";

/// A reader's log with a repetition and a FLUSH of its own, and what is to become of its last file.
fn repetition() -> (Datadir, Datadir, Log) {
    let first = Log::new(false, 9).gtid_list("").mariadb_insert(1, 1);
    let repeated = |server| {
        let mut log = Log::new(true, 9).gtid_list("0-1-1");
        log.server_id = server;
        log.mariadb_gtid(2, 1 | 32);
        log.query(GHOST);
        log
    };
    let mut second = repeated(2);
    second.mariadb_gtid(3, 1);
    second.query("FLUSH TABLES");
    let mut peer = Log::new(true, 9).gtid_list("").mariadb_insert(1, 1);
    peer.mariadb_gtid(2, 1 | 32);
    peer.query("DROP TABLE `t` /* generated by server */");
    (
        Datadir::of(&[&first, &second]),
        Datadir::of(&[&peer]),
        repeated(1),
    )
}

fn forgets(datadir: &Datadir, peer: &Datadir) -> Result<Outcome, CutError> {
    let known = GtidSet::parse_mariadb("0-1-2").unwrap();
    let index = datadir.path("binlog.index");
    let folder = datadir.path("saved");
    forget(
        &index,
        datadir.folder.path(),
        &known,
        &peer.index(),
        &folder,
    )
}

#[test]
fn what_repeats_the_peer_becomes_its_transaction_from_any_interruption() {
    let (datadir, peer, goal) = repetition();
    let whole = read(&datadir, "binlog.000002");
    for interrupted in [None, Some(whole.clone()), Some(goal.bytes.clone())] {
        if let Some(left) = interrupted {
            fs::write(datadir.path("binlog.000002"), left).unwrap();
            fs::remove_file(datadir.path("saved/cut.done")).unwrap();
        }
        assert!(matches!(forgets(&datadir, &peer), Ok(Outcome::Cut(_))));
        assert_eq!(read(&datadir, "binlog.000002"), goal.bytes);
        assert_eq!(read(&datadir, "saved/binlog.000002"), whole);
    }
    fs::write(datadir.path("binlog.000002"), b"another").unwrap();
    fs::remove_file(datadir.path("saved/cut.done")).unwrap();
    let changed = forgets(&datadir, &peer).unwrap_err();
    assert!(matches!(changed, CutError::Changed { .. }), "{changed}");
}
