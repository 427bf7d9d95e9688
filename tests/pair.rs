//! The pair end to end, on real servers of both families.

#[path = "support/mod.rs"]
mod support;

#[path = "pair/mod.rs"]
mod pair;
