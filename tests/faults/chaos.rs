//! Rows drawn one after the other under a load, for as long as is asked for. The history of acknowledged
//! writes is checked after every few, and the seed repeats the same rows.

use std::time::Duration;

use dualmasterd::model::server::Family;
use tokio::time::Instant;

use super::case::Site;
use super::draw::{Rng, of_chaos, seed};
use super::ground::Ground;
use super::run::{budget, clear, clear_but, finish, happen};
use crate::support::settings::family_of_environment;
use crate::support::{Load, Sampler, in_namespace};

/// The checker reads every row of the load: after so many faults a new table begins.
const STRETCH: u32 = 8;
/// What a part of `make test` may last.
const MOMENT: Duration = Duration::from_secs(60);
const WHOLE: Duration = Duration::from_secs(60);

/// Runs for `CHAOS_MINUTES`, one where that is not set. Where `SERVER` is not set the seed chooses it.
pub(super) fn run() {
    let seed = seed("CHAOS_SEED");
    let said = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let minutes: u64 = said("CHAOS_MINUTES").map_or(1, |text| text.parse().expect("minutes"));
    let family = match said("SERVER") {
        Some(_) => family_of_environment(),
        None if seed.is_multiple_of(2) => Family::Mariadb,
        None => Family::Mysql,
    };
    eprintln!("CHAOS_SEED={seed} SERVER={family:?}, {minutes} min");
    in_namespace(async || chaos(family, seed, Duration::from_secs(60 * minutes)).await);
}

async fn chaos(family: Family, seed: u64, lasts: Duration) {
    let rows = of_chaos(family, lasts > MOMENT);
    let mut rng = Rng::new(seed);
    let mut ground = Ground::make(family, Site::Usual).await;
    let until = Instant::now() + lasts;
    let (mut faults, mut acked) = (0, 0);
    while Instant::now() < until {
        ground.host.until_caught_up(WHOLE).await;
        let sampler = Sampler::start(&ground.host);
        let load = Load::usual(&ground.host, &format!("chaos_{faults}")).await;
        ground.table = load.table().to_owned();
        let mut opened = 0;
        for _ in 0..STRETCH {
            if Instant::now() >= until {
                break;
            }
            let case = rng.pick(&rows);
            faults += 1;
            eprintln!("fault {faults}: {}", case.name);
            opened += u32::from(case.opens);
            ground.look().await;
            let healed = happen(&mut ground, &case).await;
            ground.until_whole(budget(&case)).await;
            ground.release();
            // The row may come again.
            clear_but(&ground.host, Some(&ground.table)).await;
            eprintln!("  whole after {:.1} s", healed.elapsed().as_secs_f64());
        }
        let history = finish(&ground.host, load, &sampler, opened).await;
        acked += history.acked().len();
        clear(&ground.host).await;
    }
    eprintln!("CHAOS_SEED={seed} SERVER={family:?}: {faults} faults, {acked} acknowledged, 0 lost");
}
