use super::*;
use crate::binlog::fixture::{Datadir, Log};

#[test]
fn the_first_transaction_above_the_position_is_found_whoever_wrote_it() {
    let first = Log::new(false, 0).mariadb_insert(1, 1).mariadb_insert(2, 1);
    let mut second = Log::new(true, 0);
    second.server_id = 2;
    let start = second.len();
    let second = second.mariadb_insert(3, 1);
    let datadir = Datadir::of(&[&first, &second]);
    let above =
        |pos: &str| first_above(&datadir.index(), &GtidSet::parse_mariadb(pos).unwrap()).unwrap();
    let start_at = above("0-1-2,1-1-9").unwrap();
    assert_eq!(
        (start_at.file.as_str(), start_at.position),
        ("binlog.000002", start)
    );
    assert_eq!(start_at.gtid.to_string(), "0-2-3");
    assert_eq!(above("").unwrap().gtid.to_string(), "0-1-1");
    assert_eq!(above("0-7-3"), None);
}

#[test]
fn copies_are_whole_or_not_there() {
    let datadir = Datadir::of(&[&Log::new(true, 0)]);
    fs::write(datadir.path("relay-log.info"), b"1").unwrap();
    fs::write(datadir.path("other"), b"1").unwrap();
    let to = datadir.path("aside");
    fs::create_dir(datadir.path("aside.part")).unwrap();
    fs::write(datadir.path("aside.part/left"), b"over").unwrap();
    let index = datadir.path("binlog.index");
    let copied = copy_aside(&index, datadir.folder.path(), &to).unwrap();
    let names: Vec<_> = copied.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["binlog.000001", "binlog.index", "relay-log.info"]);
    fs::remove_file(datadir.path("binlog.000001")).unwrap();
    assert_eq!(
        copy_aside(&index, datadir.folder.path(), &to).unwrap(),
        copied
    );
    let none = copy_aside(
        &datadir.path("no.index"),
        datadir.folder.path(),
        &datadir.path("n"),
    );
    assert_eq!(none.unwrap().len(), 1);
}
