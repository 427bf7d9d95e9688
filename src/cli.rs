//! The command lines of both programs.

pub mod client;
pub mod ctl;
pub mod daemon;
pub mod exit;
pub mod pretty;
pub mod run;
pub mod span;
pub mod take_over;
mod watch;
