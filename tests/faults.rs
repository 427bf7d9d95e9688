//! Faults on real servers, each a row of a table: what is done to a pair under load, what heals it, and what
//! has to be true then.

#[path = "support/mod.rs"]
mod support;

#[path = "faults/mod.rs"]
mod faults;
