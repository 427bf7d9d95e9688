//! The decision core against a world of two servers on a virtual clock.
//!
//! The world turns actions into delayed effects and shows itself as the observers would. It has the
//! servers' traps: see `world/server.rs`. A schedule comes from one seed and is data (`schedule.rs`); one that
//! fails is shrunk and told as a story. `check/` says what must hold, `cases/` has the stories by name.
#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

#[path = "../support/policy.rs"]
mod support;

mod cases;
mod check;
mod random;
mod run;
mod schedule;
mod shrink;
mod story;
mod world;
