//! `dualmasterd` makes and keeps a MySQL or MariaDB dual-master pair.
//!
//! Data goes one way: `observe` → [`model`]`::facts` → `decide` → `act` → the world → `observe`.

pub mod act;
pub mod decide;
pub mod model;
pub mod mysql;
pub mod observe;
