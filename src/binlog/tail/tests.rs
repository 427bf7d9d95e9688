use super::*;
use crate::binlog::fixture::{Datadir, Log, UUID};

fn mysql(known: &str, logs: &[&Log]) -> Result<TailVerdict, Refusal> {
    let known = GtidSet::parse_mysql(&known.replace("U", &UUID.to_string())).unwrap();
    plan_cut(&Datadir::of(logs).index(), &known, Family::Mysql)
}

fn mariadb(known: &str, logs: &[&Log]) -> Result<TailVerdict, Refusal> {
    let known = GtidSet::parse_mariadb(known).unwrap();
    plan_cut(&Datadir::of(logs).index(), &known, Family::Mariadb)
}

fn my_log(history: &str) -> Log {
    Log::new(true, 0).previous_gtids(&history.replace("U", &UUID.to_string()))
}

#[test]
fn nothing_is_cut_where_all_is_known() {
    let log = my_log("").mysql_insert(1, 1).mysql_insert(2, 1);
    assert_eq!(
        mysql("U:1-2", &[&log]).unwrap(),
        TailVerdict::NothingMissing
    );
    let mut closed = log;
    closed.set_in_use(false);
    assert_eq!(
        mysql("U:1-9", &[&closed]).unwrap(),
        TailVerdict::NothingMissing
    );
}

#[test]
fn the_tail_begins_at_the_first_unknown_transaction() {
    let head = my_log("U:1-4").mysql_insert(5, 1);
    let log = head.clone().mysql_insert(6, 3).mysql_insert(7, 2);
    let TailVerdict::Cut(plan) = mysql("U:1-5", &[&my_log(""), &log]).unwrap() else {
        panic!("no cut")
    };
    assert_eq!((plan.position, plan.file.size), (head.len(), log.len()));
    assert_eq!(plan.gtids().to_string(), format!("{UUID}:6-7"));
    assert_eq!(plan.removes[0].tables[0].inserted, 3);
    assert_eq!(plan.lines, ["./binlog.000001", "./binlog.000002"]);
    assert!(plan.later.is_empty());
}

#[test]
fn an_event_that_is_not_whole_belongs_to_the_tail() {
    let mut log = my_log("").mysql_insert(1, 1);
    let end = log.len();
    log = log.mysql_insert(2, 1);
    log.bytes.truncate(log.bytes.len() - 20);
    let TailVerdict::Cut(plan) = mysql("U:1", std::slice::from_ref(&&log)).unwrap() else {
        panic!("no cut")
    };
    assert_eq!(
        (plan.position, &plan.removes[0].ending),
        (end, &Ending::Unfinished)
    );
    let known = mysql("U:1-2", &[&log]).unwrap_err();
    assert!(
        matches!(known, Refusal::KnownButUnfinished { .. }),
        "{known}"
    );
}

#[test]
fn mysql_refusals() {
    let log = my_log("U:1-4").mysql_insert(5, 1).mysql_insert(6, 1);
    let refused = mysql("U:1-4:6", &[&log]).unwrap_err();
    assert!(
        matches!(refused, Refusal::UnknownBeforeKnown { .. }),
        "{refused}"
    );
    let refused = mysql("U:2-5", &[&log]).unwrap_err();
    assert!(
        matches!(refused, Refusal::MissingEarlier { .. }),
        "{refused}"
    );
    let mut closed = log.clone();
    closed.set_in_use(false);
    let refused = mysql("U:1-5", &[&closed]).unwrap_err();
    assert!(
        matches!(refused, Refusal::ClosedInOrder { .. }),
        "{refused}"
    );
    assert!(
        refused
            .to_string()
            .contains("binlog.000001 was closed in order"),
        "{refused}"
    );
    let mut myisam = log.clone();
    myisam.mysql_gtid(7);
    myisam.query("BEGIN");
    myisam.table_map();
    myisam.query("COMMIT");
    let refused = mysql("U:1-6", &[&myisam]).unwrap_err();
    assert!(matches!(refused, Refusal::NotTransactional { position, .. } if position == log.len()));
    let mut anonymous = log.clone();
    anonymous.event(34, &[0; 25]);
    assert!(matches!(
        mysql("U:1-5", &[&anonymous]),
        Err(Refusal::Anonymous { .. })
    ));
    let refused = mysql("U:1-5", &[&Log::new(true, 0)]).unwrap_err();
    assert!(matches!(refused, Refusal::NoHistory { .. }));
    let mut encrypted = log;
    encrypted.bytes[0] = 0xfd;
    let refused = mysql("U:1-5", &[&encrypted]).unwrap_err();
    assert!(matches!(&refused, Refusal::File(e) if matches!(e.source, ReadError::Encrypted)));
}

