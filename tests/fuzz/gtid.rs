//! Texts of GTID sets, and the algebra of sets against one that is too simple to be wrong.

use std::collections::BTreeSet;

use dualmasterd::model::gtid::{Gtid, GtidSet, Origin, Uuid};

use crate::harness::{Chance, fuzz};

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

#[test]
fn what_is_read_is_printed_and_read_again() {
    let examples = [
        format!("{A}:1-5:7"),
        format!("{A}:1-5:tag:1-3, {A}:other:9,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1"),
        "0-1-5,0-2-7,1-4294967295-18446744073709551615".into(),
        "0-1-6..9".into(),
    ];
    let examples = examples.map(String::into_bytes);
    fuzz("GTID text", 60_000, &examples, |input, _| {
        let text = String::from_utf8_lossy(input);
        let read = [
            GtidSet::parse_mysql(&text),
            GtidSet::parse_mariadb(&text),
            text.parse(),
        ];
        for set in read.into_iter().flatten() {
            let printed = set.to_string();
            assert_eq!(
                printed.parse::<GtidSet>().unwrap(),
                set,
                "printed as {printed}"
            );
        }
        if let Ok(gtid) = text.parse::<Gtid>() {
            assert_eq!(gtid.to_string().parse::<Gtid>().unwrap(), gtid);
        }
    });
}

/// A set, and the same as its numbers one by one.
fn drawn(chance: &mut Chance) -> (GtidSet, BTreeSet<(Origin, u64)>) {
    let (mut set, mut naive) = (GtidSet::new(), BTreeSet::new());
    for _ in 0..chance.below(6) {
        let server = chance.below(3) as u8;
        let origin = match chance.below(2) {
            0 => Origin::Mysql {
                uuid: Uuid([server; 16]),
                tag: None,
            },
            _ => Origin::Mariadb {
                domain: 0,
                server: u32::from(server),
            },
        };
        let first = chance.below(30) as u64;
        let last = first + chance.below(8) as u64;
        set.insert_range(origin.clone(), first, last);
        naive.extend((first.max(1)..=last).map(|number| (origin.clone(), number)));
    }
    (set, naive)
}

fn numbers(set: &GtidSet) -> BTreeSet<(Origin, u64)> {
    let of = set.iter().flat_map(|(origin, intervals)| {
        let all = intervals.iter().flat_map(|(first, last)| first..=last);
        all.map(|number| (origin.clone(), number))
    });
    of.collect()
}

#[test]
fn the_algebra_is_that_of_sets() {
    fuzz("GTID algebra", 30_000, &[Vec::new()], |_, chance| {
        let ((a, x), (b, y)) = (drawn(chance), drawn(chance));
        assert_eq!(numbers(&a), x);
        assert_eq!(numbers(&a.union(&b)), &x | &y);
        assert_eq!(numbers(&a.subtract(&b)), &x - &y);
        assert_eq!(a.contains(&b), y.is_subset(&x));
        assert_eq!(a.count(), x.len() as u64);
        assert_eq!(a == b, x == y);
        assert_eq!(a.union(&b), b.union(&a));
        assert_eq!(a.subtract(&b).union(&b), a.union(&b));
    });
}
