//! How fast a real pair is: `make bench BENCH=failover SERVER=mysql RUNS=100`.
//!
//! Each figure comes as a line of a table and as `target/bench/NAME.json`, beside its goal. It fails
//! where a write that was acknowledged is not there.

#![expect(clippy::print_stdout, reason = "the table is the purpose")]

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "pair/figures.rs"]
mod figures;
#[path = "pair/overhead.rs"]
mod overhead;
#[path = "pair/runs.rs"]
mod runs;

use support::in_namespace;
use support::settings::family_of_environment;

/// Without `RUNS`.
const RUNS: usize = 10;

fn main() {
    let family = family_of_environment();
    let wanted = std::env::var("BENCH").unwrap_or_default();
    let count = std::env::var("RUNS").ok().filter(|text| !text.is_empty());
    let count = count.map_or(RUNS, |text| text.parse().expect("RUNS is a number"));
    assert!(count > 0, "RUNS is at least 1");
    let mut known = false;
    let mut lost = 0;
    figures::header();
    for bench in runs::ALL {
        if wanted.is_empty() || wanted == bench.name {
            known = true;
            lost += in_namespace(async || runs::run(bench, family, count).await);
        }
    }
    if wanted.is_empty() || wanted == overhead::NAME {
        known = true;
        for pairs in overhead::pairs_of_environment() {
            in_namespace(async || overhead::run(family, pairs).await);
        }
    }
    let names = runs::ALL.map(|bench| bench.name).join(", ");
    assert!(
        known,
        "BENCH={wanted}: expected {names} or {}",
        overhead::NAME
    );
    assert_eq!(lost, 0, "acknowledged writes were lost");
}
