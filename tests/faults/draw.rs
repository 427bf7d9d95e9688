//! Which rows run: all, one, or a few that are drawn by a seed that is printed.

use std::time::{SystemTime, UNIX_EPOCH};

use dualmasterd::model::server::Family;

use super::case::{Case, Site};
use super::table;

#[path = "../simulation/world/rng.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the simulation uses the rest of it"
)]
mod rng;

pub(super) use rng::Rng;

/// As many rows of each family are a part of `make test`.
const DRAWN: usize = 4;
/// Rows with a longer budget are for `make faults` and `make chaos` alone.
const SHORT: u64 = 60;
const DAY: u64 = 86_400;

/// The rows for this family, those of one site together.
///
/// # Panics
/// Where `FAULT` names none.
pub(super) fn chosen(family: Family) -> Vec<Case> {
    let rows = of_family(family);
    let mut chosen = match wanted().as_deref() {
        Some("all") => rows,
        Some(name) => {
            let found: Vec<_> = rows.into_iter().filter(|case| case.name == name).collect();
            // It may be a row of the other family.
            let is_known = table::all().iter().any(|case| case.name == name);
            assert!(is_known, "no fault {name:?}: {:#?}", names());
            found
        }
        None => drawn(rows, family),
    };
    chosen.sort_by_key(|case| case.site as usize);
    chosen
}

/// Rows without a site of their own; the long ones only where there is time for them.
pub(super) fn of_chaos(family: Family, long: bool) -> Vec<Case> {
    let mut rows = of_family(family);
    rows.retain(|case| case.site == Site::Usual && (long || case.budget <= SHORT));
    rows
}

/// The seed that an environment variable names; else the day.
#[allow(
    clippy::disallowed_methods,
    reason = "the day draws what is tried, and nothing that is decided"
)]
pub(super) fn seed(variable: &str) -> u64 {
    let said = std::env::var(variable).ok().filter(|text| !text.is_empty());
    said.map_or_else(
        || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.expect("a time after 1970").as_secs() / DAY
        },
        |text| text.parse().expect("a number as seed"),
    )
}

fn of_family(family: Family) -> Vec<Case> {
    let fits = |case: &Case| case.family.is_none_or(|of| of == family);
    table::all().into_iter().filter(fits).collect()
}

fn drawn(mut rows: Vec<Case>, family: Family) -> Vec<Case> {
    let seed = seed("FAULT_SEED");
    eprintln!("FAULT_SEED={seed}");
    let mut rng = Rng::new(seed.wrapping_mul(2) + u64::from(family == Family::Mysql));
    // A pair of its own for each site takes longer than the rows.
    let mut sites = vec![Site::Usual, Site::Usual, Site::Disks, Site::Clocks];
    sites.retain(|site| rows.iter().any(|case| case.site == *site));
    let site = rng.pick(&sites);
    rows.retain(|case| case.site == site && case.budget <= SHORT);
    while rows.len() > DRAWN {
        let last = rows.len() as u64 - 1;
        rows.remove(usize::try_from(rng.within(0, last)).expect("fits"));
    }
    rows
}

/// `FAULT`, where it is set.
fn wanted() -> Option<String> {
    std::env::var("FAULT").ok().filter(|text| !text.is_empty())
}

fn names() -> Vec<&'static str> {
    table::all().iter().map(|case| case.name).collect()
}
