//! The order file and the reply to it.

use std::path::PathBuf;

use dualmasterd::model::server::Family;
use dualmasterd::runtime::prepare::order::VERSION;
use dualmasterd::runtime::prepare::{Binaries, Marker, Order, Reply, Step};

use crate::harness::fuzz;

fn order(step: Step) -> Vec<u8> {
    let order = Order {
        version: VERSION,
        name: "a".into(),
        family: Family::Mysql,
        datadir: "/var/lib/a".into(),
        server: Binaries {
            server: "/usr/sbin/mysqld".into(),
            install_db: Some(PathBuf::from("/usr/bin/mariadb-install-db")),
        },
        defaults_file: "/etc/a.cnf".into(),
        binlog_index: "/var/lib/a/binlog.index".into(),
        relay_index: "/var/lib/a/relay.index".into(),
        unit: None,
        step,
    };
    serde_json::to_vec(&order).unwrap()
}

#[test]
fn orders_and_replies() {
    let known = "0-1-5,0-2-7".parse().unwrap();
    let marker = Marker {
        pair: "main".into(),
        member: "a".into(),
        family: Family::Mariadb,
    };
    let examples = [
        order(Step::Inspect {}),
        order(Step::Initialise { marker }),
        order(Step::Cut {
            known,
            save_to: "/saved".into(),
        }),
        br#"{"answer":{"initialised":{"made":true}}}"#.to_vec(),
        br#"{"answer":{"lacks":{"gtids":"0-1-6..9"}}}"#.to_vec(),
        br#"{"failure":{"kind":"refused","message":"no","log":["x"]}}"#.to_vec(),
    ];
    for good in &examples[..3] {
        assert!(serde_json::from_slice::<Order>(good).is_ok());
    }
    for good in &examples[3..] {
        assert!(serde_json::from_slice::<Reply>(good).is_ok());
    }
    fuzz("order", 60_000, &examples, |input, _| {
        if let Ok(order) = serde_json::from_slice::<Order>(input) {
            let text = serde_json::to_vec(&order).unwrap();
            assert_eq!(serde_json::from_slice::<Order>(&text).unwrap(), order);
        }
        if let Ok(reply) = serde_json::from_slice::<Reply>(input) {
            let text = serde_json::to_vec(&reply).unwrap();
            assert_eq!(serde_json::from_slice::<Reply>(&text).unwrap(), reply);
        }
    });
}
