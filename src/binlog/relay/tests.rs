use super::*;
use crate::binlog::fixture::{Datadir, Log};

#[test]
fn copies_are_whole_or_not_there() {
    let datadir = Datadir::of(&[&Log::new(true, 0)]);
    fs::write(datadir.path("relay-log.info"), b"1").unwrap();
    fs::write(datadir.path("other"), b"1").unwrap();
    let into = datadir.path("saved");
    let index = datadir.path("binlog.index");
    let copy = || copy_aside(&index, datadir.folder.path(), &into).unwrap().1;
    let folders = || {
        let entries = fs::read_dir(&into).unwrap();
        entries.map(|e| e.unwrap().path()).collect::<Vec<_>>()
    };
    let copied = copy();
    let names: Vec<_> = copied.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["binlog.000001", "binlog.index", "relay-log.info"]);
    let [whole] = folders().try_into().unwrap();
    fs::rename(&whole, whole.with_added_extension("part")).unwrap();
    fs::write(whole.with_added_extension("part").join("left"), b"over").unwrap();
    assert_eq!(copy(), copied, "an unfinished one is made anew");
    assert_eq!(copy(), copied);
    assert_eq!(folders(), [whole]);
    let none = copy_aside(&datadir.path("no.index"), datadir.folder.path(), &into);
    assert_eq!(none.unwrap().1.len(), 1);
}

#[test]
fn rows_that_came_since_are_copied_though_the_index_is_the_same() {
    let datadir = Datadir::of(&[&Log::new(true, 0)]);
    let (into, index) = (datadir.path("saved"), datadir.path("binlog.index"));
    let size = |copied: &[Copied]| copied.iter().map(|file| file.bytes).sum::<u64>();
    let before = copy_aside(&index, datadir.folder.path(), &into).unwrap().1;
    let log = datadir.path("binlog.000001");
    let mut text = fs::read(&log).unwrap();
    text.extend([0; 100]);
    fs::write(&log, text).unwrap();
    let after = copy_aside(&index, datadir.folder.path(), &into).unwrap().1;
    assert_eq!(size(&after), size(&before) + 100);
}

#[test]
fn old_copies_go() {
    let datadir = Datadir::of(&[&Log::new(true, 0)]);
    let (into, index) = (datadir.path("saved"), datadir.path("binlog.index"));
    fs::create_dir_all(into.join("tail-1-2")).unwrap();
    for round in 0..COPIES_KEPT + 3 {
        fs::write(datadir.path("master.info"), vec![0; round + 1]).unwrap();
        copy_aside(&index, datadir.folder.path(), &into).unwrap();
    }
    let left = fs::read_dir(&into).unwrap().count();
    assert_eq!(left, COPIES_KEPT + 1, "the tail stays");
}
