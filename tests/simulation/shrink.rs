//! A failing schedule made small: happenings are left out and times shortened as long as it still fails.

use crate::schedule::{Happening, Schedule};
use crate::world::MS;

/// At most this many schedules are tried.
const TRIES: u32 = 400;

/// The smallest schedule found that still fails.
pub fn shrunk(failing: &Schedule) -> Schedule {
    let mut best = failing.clone();
    let mut tries = 0;
    loop {
        let smaller = candidates(&best).into_iter().find(|smaller| {
            tries += 1;
            tries <= TRIES && smaller.run(false).failed.is_some()
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Schedules that are one step smaller, the smallest first.
fn candidates(of: &Schedule) -> Vec<Schedule> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Schedule)| {
        let mut smaller = of.clone();
        change(&mut smaller);
        all.push(smaller);
    };
    for at in 0..of.happenings.len() {
        add(&|smaller| {
            smaller.happenings.remove(at);
        });
        // The same, and what follows keeps its moment.
        add(&|smaller| {
            let (wait, _) = smaller.happenings.remove(at);
            if let Some((next, _)) = smaller.happenings.get_mut(at) {
                *next += wait;
            }
        });
    }
    for (at, (wait, what)) in of.happenings.iter().enumerate() {
        if *wait > MS {
            add(&|smaller| smaller.happenings[at].0 /= 2);
        }
        if let Happening::Passing(fault, end, span) = *what
            && span > 10 * MS
        {
            add(&|smaller| smaller.happenings[at].1 = Happening::Passing(fault, end, span / 2));
        }
    }
    all
}
