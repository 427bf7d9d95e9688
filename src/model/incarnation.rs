//! One life of a server process.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kernel's random name of one boot (`/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub String);

/// One life of a server process: no other process, ever, has the same three.
///
/// The register's `in_sync` names an incarnation, because what a standby received may be gone after
/// its restart (MariaDB throws relay logs away).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// The boot it was started in.
    pub boot: BootId,
    /// Its process id.
    pub pid: i32,
    /// Its start, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub started: u64,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let boot = self.boot.0.get(..8).unwrap_or(&self.boot.0);
        write!(f, "{}@{}/{boot}", self.pid, self.started)
    }
}
