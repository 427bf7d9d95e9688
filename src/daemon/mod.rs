//! The daemon: the loop of each pair, and what only it may touch.

mod absorb;
pub mod clock;
pub mod history;
pub mod journal;
pub mod log;
mod pair;
pub mod report;
pub mod signals;
pub mod systemd;
