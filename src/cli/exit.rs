//! Exit codes, by name; the same for both programs.

use std::process::ExitCode;

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Ok,
    /// It was tried and failed.
    Failed,
    /// The command line is wrong; clap's own code.
    Usage,
    /// `list --check`: something is not as it should be.
    Unhealthy,
    /// The daemon does not answer.
    Unreachable,
    /// Refused for now; the message names the guard.
    Refused,
    /// This user may not.
    Denied,
    /// The configuration is bad; systemd shows this code as CONFIG.
    BadConfig,
}

impl Exit {
    /// Its number: `sysexits.h` where that has one.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unhealthy => 3,
            Self::Unreachable => 69,
            Self::Refused => 75,
            Self::Denied => 77,
            Self::BadConfig => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
