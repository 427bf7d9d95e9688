//! Where the pair meets the world: the network outside, files that an operator got wrong, a host that
//! lacks what a server needs.

#[path = "support/mod.rs"]
mod support;

#[path = "edges/mod.rs"]
mod edges;
