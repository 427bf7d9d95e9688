//! The daemon's own files in its state directory: what it must not forget, and who may write there.
//!
//! [`slots`] holds the memory of the last decision, [`writer`] writes it from a thread of its own,
//! [`ledger`] keeps the history for people, [`lock`] keeps a second daemon out. Nothing here knows
//! what the bytes mean.

pub mod ledger;
pub mod lock;
pub mod slots;
pub mod writer;
