//! `dualmasterd` makes and keeps a MySQL or MariaDB dual-master pair.
//!
//! Data goes one way: `observe` → [`model`]`::facts` → `decide` → `act` → the world → `observe`.

pub mod decide;
pub mod model;
/// What the daemon remembers across its own death.
pub mod store;
/// The daemon itself, and its clock.
pub mod daemon;
