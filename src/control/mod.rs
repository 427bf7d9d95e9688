//! The operator's door: a Unix socket that takes one JSON request per line and answers in kind.
//!
//! Nothing is decided here. What operators ask for is handed to a pair's loop as a
//! [`Request`](crate::model::request::Request); what they want to see comes from the newest
//! [`PairReport`](report::PairReport). A client that hangs, floods or speaks nonsense costs one of a
//! bounded number of connections and nothing else.

pub mod access;
pub mod commands;
pub mod desk;
pub mod frame;
pub mod http;
pub mod meters;
pub mod report;
pub mod socket;

#[cfg(test)]
pub(crate) mod tests;
