use std::sync::Arc;

use mysql_async::consts::ColumnType;
use mysql_async::{Column, Row, Value};

use super::*;
use crate::model::server::Version;

const MARIADB: Dialect = Dialect::Mariadb(Version(10, 11, 19));
const MYSQL: Dialect = Dialect::Mysql(Version(9, 7, 4));
const OLD: Dialect = Dialect::Mysql(Version(5, 7, 44));
const A: &str = "c2c41ff8-e6b2-11f1-9059-02fc00000001";

fn row(cells: &[(&str, &str)]) -> Row {
    let column = |(name, _): &(&str, &str)| {
        Column::new(ColumnType::MYSQL_TYPE_VAR_STRING).with_name(name.as_bytes())
    };
    let columns: Arc<[Column]> = cells.iter().map(column).collect();
    let values = cells.iter().map(|(_, value)| match *value {
        "NULL" => Value::NULL,
        value => Value::Bytes(value.as_bytes().to_vec()),
    });
    mysql_common::row::new_row(values.collect(), columns)
}

fn set(text: &str) -> GtidSet {
    text.parse().unwrap()
}

#[test]
fn old_and_new_words_are_one_status() {
    let received = format!("{A}:4-9");
    let new = row(&[
        ("Replica_IO_State", "Waiting for source to send event"),
        ("Source_Host", "10.0.0.2"),
        ("Source_Port", "3307"),
        ("Replica_IO_Running", "Yes"),
        ("Replica_SQL_Running", "No"),
        ("Last_IO_Errno", "0"),
        ("Last_IO_Error", ""),
        ("Last_SQL_Errno", "1062"),
        ("Last_SQL_Error", "Duplicate entry"),
        ("Retrieved_Gtid_Set", &received),
        ("Auto_Position", "1"),
    ]);
    let old = row(&[
        ("Slave_IO_State", "Waiting for master to send event"),
        ("Master_Host", "10.0.0.2"),
        ("Master_Port", "3307"),
        ("Slave_IO_Running", "Yes"),
        ("Slave_SQL_Running", "No"),
        ("Last_IO_Errno", "0"),
        ("Last_IO_Error", ""),
        ("Last_SQL_Errno", "1062"),
        ("Last_SQL_Error", "Duplicate entry"),
        ("Retrieved_Gtid_Set", &received),
        ("Auto_Position", "1"),
    ]);
    let executed = set(&format!("{A}:1-5"));
    let new = link(MYSQL, "a", &new, &executed).unwrap().unwrap();
    let old = link(OLD, "a", &old, &executed).unwrap().unwrap();
    assert_eq!(new, old);
    assert_eq!(
        (new.source_host.as_str(), new.source_port),
        ("10.0.0.2", 3307)
    );
    assert_eq!(
        (new.receiver, new.applier, new.by_gtid),
        (Receiver::Running, false, true)
    );
    assert_eq!(new.receiver_error, None);
    assert_eq!(new.applier_error.unwrap().errno, 1062);
    assert_eq!(new.received, set(&format!("{A}:1-9")));
}

fn mariadb(io: &str, fetched: &str, position: &str) -> Row {
    row(&[
        ("Master_Host", "10.0.0.1"),
        ("Master_Port", "3306"),
        ("Master_Log_File", "binlog.000002"),
        ("Relay_Master_Log_File", "binlog.000002"),
        ("Read_Master_Log_Pos", fetched),
        ("Exec_Master_Log_Pos", "500"),
        ("Slave_IO_Running", io),
        ("Slave_SQL_Running", "Yes"),
        ("Using_Gtid", "Slave_Pos"),
        ("Gtid_IO_Pos", position),
        ("Last_SQL_Errno", "0"),
    ])
}

#[test]
fn mariadb_received_contains_executed_and_the_position() {
    let executed = set("0-1-8,0-2-5");
    let seen = link(
        MARIADB,
        "b",
        &mariadb("Connecting", "600", "0-1-9"),
        &executed,
    );
    let seen = seen.unwrap().unwrap();
    assert_eq!(seen.received, set("0-1-9,0-2-5"));
    assert_eq!(seen.receiver, Receiver::Connecting);
    assert!(seen.by_gtid && !seen.half);
    // A position behind what was executed adds nothing.
    let behind = link(MARIADB, "b", &mariadb("Yes", "600", "0-2-3"), &executed);
    assert_eq!(behind.unwrap().unwrap().received, executed);
    assert!(link(MARIADB, "b", &mariadb("Yes", "600", "0-2"), &executed).is_err());
}

