//! Everything seen, newest of each, stamped: the one view of the world that a decision gets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{ActionKind, Outcome};
use super::incarnation::BootId;
use super::member::{Both, Side};
use super::memory::Durable;
use super::probe::{ProbeError, Probes};
use super::process::ProcessFact;
use super::request::Request;
use super::server::ServerFact;
use super::time::Timestamp;

/// One view of everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The time of this view.
    pub now: Timestamp,
    /// The wall clock, in milliseconds since 1970: for records that outlive a boot, never for a deadline.
    pub wall_ms: u64,
    /// This boot.
    pub boot: BootId,
    /// The last moment at which our own loop came more than one probe interval late: misses counted
    /// through it mean nothing.
    pub late_at: Option<Timestamp>,
    /// The members.
    pub members: Both<MemberFacts>,
    /// The endpoint; `None` until it was looked at.
    pub endpoint: Option<EndpointFact>,
    /// The newest memory that is on disk.
    pub stored: Option<Durable>,
    /// Why the newest attempt to store failed; `None` after a good one.
    pub store_error: Option<String>,
    /// What goes on at the pair's own actions (endpoint, hooks).
    pub pair: Work,
    /// What operators asked for since the last decision.
    pub requests: Vec<Request>,
    /// The daemon is to stop cleanly.
    pub stopping: bool,
    /// Why the newest configuration is not in force, but the one before it.
    pub config_refused: Option<String>,
}

/// One member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    /// Its files; `None` until they were looked at.
    pub instance: Option<InstanceFact>,
    /// Its process; `None` until it was looked for.
    pub process: Option<ProcessFact>,
    /// The newest whole answer.
    pub server: Option<ServerFact>,
    /// Why the newest look failed; `None` after a good one.
    pub server_error: Option<ProbeError>,
    /// Accounts beside the administrator's and ours that can write on it while it is closed, or open it:
    /// each with its right.
    #[serde(default)]
    pub privileged: Vec<String>,
    /// The questions of the hang table.
    pub probes: Probes,
    /// Its actions.
    pub work: Work,
}

/// Actions under way and done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Kinds under way.
    pub running: BTreeSet<ActionKind>,
    /// How the last of each kind ended.
    pub ended: BTreeMap<ActionKind, Outcome>,
}

/// What stands in a datadir.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Datadir {
    /// Nothing there.
    Missing,
    /// A server's data that this daemon made or adopted for this member.
    Ours,
    /// What another server wrote, or a newer version of ours, with both.
    OtherVersion(String),
    /// Something else, with the reason.
    Foreign(String),
}

/// A rendered file against what lies at its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Nothing there.
    Missing,
    /// As rendered now.
    Same,
    /// Written by us for other settings, untouched since.
    Outdated,
    /// Edited by hand since we wrote it; the difference, as lines.
    Edited(String),
}

/// A member's files and what its start needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFact {
    /// When it was looked at.
    pub at: Timestamp,
    /// Its datadir.
    pub datadir: Datadir,
    /// Its configuration file.
    pub config: FileState,
    /// In what the file differs from the one that the running server was started with, as lines.
    #[serde(default)]
    pub waits_for_restart: String,
    /// Its server runs, and the file of its Unix socket is not there any more.
    #[serde(default)]
    pub socket_gone: bool,
    /// Why the server binary cannot be run.
    pub binary_error: Option<String>,
    /// Who else listens at its port.
    pub port_taken_by: Option<String>,
    /// The server's own last words, where its last start failed.
    pub last_words: Vec<String>,
    /// Free space on its file system, in megabytes.
    pub free_mb: u64,
}

/// Where the endpoint leads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointFact {
    /// When it was looked at.
    pub at: Timestamp,
    /// The member behind the writer's port.
    pub writer: Option<Side>,
    /// The member behind the reader's port.
    pub reader: Option<Side>,
    /// Its address is on its interface (true where none is configured).
    pub address: bool,
    /// `server_id` that answered through the writer's port, and when it was asked.
    pub answered: Option<(u32, Timestamp)>,
    /// Why it could not be looked at or connected through.
    pub error: Option<String>,
    /// Whoever answers there does not know our own account.
    pub refused: bool,
}

impl Facts {
    /// A view of nothing yet.
    pub fn unseen(now: Timestamp, boot: BootId) -> Self {
        Self {
            now,
            wall_ms: 0,
            boot,
            late_at: None,
            members: Both::default(),
            endpoint: None,
            stored: None,
            store_error: None,
            pair: Work::default(),
            requests: Vec::new(),
            stopping: false,
            config_refused: None,
        }
    }
}

impl Work {
    /// One of this kind is under way.
    pub fn runs(&self, kind: ActionKind) -> bool {
        self.running.contains(&kind)
    }

    /// The last of this kind, if it was begun at or after `since` and succeeded.
    pub fn done_since(&self, kind: ActionKind, since: Timestamp) -> Option<&Outcome> {
        self.ended
            .get(&kind)
            .filter(|outcome| outcome.result.is_ok() && outcome.begun >= since)
    }

    /// When the last of this kind ended, whichever way.
    pub fn ended_at(&self, kind: ActionKind) -> Option<Timestamp> {
        self.ended.get(&kind).map(|outcome| outcome.at)
    }

    /// When a failed action of this kind may be tried again. The wait doubles with each failure in a row,
    /// from 50 ms to 30 s.
    pub fn next_try(&self, kind: ActionKind) -> Option<Timestamp> {
        let outcome = self.ended.get(&kind)?;
        outcome.result.as_ref().err()?;
        let doublings = outcome.failures.saturating_sub(1).min(10);
        let wait = Duration::from_millis(50)
            .saturating_mul(1 << doublings)
            .min(Duration::from_secs(30));
        Some(outcome.at + wait)
    }
}
