//! What surrounds the decisions: what the outside is told of them.

pub mod history;
pub mod journal;
pub mod log;
pub mod report;
pub mod signals;
pub mod systemd;
