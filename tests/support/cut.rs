//! Ends the daemon or servers at a chosen begin record: between the record of an action and its first effect.

use std::path::{Path, PathBuf};

use super::settings::PAIR;
use super::{Host, preload};

/// Who dies at a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim<'a> {
    /// The daemon itself.
    Daemon,
    /// The server of a member, if it runs.
    Server(&'a str),
}

/// The order to a host's daemon.
pub struct Cut {
    order: PathBuf,
    history: PathBuf,
}

impl Cut {
    /// Prepares a host whose daemon does not run yet.
    ///
    /// # Panics
    /// Where the C compiler refuses.
    pub fn prepare(host: &mut Host) -> Self {
        let library = preload::build("cut", host.path());
        let order = host.path().join("cut");
        host.environment = vec![
            ("LD_PRELOAD", library.into_os_string()),
            ("DUALMASTERD_TEST_CUT", order.clone().into_os_string()),
        ];
        let history = host.path().join(format!("state/{PAIR}/history.jsonl"));
        Self { order, history }
    }

    /// The `number`-th record from now on is the daemon's last act.
    ///
    /// # Panics
    /// Where the order cannot be written.
    pub fn at(&self, number: usize) {
        self.order(format!("{number}\ndaemon\n"));
    }

    /// At the `number`-th record from now on these die.
    ///
    /// # Panics
    /// Where the order cannot be written.
    pub fn kill_at(&self, host: &Host, number: usize, victims: &[Victim]) {
        let lines = victims.iter().map(|victim| match victim {
            Victim::Daemon => "daemon\n".to_owned(),
            Victim::Server(member) => format!("{}\n", host.my_cnf(member).display()),
        });
        self.order(format!("{number}\n{}", lines.collect::<String>()));
    }

    fn order(&self, text: String) {
        self.off();
        let fresh = self.order.with_extension("new");
        std::fs::write(&fresh, text).expect("write the order");
        std::fs::rename(&fresh, &self.order).expect("give the order");
    }

    /// Takes the order back.
    pub fn off(&self) {
        // It may not have been given, or not have been carried out.
        let _ = std::fs::remove_file(&self.order);
        let _ = std::fs::remove_file(self.done());
    }

    /// The order was carried out.
    pub fn is_done(&self) -> bool {
        self.done().exists()
    }

    fn done(&self) -> PathBuf {
        self.order.with_extension("done")
    }

    /// The begin records so far, each as its action with its member.
    pub fn records(&self) -> Vec<String> {
        records(&self.history)
    }
}

fn records(history: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(history).unwrap_or_default();
    let steps = text.lines().filter_map(|line| {
        let step: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(step.get("action")?.to_string())
    });
    steps.collect()
}
