//! What must hold.

pub mod calm;
mod health;
mod promises;
