//! What the service manager is told. Nothing happens without `NOTIFY_SOCKET`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::model::time::Timestamp;

/// The connection to the service manager.
#[derive(Debug)]
pub struct Notify {
    /// `NOTIFY_SOCKET` is set.
    on: bool,
    /// How often the watchdog must be fed at least.
    watchdog: Option<Duration>,
    /// When it was fed last, and when the loop of each pair last turned.
    turns: Mutex<Turns>,
    /// The last `STATUS=`, so that only a change is sent.
    status: Mutex<String>,
}

#[derive(Debug, Default)]
struct Turns {
    fed: Option<Timestamp>,
    of: BTreeMap<String, Timestamp>,
}

impl Notify {
    /// As the environment says.
    pub fn from_env() -> Self {
        Self {
            on: std::env::var_os("NOTIFY_SOCKET").is_some(),
            watchdog: sd_notify::watchdog_enabled(),
            turns: Mutex::default(),
            status: Mutex::new(String::new()),
        }
    }

    /// The start is complete: reading the configuration, or its reload, has ended.
    pub fn ready(&self) {
        self.send(&[NotifyState::Ready]);
    }

    /// A reload begins; [`Notify::ready`] ends it, whatever came of it.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.send(&[NotifyState::Reloading, now]),
            Err(_) => self.send(&[NotifyState::Reloading]),
        }
    }

    /// The daemon stops.
    pub fn stopping(&self) {
        self.send(&[NotifyState::Stopping]);
    }

    /// One line for `systemctl status`; sent where it changed.
    pub fn status(&self, text: &str) {
        let Ok(mut last) = self.status.lock() else {
            return;
        };
        if *last != text {
            text.clone_into(&mut last);
            self.send(&[NotifyState::Status(text)]);
        }
    }

    /// The decision loop of `pair` turned: feeds the watchdog, at most eight times in its period, while no
    /// other pair's loop stands still. Nothing else may call this: the watchdog is to see a loop that hangs.
    pub fn turned(&self, pair: &str, now: Timestamp) {
        let Some(period) = self.watchdog else { return };
        let Ok(mut turns) = self.turns.lock() else {
            return;
        };
        turns.of.insert(pair.to_owned(), now);
        let is_due = turns.fed.is_none_or(|fed| now.since(fed) >= period / 8);
        let all_turn = turns.of.values().all(|at| now.since(*at) < period / 2);
        if is_due && all_turn {
            turns.fed = Some(now);
            self.send(&[NotifyState::Watchdog]);
        }
    }

    /// The loop of `pair` has ended and is not waited for.
    pub fn forget(&self, pair: &str) {
        if let Ok(mut turns) = self.turns.lock() {
            turns.of.remove(pair);
        }
    }

    /// Each loop must turn at least this often, or the service manager kills the daemon: a quarter of
    /// `WATCHDOG_USEC`. `None` without a watchdog.
    pub fn turn_within(&self) -> Option<Duration> {
        self.watchdog.map(|period| period / 4)
    }

    fn send(&self, states: &[NotifyState]) {
        if !self.on {
            return;
        }
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!(%error, "telling the service manager");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    /// Runs in a process of its own, which the test below starts with an environment of its own.
    fn child() {
        let notify = Notify::from_env();
        notify.ready();
        notify.status("orders: serving");
        notify.status("orders: serving");
        notify.turned("orders", Timestamp::from_millis(1000));
        notify.turned("orders", Timestamp::from_millis(1001));
        notify.turned("other", Timestamp::from_millis(1002));
        notify.turned("orders", Timestamp::from_millis(2000));
        // The loop of the other pair stands still from here on.
        notify.turned("orders", Timestamp::from_millis(4000));
        notify.forget("other");
        notify.turned("orders", Timestamp::from_millis(4001));
        notify.reloading();
        notify.stopping();
    }

    #[test]
    fn the_manager_hears_each_word_once() {
        if std::env::var_os("DM_TEST_CHILD").is_some() {
            return child();
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "daemon::systemd::tests::the_manager_hears_each_word_once",
            ])
            .env("DM_TEST_CHILD", "1")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "4000000")
            .env_remove("WATCHDOG_PID")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        socket.set_nonblocking(true).unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            heard.push(String::from_utf8_lossy(&buffer[..length]).trim().to_owned());
        }
        assert_eq!(
            heard[..5],
            [
                "READY=1",
                "STATUS=orders: serving",
                "WATCHDOG=1",
                "WATCHDOG=1",
                "WATCHDOG=1"
            ]
        );
        assert!(
            heard[5].starts_with("RELOADING=1\nMONOTONIC_USEC="),
            "{heard:?}"
        );
        assert_eq!(heard[6..], ["STOPPING=1"]);
    }

    #[test]
    fn nothing_happens_without_a_manager() {
        let notify = Notify {
            on: false,
            watchdog: None,
            turns: Mutex::default(),
            status: Mutex::default(),
        };
        notify.ready();
        notify.turned("orders", Timestamp::from_millis(1));
        assert_eq!(notify.turn_within(), None);
    }
}
