//! Every order of events for one host, within small budgets: the real core against two servers as small
//! as its promises allow.
//!
//! The simulation draws long schedules at random; this tries all short ones. `MODEL_BUDGET` asks for
//! more than `make test` has time for: `faults,writes,deviations,requests`.
#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

#[path = "../support/policy.rs"]
mod support;

mod check;
mod daemon;
mod events;
mod facts;
mod flight;
mod happen;
mod look;
mod server;
mod state;
mod time;
mod world;

use std::time::{Duration, Instant};

use dualmasterd::model::member::Side::{A, B};
use dualmasterd::model::server::Family;
use stateright::{Checker, Model};

use crate::check::Pair;
use crate::events::Event;
use crate::state::Budget;

fn budget() -> Budget {
    let asked = std::env::var("MODEL_BUDGET").unwrap_or_else(|_| "1,1,0,0".into());
    let numbers: Vec<u8> = asked
        .split(',')
        .map(|number| number.parse().unwrap())
        .collect();
    Budget {
        faults: numbers[0],
        writes: numbers[1],
        deviations: numbers[2],
        requests: numbers[3],
    }
}

fn explore(family: Family) {
    let budget = budget();
    let mut checker = Pair::new(family, budget).checker().threads(2);
    let limit = std::env::var("MODEL_SECONDS").ok();
    let limit = limit.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    if let Some(limit) = limit {
        checker = checker.timeout(limit);
    }
    let begun = Instant::now();
    let checker = checker.spawn_bfs().join();
    let whole = match limit {
        Some(limit) if begun.elapsed() >= limit => "NOT all",
        Some(_) | None => "all",
    };
    println!(
        "{family}: {whole} within {budget:?}: {} states, {} of them different, {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
    );
    let mut failed = Vec::new();
    for (name, path) in checker.discoveries() {
        println!("{}", checker.model().story(path.last_state()));
        let events: Vec<String> = path
            .into_actions()
            .iter()
            .map(|e| format!("{e:?}"))
            .collect();
        println!("{name}: {}", events.join(", "));
        failed.push(name);
    }
    assert!(failed.is_empty(), "{family}: {failed:?}");
}

#[test]
fn mariadb() {
    explore(Family::Mariadb);
}

#[test]
fn mysql() {
    explore(Family::Mysql);
}

/// What the promotion was decided on is not true of another life: MariaDB's relay log is gone.
#[test]
fn a_standby_that_is_started_anew_while_it_takes_over() {
    let events = [
        Event::Writes(A),
        Event::Ships(B),
        Event::Hears(A),
        Event::Kill(A),
        Event::SeesProcess(A),
        Event::Restart(B),
    ];
    for family in [Family::Mariadb, Family::Mysql] {
        let budget = Budget {
            faults: 2,
            writes: 1,
            ..Budget::NONE
        };
        let (end, healed) = Pair::new(family, budget).after(&events);
        assert_eq!(end.world.acknowledged, [1]);
        assert_eq!(end.world.broken, None);
        assert!(healed, "{end:#?}");
    }
}
