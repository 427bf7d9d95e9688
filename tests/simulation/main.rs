//! The decision core against a world of two servers on a virtual clock.
//!
//! The world turns actions into delayed effects and shows itself as the observers would. It has the
//! servers' traps: see `world/server.rs`. Every run comes from one seed; a failing one prints it.
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
