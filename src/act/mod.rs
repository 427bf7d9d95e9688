//! Effects: one function for each action. The first line asks whether the goal is already reached,
//! so each may be repeated from any interruption.

pub mod accounts;
pub mod close;
pub mod events;
pub mod handle;
pub mod link;
pub mod semi_sync;
pub mod server;
pub mod sessions;

pub use self::handle::ServerHandle;
