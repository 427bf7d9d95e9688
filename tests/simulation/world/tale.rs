//! What happened, in words: kept only where somebody will read it.

use dualmasterd::model::action::{Action, ActionError};
use dualmasterd::model::finding::Finding;

use super::{Time, World};

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tale {
    /// Something befell the servers, the daemon or its operator asked for something.
    Happened,
    /// The daemon has found something.
    Found,
    /// The daemon does something, or its state changes.
    Did,
    /// A promise is broken.
    Violated,
    /// All the rest.
    Detail,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub at: Time,
    pub tale: Tale,
    pub text: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.at as f64 / 1e6;
        let who = match self.tale {
            Tale::Happened => "happened",
            Tale::Found => "found",
            Tale::Did => "did",
            Tale::Violated => "VIOLATED",
            Tale::Detail => "",
        };
        write!(f, "{seconds:>10.4} {who:<9} {}", self.text)
    }
}

impl World {
    /// A detail.
    pub fn say(&mut self, what: impl FnOnce() -> String) {
        self.tell(Tale::Detail, what);
    }

    /// A line of the story. The words are made only where the story is told.
    pub fn tell(&mut self, tale: Tale, what: impl FnOnce() -> String) {
        if self.telling {
            let text = what();
            self.log.push(Line {
                at: self.now,
                tale,
                text,
            });
        }
    }

    /// A promise is broken; the first one counts.
    pub fn violated(&mut self, what: String) {
        self.tell(Tale::Violated, || what.clone());
        self.broken.get_or_insert(what);
    }

    /// Findings that were not there a moment ago.
    pub fn tell_found(&mut self, before: &[Finding]) {
        let Some(daemon) = self.daemon.as_ref().filter(|_| self.telling) else {
            return;
        };
        let is_new = |finding: &&Finding| {
            !before
                .iter()
                .any(|old| old.kind == finding.kind && old.side == finding.side)
        };
        let new: Vec<_> = daemon.findings.iter().filter(is_new).cloned().collect();
        for finding in new {
            let side = finding.side.map(|side| format!(" {side}"));
            let (kind, detail) = (finding.kind, finding.detail);
            let side = side.unwrap_or_default();
            self.tell(Tale::Found, || format!("{kind:?}{side}: {detail}"));
        }
    }

    pub fn tell_begun(&mut self, action: &Action) {
        self.tell(Tale::Did, || in_short(action));
    }

    pub fn tell_failed(&mut self, action: &Action, error: &ActionError) {
        self.tell(Tale::Did, || {
            format!("{} failed: {error}", in_short(action))
        });
    }
}

/// An action without what it relies on.
fn in_short(action: &Action) -> String {
    let kind = action.kind();
    match (action, action.side()) {
        (Action::Route { writer, reader }, _) => {
            format!("{kind:?} writer {writer}, reader {reader}")
        }
        (Action::Hook(call) | Action::Gate(call), _) => format!("{kind:?} {call:?}"),
        (Action::Start { role, .. }, Some(side)) => format!("{kind:?} {side} as {role:?}"),
        (_, Some(side)) => format!("{kind:?} {side}"),
        (_, None) => format!("{kind:?}"),
    }
}
