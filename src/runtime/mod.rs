//! The operating system's side of a local server: its process, from start to death.
//!
//! [`proc`] reads what the kernel says of a process, [`death`] makes its end an event, [`process`]
//! starts and signals it, [`adopt`] finds it again after a restart of the daemon. [`log`] and
//! [`port`] say why one did not start.

pub mod adopt;
pub mod death;
pub mod log;
pub mod port;
pub mod proc;
pub mod process;

#[cfg(test)]
mod testing;
