//! The operating system's side of a local server: its process, from start to death, and its datadir.
//!
//! [`proc`] reads what the kernel says of a process, [`death`] makes its end an event, [`process`]
//! starts and signals it, [`adopt`] finds it again after a restart of the daemon. [`log`] and
//! [`port`] say why one did not start. [`systemd`] does the
//! same by units. [`prepare`] is whatever touches a datadir, [`plain`] what keeps
//! the daemon's own hands from being led elsewhere.

pub mod adopt;
pub mod death;
pub mod dump;
pub mod log;
pub mod plain;
pub mod port;
pub mod prepare;
pub mod proc;
pub mod process;
pub mod program;
pub mod systemd;

#[cfg(test)]
mod testing;
