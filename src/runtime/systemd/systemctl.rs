//! What an administrator's command asks of systemd: `systemctl`, which needs no bus of its own.

use std::io;
use std::process::{Command, Output, Stdio};

/// One property of a unit, as systemd prints it; empty where it knows none.
///
/// # Errors
/// `systemctl` cannot be run, or failed.
pub fn property(unit: &str, name: &str) -> io::Result<String> {
    run(&["show", "--property", name, "--value", "--", unit])
}

/// Has systemd read all unit files again.
///
/// # Errors
/// `systemctl` cannot be run, or failed.
pub fn reload() -> io::Result<()> {
    run(&["daemon-reload"]).map(drop)
}

fn run(words: &[&str]) -> io::Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new("systemctl")
        .args(words)
        .stdin(Stdio::null())
        .output()?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr).trim().to_owned();
        return Err(io::Error::other(format!("systemctl: {said}")));
    }
    Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
}
