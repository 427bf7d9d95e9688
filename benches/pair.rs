//! How fast a real pair is: `make bench BENCH=failover SERVER=mysql RUNS=100`.
//!
//! Each figure comes as a line of a table and as `target/bench/SERVER/NAME.json`, beside its goal. It fails
//! where a write that was acknowledged is not there, or roles changed that had to stay.

#![expect(clippy::print_stdout, reason = "the table is the purpose")]

#[path = "../tests/support/mod.rs"]
mod support;

#[path = "pair/asked.rs"]
mod asked;
#[path = "pair/daemon.rs"]
mod daemon;
#[path = "pair/fake.rs"]
mod fake;
#[path = "pair/figures.rs"]
mod figures;
#[path = "pair/kept.rs"]
mod kept;
#[path = "pair/lag.rs"]
mod lag;
#[path = "pair/line.rs"]
mod line;
#[path = "pair/many.rs"]
mod many;
#[path = "pair/needs.rs"]
mod needs;
#[path = "pair/overhead.rs"]
mod overhead;
#[path = "pair/pool.rs"]
mod pool;
#[path = "pair/runs.rs"]
mod runs;
#[path = "pair/soak.rs"]
mod soak;
#[path = "pair/still.rs"]
mod still;
#[path = "pair/sysbench.rs"]
mod sysbench;
#[path = "pair/trace.rs"]
mod trace;
#[path = "pair/wire.rs"]
mod wire;

use asked::Asked;
use figures::Failures;
use support::in_namespace;

fn main() {
    if fake::serve_if_asked() {
        return;
    }
    let asked = Asked::of_environment();
    let wanted = asked::value("BENCH");
    let is_wanted = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    if asked::value("TRACE").is_some() {
        let named = wanted.as_deref().unwrap_or("failover");
        let known = trace::NAMES.contains(&named);
        assert!(known, "BENCH={named}: expected one of {:?}", trace::NAMES);
        return in_namespace(async || trace::run(named, &asked).await);
    }
    let mut known = false;
    let mut failures = Failures::default();
    figures::header();
    for bench in runs::ALL.iter().filter(|bench| is_wanted(bench.name)) {
        known = true;
        failures += in_namespace(async || runs::run(*bench, &asked).await);
    }
    for bench in still::ALL.iter().filter(|bench| is_wanted(bench.name)) {
        known = true;
        failures += in_namespace(async || still::run(*bench, &asked).await);
    }
    if is_wanted(daemon::NAME) {
        known = true;
        failures += in_namespace(async || daemon::run(&asked).await);
    }
    if is_wanted(overhead::NAME) {
        known = true;
        for pairs in overhead::pairs_of_environment(&[1]) {
            in_namespace(async || overhead::run(&asked, pairs).await);
        }
    }
    // These run for long, and only where they are named.
    if wanted.as_deref() == Some(sysbench::NAME) {
        known = true;
        in_namespace(async || sysbench::run(&asked).await);
    }
    if wanted.as_deref() == Some(many::NAME) {
        known = true;
        many::run(&asked);
    }
    if wanted.as_deref() == Some(soak::NAME) {
        known = true;
        in_namespace(async || soak::run(&asked).await);
    }
    let names = runs::ALL.map(|bench| bench.name).into_iter();
    let names = names.chain(still::ALL.map(|bench| bench.name));
    let others = [
        daemon::NAME,
        overhead::NAME,
        many::NAME,
        sysbench::NAME,
        soak::NAME,
    ];
    let names: Vec<_> = names.chain(others).collect();
    assert!(known, "BENCH={wanted:?}: expected one of {names:?}");
    assert_eq!(failures.lost, 0, "acknowledged writes were lost");
    assert_eq!(failures.unwanted, 0, "roles changed that had to stay");
}
