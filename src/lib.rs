//! `dualmasterd` makes and keeps a MySQL or MariaDB dual-master pair.
//!
//! Data goes one way: `observe` → [`model`]`::facts` → `decide` → `act` → the world → `observe`.

/// The daemon itself, and its clock.
pub mod daemon;
pub mod decide;
pub mod model;
/// The network: redirect, connections, addresses, announcements.
pub mod net;
/// Reads only.
pub mod observe;
/// The operating system's side of a local server.
pub mod runtime;
/// What the daemon remembers across its own death.
pub mod store;
