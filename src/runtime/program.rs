//! A server's program: whether it can be run.

use std::path::Path;

use nix::unistd::{AccessFlags, access};

/// Why a program cannot be run: it is missing, is no file, or nobody may execute it.
pub fn unusable(program: &Path) -> Option<String> {
    let told = |why: &str| Some(format!("{}: {why}", program.display()));
    match std::fs::metadata(program) {
        Ok(found) if !found.is_file() => told("it is not a file"),
        Ok(_) => match access(program, AccessFlags::X_OK) {
            Ok(()) => None,
            Err(error) => told(error.desc()),
        },
        Err(error) => told(&error.to_string()),
    }
}