#[test]
fn a_tail_of_mariadb_spans_files() {
    let first = Log::new(false, 9)
        .gtid_list("")
        .mariadb_insert(1, 1)
        .mariadb_insert(2, 4);
    let second = Log::new(false, 0).gtid_list("0-1-2").mariadb_insert(3, 1);
    let third = Log::new(true, 0).gtid_list("0-1-3").mariadb_insert(4, 1);
    let all = [&first, &second, &third];
    let TailVerdict::Cut(plan) = mariadb("0-1-1", &all).unwrap() else {
        panic!("no cut")
    };
    assert!(plan.file.path.ends_with("binlog.000001"));
    assert_eq!(plan.later.len(), 2);
    assert_eq!(plan.gtids().to_string(), "0-1-2..4");
    assert_eq!(plan.removes[0].tables[0].inserted, 4);
    assert_eq!(mariadb("0-1-4", &all).unwrap(), TailVerdict::NothingMissing);
    let started = Log::new(true, 9).gtid_list("0-1-3").mariadb_insert(4, 1);
    let refused = mariadb("0-1-1", &[&first, &second, &started]).unwrap_err();
    assert!(matches!(refused, Refusal::StartedSince { .. }), "{refused}");
    let refused = mariadb("0-1-1", &[&second, &third]).unwrap_err();
    assert!(
        matches!(refused, Refusal::MissingEarlier { .. }),
        "{refused}"
    );
}

#[test]
fn mariadb_refusals_by_flags() {
    let refused = |flags: u8, end: &str| {
        let mut log = Log::new(true, 9).gtid_list("").mariadb_insert(1, 1);
        log.mariadb_gtid(2, flags);
        log.table_map();
        log.query(end);
        mariadb("0-1-1", &[&log]).unwrap_err()
    };
    let ddl = refused(1 | 32, "DROP TABLE t");
    assert!(
        matches!(&ddl, Refusal::Ddl { statement, .. } if statement == "DROP TABLE t"),
        "{ddl}"
    );
    assert!(matches!(refused(1, "FLUSH TABLES"), Refusal::Ddl { .. }));
    assert!(matches!(refused(64 | 4, "XA END"), Refusal::Xa { .. }));
    assert!(matches!(refused(128, "XA COMMIT"), Refusal::Xa { .. }));
    assert!(matches!(
        refused(0, "COMMIT"),
        Refusal::NotTransactional { .. }
    ));
}

#[test]
fn mysql_refuses_a_change_of_tables_that_does_not_commit_with_its_engine() {
    let plan = |text: &str| {
        let mut log = my_log("").mysql_insert(1, 1);
        log.mysql_gtid(2);
        log.query(text);
        mysql("U:1", &[&log])
    };
    for text in [
        "DROP TABLE `m`",
        "/* x */ truncate m",
        "alter table m force",
    ] {
        let refused = plan(text).unwrap_err();
        assert!(matches!(refused, Refusal::Ddl { .. }), "{refused}");
    }
    for text in [
        "FLUSH TABLES",
        "XA COMMIT X'61',X'',1",
        "GRANT ALL ON a.* TO b",
    ] {
        assert!(matches!(plan(text), Ok(TailVerdict::Cut(_))), "{text}");
    }
}

#[test]
fn what_a_standby_lacks_is_walked_back_to_and_no_further() {
    let first = Log::new(false, 9)
        .gtid_list("")
        .mariadb_insert(1, 1)
        .mariadb_insert(2, 4);
    let second = Log::new(false, 0).gtid_list("0-1-2").mariadb_insert(3, 1);
    let mut third = Log::new(true, 0).gtid_list("0-1-3").mariadb_insert(4, 1);
    third.mariadb_gtid(5, 4);
    third.table_map();
    let lacking = |known: &str, logs: &[&Log]| {
        let known = GtidSet::parse_mariadb(known).unwrap();
        lacks(&Datadir::of(logs).index(), &known)
            .unwrap()
            .to_string()
    };
    assert_eq!(lacking("0-1-4", &[&first, &second, &third]), "");
    assert_eq!(lacking("0-1-2", &[&first, &second, &third]), "0-1-3..4");
    assert_eq!(lacking("0-1-1", &[&second, &third]), "0-1-2..4");
    let mut garbage = first;
    garbage.bytes = vec![1, 2, 3];
    assert_eq!(lacking("0-1-2", &[&garbage, &second, &third]), "0-1-3..4");
}
