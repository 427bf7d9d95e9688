//! Ends the daemon at a chosen begin record: between the record of an action and its first effect.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Host;
use super::settings::PAIR;

/// What kills the daemon from within: see `cut.c`.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/cut.c");

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
        let library = host.path().join("cut.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(SOURCE)
            .arg("-ldl")
            .status();
        assert!(built.expect("run cc").success(), "{SOURCE} was not built");
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
        let fresh = self.order.with_extension("new");
        std::fs::write(&fresh, number.to_string()).expect("write the order");
        std::fs::rename(&fresh, &self.order).expect("give the order");
    }

    /// Takes the order back.
    pub fn off(&self) {
        // It may not have been given.
        let _ = std::fs::remove_file(&self.order);
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