#[test]
fn half_a_group_at_mariadb_is_what_no_whole_transaction_explains() {
    let executed = set("0-1-9");
    let half = |io, fetched, position| {
        let row = mariadb(io, fetched, position);
        link(MARIADB, "b", &row, &executed).unwrap().unwrap().half
    };
    assert!(half("No", "542", "0-1-9"));
    assert!(!half("No", "500", "0-1-9"), "nothing beyond");
    assert!(!half("Yes", "542", "0-1-9"), "the rest is on its way");
    assert!(
        !half("No", "900", "0-1-10"),
        "a whole transaction waits for the applier"
    );
}

#[test]
fn a_position_that_outlives_its_relay_logs_at_mariadb() {
    let stopped = |fetched: &str, executed: &str, at: &str| {
        let cells = row(&[
            ("Master_Host", "10.0.0.1"),
            ("Master_Log_File", "binlog.000002"),
            ("Relay_Master_Log_File", "binlog.000002"),
            ("Read_Master_Log_Pos", fetched),
            ("Exec_Master_Log_Pos", executed),
            ("Relay_Log_Pos", at),
            ("Slave_IO_Running", "No"),
            ("Slave_SQL_Running", "No"),
            ("Gtid_IO_Pos", "0-1-9"),
        ]);
        let seen = link(MARIADB, "b", &cells, &set("0-1-8")).unwrap().unwrap();
        seen.received
    };
    assert_eq!(stopped("500", "500", "4"), set("0-1-8"));
    assert_eq!(stopped("4", "0", "4"), set("0-1-8"));
    assert_eq!(stopped("600", "500", "4"), set("0-1-9"));
    assert_eq!(stopped("500", "500", "874"), set("0-1-9"));
}

#[test]
fn no_source_no_link() {
    let row = row(&[("Source_Host", ""), ("Replica_IO_Running", "No")]);
    assert_eq!(link(MYSQL, "a", &row, &GtidSet::new()).unwrap(), None);
}

fn moving(applier: &str, errno: &str, queueing: &str) -> LinkStatus {
    let seen = row(&[("Source_Host", "h"), ("Retrieved_Gtid_Set", "")]);
    let mut known = link(MYSQL, "a", &seen, &GtidSet::new()).unwrap().unwrap();
    let moving = row(&[
        ("receiver", "OFF"),
        ("received", &format!("{A}:1-3")),
        ("queueing", queueing),
        ("receiver_errno", "2003"),
        ("receiver_error", "Can't connect"),
        ("applier", applier),
        ("applier_errno", errno),
        ("applier_error", "text"),
    ]);
    renew_link(MYSQL, "a", &moving, &set(&format!("{A}:1-4")), &mut known).unwrap();
    known
}

#[test]
fn half_a_transaction_at_mysql_and_the_error_its_end_leaves() {
    let next = format!("{A}:5");
    let running = moving("ON", "0", &next);
    assert!(running.half && running.applier_error.is_none());
    assert_eq!(running.received, set(&format!("{A}:1-4")));
    assert_eq!(running.receiver_error.unwrap().errno, 2003);
    let ended = moving("OFF", "13121", &next);
    assert!(!ended.half && ended.applier_error.is_none());
    assert_eq!(moving("OFF", "1756", &next).applier_error, None);
    assert_eq!(
        moving("OFF", "13121", "").applier_error.unwrap().errno,
        13121
    );
    assert_eq!(moving("OFF", "1032", "").applier_error.unwrap().errno, 1032);
}

#[test]
fn semi_sync_in_both_vocabularies() {
    for words in ["Rpl_semi_sync_master", "RPL_SEMI_SYNC_SOURCE"] {
        let counter = |name: &str, value| row(&[("n", &format!("{words}_{name}")), ("v", value)]);
        let mut semi = SemiSync::default();
        semi_sync_status(
            &[
                counter("status", "ON"),
                counter("clients", "2"),
                counter("wait_sessions", "1"),
            ],
            &mut semi,
        );
        assert!(semi.source_status && semi.waiting && !semi.replica_status);
        assert_eq!(semi.clients, 2);
    }
    for name in ["Rpl_semi_sync_slave_status", "Rpl_semi_sync_replica_status"] {
        let mut semi = SemiSync::default();
        semi_sync_status(&[row(&[("n", name), ("v", "ON")])], &mut semi);
        assert!(semi.replica_status && !semi.source_status);
    }
}
