//! The daemon: the loop of each pair, and what only it may touch.

pub mod clock;
pub mod history;
mod identity;
pub mod journal;
mod keep;
pub mod log;
mod pair;
pub mod report;
pub mod rounds;
mod run;
mod sessions;
pub mod signals;
pub mod systemd;
pub mod tally;
mod tell;
mod watchers;

use std::time::Duration;

pub use run::run;

/// A clean stop of a pair takes a write to the state file and one statement; past this it is given up.
const STOP_WITHIN: Duration = Duration::from_secs(8);
