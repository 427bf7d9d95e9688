//! What goes wrong with processes.

use std::path::Path;

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;

/// SIGKILL.
pub fn kill(pid: i32) {
    signal(pid, Signal::SIGKILL);
}

/// SIGTERM.
pub fn terminate(pid: i32) {
    signal(pid, Signal::SIGTERM);
}

/// SIGHUP.
pub fn hang_up(pid: i32) {
    signal(pid, Signal::SIGHUP);
}

/// SIGSTOP.
pub fn freeze(pid: i32) {
    signal(pid, Signal::SIGSTOP);
}

/// SIGCONT.
pub fn thaw(pid: i32) {
    signal(pid, Signal::SIGCONT);
}

fn signal(pid: i32, signal: Signal) {
    assert!(pid > 1, "a process of ours");
    // A process that is gone already is no failure of the test.
    let _ = send(Pid::from_raw(pid), signal);
}

/// The server that runs with this `my.cnf`, and is not a zombie.
pub fn server_of(my_cnf: &Path) -> Option<i32> {
    server_among(my_cnf, |_| true)
}

/// The same, of the processes that fit.
pub fn server_among(my_cnf: &Path, fits: impl Fn(i32) -> bool) -> Option<i32> {
    let wanted = format!("--defaults-file={}", my_cnf.display());
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            if !fits(pid) {
                return None;
            }
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let mut arguments = line.split(|byte| *byte == 0);
            arguments
                .any(|argument| argument == wanted.as_bytes())
                .then_some(pid)
        })
}
