//! Binary logs and relay logs as files: read without a server, and cut.
//!
//! Readers take any bytes without a panic. Whoever calls sees to it that the server is dead; who
//! decides that a tail may be cut is the caller as well, here it is only refused where the files
//! themselves forbid it.

mod bytes;
pub mod classify;
pub mod copy;
pub mod cut;
pub mod event;
pub mod exclusive;
pub mod ghost;
pub mod gtid_event;
pub mod history;
pub mod index;
pub mod relay;
pub mod repeat;
pub mod rows;
pub mod save;
pub mod tail;
pub mod walk;

#[cfg(test)]
mod fixture;
