//! The daemon's process: started, waited for, ended, and its log.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{ANSWER, Host, READY};
use crate::support::fault;

impl Host {
    /// Whether the daemon has ended by itself.
    ///
    /// # Panics
    /// Where none was started.
    pub fn daemon_has_ended(&mut self) -> bool {
        let daemon = self.daemon.as_mut().expect("a daemon was started");
        daemon.try_wait().expect("look at the daemon").is_some()
    }

    /// Starts the daemon and waits for its READY.
    ///
    /// # Panics
    /// Where it does not come.
    pub async fn start(&mut self) {
        let before = self.notify.count();
        self.launch();
        let daemon = self.daemon.as_mut().expect("the daemon was started");
        let ready = self.notify.heard(before, |line| line == "READY=1", READY);
        tokio::select! {
            ready = ready => assert!(ready, "the daemon did not say READY within {READY:?}"),
            ended = daemon.wait() => panic!("the daemon ended before it said READY: {ended:?}"),
        }
    }

    /// Starts the daemon.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn launch(&mut self) {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path());
        let log: File = log.expect("open the log");
        let daemon = Command::new(binary("dualmasterd"))
            .arg("--config")
            .arg(self.config())
            .env("NOTIFY_SOCKET", self.path().join("notify.sock"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("clone a file"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        self.daemon = Some(daemon.expect("start dualmasterd"));
    }

    /// The daemon's process.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn daemon_pid(&self) -> i32 {
        let pid = self
            .daemon
            .as_ref()
            .and_then(Child::id)
            .expect("the daemon runs");
        i32::try_from(pid).expect("a pid")
    }

    /// Waits for the daemon's end.
    ///
    /// # Panics
    /// Where it does not come.
    pub async fn daemon_ended(&mut self, wait: Duration) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("the daemon runs");
        let ended = timeout(wait, daemon.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("the daemon did not end within {wait:?}"));
        ended.expect("wait for the daemon")
    }

    /// Kills the daemon.
    pub async fn kill_daemon(&mut self) {
        fault::kill(self.daemon_pid());
        self.daemon_ended(ANSWER).await;
    }

    /// Stops the daemon cleanly.
    pub async fn stop_daemon(&mut self) -> ExitStatus {
        fault::terminate(self.daemon_pid());
        self.daemon_ended(Duration::from_secs(30)).await
    }

    fn log_path(&self) -> PathBuf {
        self.path().join("daemon.log")
    }

    /// The daemon's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

/// A program of this package, built with the same profile.
///
/// # Panics
/// Where it was not built.
pub fn binary(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("our own path");
    // target/PROFILE/{deps,examples}/OURSELVES
    let profile = here
        .parent()
        .and_then(Path::parent)
        .expect("a profile's folder");
    let path = profile.join(name);
    assert!(path.exists(), "{} was not built", path.display());
    path
}
