//! What the kernel says of a server's process.

use serde::{Deserialize, Serialize};

use super::incarnation::Incarnation;
use super::time::Timestamp;

/// The state of a process, as far as the right to write depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// It runs or sleeps as servers do.
    Running,
    /// A signal or a debugger stopped it (T).
    Stopped,
    /// It waits in the kernel and cannot be interrupted (D): nearly always a disk.
    DiskSleep,
    /// The kernel says that it is ending: exiting flag, core dump, or a zombie with all its tasks.
    /// It executes no further statement, though its sockets and its pidfd may take seconds to close.
    Exiting,
    /// It is gone.
    Gone,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By this signal.
    Signal(i32),
    /// By its own exit with this code: a stop by order, which may have acknowledged its tail.
    Code(i32),
    /// Nobody saw it.
    Unknown,
}

impl Ended {
    /// Somebody could tell.
    pub fn is_known(self) -> bool {
        self != Self::Unknown
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signal(number) => write!(f, "ended by signal {number}"),
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Unknown => f.write_str("ended while nobody watched"),
        }
    }
}

/// A member's process at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFact {
    /// When it was seen so.
    pub at: Timestamp,
    /// Which life; `None` where no process of this member was ever found.
    pub incarnation: Option<Incarnation>,
    /// What it does.
    pub state: ProcessState,
    /// How it ended, once it ends.
    pub ended: Option<Ended>,
    /// Share of one core that it used during the last second or so, in percent.
    pub busy_percent: u32,
    /// A session of ours ended, or a login was refused, while `/proc`, read at that moment, showed no
    /// exiting flag: it stops by order, and may answer OK to commits that nobody received.
    pub stops_by_order: bool,
    /// The daemon watched this life since before it ended: without that a death by order cannot be ruled out.
    pub watched: bool,
}

impl ProcessFact {
    /// It can execute statements: it has neither ended nor begun to end.
    pub fn lives(&self) -> bool {
        matches!(
            self.state,
            ProcessState::Running | ProcessState::Stopped | ProcessState::DiskSleep
        )
    }

    /// The incarnation, while it lives.
    pub fn living(&self) -> Option<&Incarnation> {
        self.incarnation.as_ref().filter(|_| self.lives())
    }
}
