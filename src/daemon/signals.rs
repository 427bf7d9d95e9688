//! Signals as a stream; the second order to stop ends even a hung runtime at once.
//!
//! The first SIGTERM or SIGINT is an order for a clean stop. A second one of either kind, at any time
//! after the first, ends the process from within the signal handler, with exit code 143 (SIGTERM) or 130
//! (SIGINT): nothing is stored, undone or removed then, and the next start takes over as after a crash.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use thiserror::Error;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: stop cleanly.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// A handler could not be installed.
#[derive(Debug, Error)]
#[error("installing the handler of signal {signal}")]
pub struct SignalError {
    /// The signal's number.
    pub signal: i32,
    /// Why it failed.
    pub source: std::io::Error,
}

/// The installed handlers.
#[derive(Debug)]
pub struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
}

impl Signals {
    /// Installs the handlers, for the rest of the process. Call it once, inside the runtime.
    ///
    /// # Errors
    /// [`SignalError`] where the system refuses a handler.
    pub fn install() -> Result<Self, SignalError> {
        let ordered = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal finds the flag down and raises it, the second finds it up.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&ordered))
                .map_err(|source| SignalError { signal, source })?;
        }
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&ordered))
                .map_err(|source| SignalError { signal, source })?;
        }
        let stream = |kind: SignalKind| {
            signal(kind).map_err(|source| SignalError {
                signal: kind.as_raw_value(),
                source,
            })
        };
        Ok(Self {
            terminate: stream(SignalKind::terminate())?,
            interrupt: stream(SignalKind::interrupt())?,
            hangup: stream(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Cancelling this loses none.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal as Unix, kill};
    use nix::unistd::Pid;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStdout, Command, Stdio};

    const NAME: &str = "daemon::signals::tests::the_second_order_ends_a_hung_runtime";

    /// Prints each signal it gets, then hangs its runtime after the first order to stop.
    #[expect(
        clippy::print_stdout,
        clippy::disallowed_methods,
        reason = "the parent reads it, and the hang is the point"
    )]
    fn child() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut signals = Signals::install().unwrap();
            println!("\nready");
            loop {
                let signal = signals.next().await;
                println!("{signal:?}");
                if signal == Signal::Stop {
                    std::thread::sleep(std::time::Duration::from_secs(20));
                }
            }
        });
    }

    fn start() -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env("DM_TEST_CHILD", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"));
        (child, lines)
    }

    #[test]
    fn the_second_order_ends_a_hung_runtime() {
        if std::env::var_os("DM_TEST_CHILD").is_some() {
            return child();
        }
        for (second, code) in [(Unix::SIGTERM, 143), (Unix::SIGINT, 130)] {
            let (mut child, mut lines) = start();
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            for (signal, heard) in [(Unix::SIGHUP, "Reload"), (Unix::SIGTERM, "Stop")] {
                kill(pid, signal).unwrap();
                assert_eq!(lines.next().unwrap().unwrap(), heard);
            }
            kill(pid, second).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(code));
        }
    }
}
