//! The daemon's memory holds passwords, so it is never written to a file.

use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// From here on the kernel dumps no core of this process, whatever its limits and whoever collects cores.
/// Programs that it starts are not concerned, and it reads `/proc` as before.
///
/// # Errors
/// The kernel refused.
pub fn forbid() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
