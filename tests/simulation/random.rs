//! Random schedules, as many as asked for.
//!
//! `SIM_SEEDS=10000` runs so many of each family, `SIM_FROM=5000` begins with that one,
//! `SIM_SEED=mariadb:17` runs one alone; with `SIM_LOG=1` all that happened in it is printed.

use dualmasterd::model::server::Family;

use crate::schedule::Schedule;
use crate::story;

/// Schedules of each family where nothing else is asked for.
const SEEDS: u64 = 1_000;
/// Each family's seeds are run in so many parts at once.
const PARTS: u64 = 2;
/// So many failures are told; the others are only counted.
const TOLD: usize = 3;
/// After as many failures nothing new is learnt.
const ENOUGH: usize = 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds of a part, or the one that `SIM_SEED` names.
fn seeds(family: Family, part: u64) -> std::ops::Range<u64> {
    if let Ok(one) = std::env::var("SIM_SEED") {
        let name = format!("{}:", family.to_string().to_lowercase());
        let seed = one.strip_prefix(&name).and_then(|seed| seed.parse().ok());
        return seed
            .filter(|_| part == 0)
            .map_or(0..0, |seed: u64| seed..seed + 1);
    }
    let from = number("SIM_FROM").unwrap_or(0);
    let count = number("SIM_SEEDS").unwrap_or(SEEDS);
    from + part * count / PARTS..from + (part + 1) * count / PARTS
}

fn run(family: Family, part: u64) {
    let seeds = seeds(family, part);
    println!("{family}: seeds {seeds:?}");
    let (mut decisions, mut failed) = (0, Vec::new());
    for seed in seeds {
        let schedule = Schedule::of(family, seed);
        let ended = schedule.run(false);
        decisions += ended.world.decisions;
        if let Some(why) = ended.failed {
            if failed.len() < TOLD {
                println!("{}", story::told(&schedule));
            } else {
                println!("{family} seed {seed}: {why}");
            }
            failed.push(seed);
            if failed.len() >= ENOUGH {
                break;
            }
        }
    }
    if number("SIM_LOG").is_some() && std::env::var_os("SIM_SEED").is_some() {
        for seed in self::seeds(family, part) {
            println!("{}", story::of(&Schedule::of(family, seed).run(true).world));
        }
    }
    println!("{family}: {decisions} decisions");
    let count = failed.len();
    assert!(
        failed.is_empty(),
        "{family}: {count} seeds failed: {failed:?}"
    );
}

#[test]
fn mariadb_schedules() {
    run(Family::Mariadb, 0);
}

#[test]
fn mariadb_schedules_continued() {
    run(Family::Mariadb, 1);
}

#[test]
fn mysql_schedules() {
    run(Family::Mysql, 0);
}

#[test]
fn mysql_schedules_continued() {
    run(Family::Mysql, 1);
}
