use std::io::Cursor;

use super::*;
use crate::binlog::fixture::{Log, UUID};
use crate::model::gtid::{Origin, Tag};

fn endings(log: Log) -> Vec<(u64, Ending)> {
    let mut walk = Walk::new(Cursor::new(log.bytes)).unwrap();
    let mut all = Vec::new();
    while let Some(t) = walk.next().unwrap() {
        all.push((t.gtid.number, t.ending));
    }
    all
}

#[test]
fn mysql_transactions_and_their_ends() {
    let mut log = Log::new(true, 0).previous_gtids("").mysql_insert(1, 1);
    log.mysql_gtid(2);
    log.query("CREATE TABLE t (a INT)");
    log.mysql_gtid(3);
    log.query("BEGIN");
    log.table_map();
    log.insert(1);
    log.query("COMMIT");
    log.mysql_gtid(4);
    log.query("BEGIN");
    log.query("COMMIT");
    log.mysql_gtid(5);
    log.query("XA START X'61',X'',1");
    log.table_map();
    log.query("XA END X'61',X'',1");
    log.event(kind::XA_PREPARE, &[0; 20]);
    log.mysql_gtid(6);
    log.query("XA COMMIT X'61',X'',1");
    log.mysql_gtid(7);
    log.event(kind::MYSQL_TRANSACTION_PAYLOAD, &[0; 20]);
    log.mysql_gtid(8);
    log.mysql_gtid(9);
    log.query("BEGIN");
    let statement = |text: &str| Ending::Statement(text.to_owned());
    assert_eq!(
        endings(log),
        [
            (1, Ending::Commit),
            (2, statement("CREATE TABLE t (a INT)")),
            (3, Ending::WithoutEngine),
            (4, Ending::Nothing),
            (5, Ending::XaPrepare),
            (6, statement("XA COMMIT X'61',X'',1")),
            (7, Ending::Commit),
            (8, Ending::Unknown),
            (9, Ending::Unfinished),
        ]
    );
}

#[test]
fn what_is_not_known_to_be_inert_changes_something() {
    // The events of a LOAD DATA in words, and one of a version to come.
    for kind in [9, 17, 18, 200] {
        let mut log = Log::new(true, 0).previous_gtids("");
        log.mysql_gtid(1);
        log.query("BEGIN");
        log.event(kind, &[0; 30]);
        log.query("COMMIT");
        log.mysql_gtid(2);
        log.query("BEGIN");
        log.event(kind::USER_VAR, &[0; 30]);
        log.query("COMMIT");
        let ends = [(1, Ending::WithoutEngine), (2, Ending::Nothing)];
        assert_eq!(endings(log), ends, "type {kind}");
    }
}

#[test]
fn a_statement_that_commits_with_its_engine_is_told_by_its_variables() {
    // As MySQL 9.7 writes them: flags, mode, catalog, character sets, zone, invoker, schemas, microseconds.
    let mut variables = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 3];
    variables.extend(b"std");
    variables.extend([3, 1, 0, 1, 0, 4, 33, 0, 33, 0, 255, 0, 5, 6]);
    variables.extend(b"SYSTEM");
    variables.extend([7, 0, 0, 11, 1, b'u', 2, b'h', b'o', 12, 2]);
    variables.extend(b"one\0two\0");
    variables.extend([13, 1, 2, 3]);
    assert!(!is_two_phase(&variables));
    variables.extend([17, 9, 0, 0, 0, 0, 0, 0, 0]);
    assert!(is_two_phase(&variables));
    // No variable, though the byte occurs.
    assert!(!is_two_phase(&[0, 17, 17, 17, 17]));
    assert!(!is_two_phase(&[12, 254, 99, 17]));
    for length in 0..variables.len() {
        is_two_phase(&variables[..length]);
    }
}

#[test]
fn mariadb_transactions_and_their_ends() {
    let mut log = Log::new(true, 0)
        .gtid_list("0-1-5,0-2-4")
        .mariadb_insert(6, 2);
    log.mariadb_gtid(7, 1 | 32);
    log.query("CREATE TABLE t (a INT)");
    log.mariadb_gtid(8, 128);
    log.query("XA COMMIT X'61',X'',1");
    log.mariadb_gtid(9, 0);
    log.table_map();
    log.query("COMMIT");
    log.mariadb_gtid(10, 4);
    let bytes = log.bytes.clone();
    let endings = endings(log);
    assert_eq!(endings[0], (6, Ending::Commit));
    assert!(matches!(&endings[1], (7, Ending::Statement(_))));
    assert!(matches!(&endings[2], (8, Ending::Statement(_))));
    assert_eq!(
        endings[3..],
        [(9, Ending::WithoutEngine), (10, Ending::Unfinished)]
    );
    let walk = Walk::new(Cursor::new(bytes)).unwrap();
    assert_eq!(walk.history().unwrap().to_string(), "0-1-5,0-2-4");
}

/// The layout of MySQL 9.7.4, for the tag `tag_a` and number 300, cut behind the tag.
#[test]
fn a_tagged_gtid_is_read() {
    let mut body = vec![0x02, 0x02, 0x02, 0x00, 0x01, 0x02];
    for byte in UUID.0 {
        // 171 needs two bytes: 171 << 2 | 0b01.
        body.extend(((u16::from(byte) << 2) | 1).to_le_bytes());
    }
    body.extend([0x04]);
    body.extend(((600u16 << 2) | 1).to_le_bytes());
    body.extend([0x06, 0x0a]);
    body.extend(b"tag_a");
    body.extend([0x08, 0x00]);
    let mut log = Log::new(true, 0).previous_gtids("");
    log.event(kind::MYSQL_TAGGED_GTID, &body);
    let mut walk = Walk::new(Cursor::new(log.bytes)).unwrap();
    let seen = walk.next().unwrap().unwrap();
    let tag = Some(Tag::new("tag_a").unwrap());
    assert_eq!(
        seen.gtid,
        Gtid {
            origin: Origin::Mysql { uuid: UUID, tag },
            number: 300
        }
    );
    assert_eq!(seen.flags, 1);
}

#[test]
fn a_history_with_tags_is_read() {
    let mut body = ((1u64 << 56) | (2 << 8) | 1).to_le_bytes().to_vec();
    for (tag, first, behind) in [("", 1u64, 6u64), ("tag_a", 7, 9)] {
        body.extend(UUID.0);
        body.push((tag.len() << 1) as u8);
        body.extend(tag.as_bytes());
        body.extend(1u64.to_le_bytes());
        body.extend(first.to_le_bytes());
        body.extend(behind.to_le_bytes());
    }
    let mut log = Log::new(true, 0);
    log.event(kind::MYSQL_PREVIOUS_GTIDS, &body);
    let walk = Walk::new(Cursor::new(log.bytes)).unwrap();
    assert_eq!(
        walk.history().unwrap().to_string(),
        format!("{UUID}:1-5,{UUID}:tag_a:7-8")
    );
}
