//! `dualmasterd` makes and keeps a MySQL or MariaDB dual-master pair.
//!
//! Data goes one way: `observe` → [`model`]`::facts` → [`decide`] → `act` → the world → `observe`.

pub mod act;
pub mod cli;
pub mod config;
/// The daemon itself, and its clock.
pub mod daemon;
pub mod decide;
pub mod model;
/// Reads only.
pub mod observe;

// Drivers: one outside thing each, no decisions.
pub mod binlog;
pub mod control;
pub mod files;
pub mod mysql;
pub mod net;
pub mod runtime;
pub mod store;
