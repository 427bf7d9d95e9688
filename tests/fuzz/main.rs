//! Whatever is read from outside, fed with what nobody meant to write: texts, rows, files, lines.
//!
//! Each target mutates good examples a fixed number of times, the same ones in each run; `FUZZ_SECONDS`
//! goes on for so long instead. What breaks a property is printed with the number that makes it again:
//! `FUZZ_CASE`.
#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

/// Where the fixtures of the binary logs look for the crate's own modules.
use dualmasterd::model;

mod binlog;
mod config;
mod gtid;
mod harness;
mod order;
mod protocol;
mod status;
