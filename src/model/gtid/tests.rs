use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

fn my(text: &str) -> GtidSet {
    GtidSet::parse_mysql(text).unwrap()
}

fn maria(text: &str) -> GtidSet {
    GtidSet::parse_mariadb(text).unwrap()
}

#[test]
fn mysql_text_with_newlines_tags_and_unordered_intervals() {
    let set = my(&format!("{A}:7:1-5,\n {B}:1 ,{A}:Tag:1-3:tag2:5:6"));
    assert_eq!(
        set.to_string(),
        format!("{A}:1-5:7,{A}:tag:1-3,{A}:tag2:5-6,{B}:1")
    );
    assert_eq!(set.count(), 5 + 1 + 3 + 2 + 1);
    assert_eq!(my(""), GtidSet::new());
    assert_eq!(my(" \n"), GtidSet::new());
}

#[test]
fn mariadb_positions_contain_by_maxima() {
    let state = maria("0-1-5,0-2-7");
    assert!(state.contains(&maria("0-1-5")));
    assert!(!state.contains(&maria("0-1-6")));
    assert!(!state.contains(&maria("0-3-1")));
    assert_eq!(
        maria("0-1-9").subtract(&maria("0-1-5")).to_string(),
        "0-1-6..9"
    );
    assert_eq!(maria("0-1-9").subtract(&maria("0-1-5")).count(), 4);
    assert_eq!(maria(""), GtidSet::new());
    assert_eq!(maria("0-1-0"), GtidSet::new());
    assert_eq!(state.to_string(), "0-1-5,0-2-7");
    assert_eq!(state.of_server_id(2), maria("0-2-7"));
}

#[test]
fn own_transactions_of_a_mysql_server_include_all_tags() {
    let set = my(&format!("{A}:1-5:x:1,{B}:1"));
    assert_eq!(set.of_uuid(A.parse().unwrap()), my(&format!("{A}:1-5:x:1")));
}

#[test]
fn one_gtid_reads_and_prints() {
    for text in [format!("{A}:5"), format!("{A}:tag:5"), "0-1-5".to_owned()] {
        assert_eq!(text.parse::<Gtid>().unwrap().to_string(), text);
    }
    assert!(format!("{A}:5-6").parse::<Gtid>().is_err());
    assert!("0-1-0".parse::<Gtid>().is_err());
}

#[test]
fn errors_name_the_text() {
    let bad = [
        "x:1",
        "3e11fa47-71ca-11e1-9e33-c80aa942956:1",
        "3e11fa47-71ca-11e1-9e33-c80aa942956g:1",
        "0-1",
        "0-1-x",
        "0-1-+5",
        "0--1-5",
        "4294967296-1-1",
        "0-1-18446744073709551616",
    ];
    for text in bad {
        assert!(text.parse::<GtidSet>().is_err(), "{text}");
    }
    for rest in [":0", ":5-1", ":1-", ":a-b", ":é", ":1-2-3"] {
        assert!(
            GtidSet::parse_mysql(&format!("{A}{rest}")).is_err(),
            "{rest}"
        );
    }
    let error = GtidSet::parse_mysql(&format!("{A}:5-1")).unwrap_err();
    assert!(error.to_string().contains("5-1"), "{error}");
}

#[test]
fn numbers_at_the_end_of_their_range() {
    let origin = Origin::Mariadb {
        domain: 0,
        server: 1,
    };
    let mut set = GtidSet::new();
    set.insert_range(origin.clone(), 0, u64::MAX);
    assert_eq!(set.count(), u64::MAX);
    set.insert(Gtid {
        origin: origin.clone(),
        number: u64::MAX,
    });
    assert!(set.subtract(&set).is_empty());
    let mut end = GtidSet::new();
    end.insert(Gtid {
        origin: origin.clone(),
        number: u64::MAX,
    });
    assert_eq!(set.subtract(&end).last_of(&origin), Some(u64::MAX - 1));
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        (0u8..2, prop::option::of("[a-z_][a-z0-9_]{0,31}")).prop_map(|(uuid, tag)| {
            Origin::Mysql {
                uuid: Uuid([uuid; 16]),
                tag: tag.map(|t| Tag::new(&t).unwrap()),
            }
        }),
        (0u32..2, 1u32..3).prop_map(|(domain, server)| Origin::Mariadb { domain, server }),
    ]
}

fn gtids() -> impl Strategy<Value = BTreeSet<Gtid>> {
    let gtid = (origin(), 1u64..12).prop_map(|(origin, number)| Gtid { origin, number });
    prop::collection::btree_set(gtid, 0..40)
}

fn set(of: &BTreeSet<Gtid>) -> GtidSet {
    of.iter().cloned().collect()
}

proptest! {
    #[test]
    fn the_set_does_what_a_set_of_single_gtids_does(a in gtids(), b in gtids()) {
        let (x, y) = (set(&a), set(&b));
        prop_assert_eq!(x.subtract(&y), set(&a.difference(&b).cloned().collect()));
        prop_assert_eq!(x.union(&y), set(&a.union(&b).cloned().collect()));
        prop_assert_eq!(x.contains(&y), a.is_superset(&b));
        prop_assert_eq!(x.count(), a.len() as u64);
        prop_assert!(b.iter().all(|g| x.contains_gtid(g) == a.contains(g)));
        prop_assert!(x.union(&y).contains(&x) && x.contains(&x.subtract(&y)));
    }

    #[test]
    fn what_is_printed_reads_back(a in gtids()) {
        let x = set(&a);
        prop_assert_eq!(&x.to_string().parse::<GtidSet>().unwrap(), &x);
        let json = serde_json::to_string(&x).unwrap();
        prop_assert_eq!(serde_json::from_str::<GtidSet>(&json).unwrap(), x);
    }

    #[test]
    fn no_text_panics(text in "[0-9a-f:,. \n-]{0,60}") {
        let _ = text.parse::<GtidSet>();
        let _ = text.parse::<Gtid>();
    }
}
