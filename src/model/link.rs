//! One direction of replication, as the replica that holds it tells.

use serde::{Deserialize, Serialize};

use super::gtid::GtidSet;

/// The receiver: the thread that fetches events into the relay log and acknowledges them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receiver {
    /// Connected and receiving.
    Running,
    /// Running without a connection: it acknowledges nothing.
    Connecting,
    /// Not running.
    Stopped,
}

/// Error of a replication thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadError {
    /// The server's error number.
    pub errno: u32,
    /// The server's own words.
    pub text: String,
}

/// A configured link, seen at its replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Host the receiver connects to.
    pub source_host: String,
    /// Port the receiver connects to.
    pub source_port: u16,
    /// Positions are negotiated by GTID (MySQL: auto position; MariaDB: `slave_pos`).
    pub by_gtid: bool,
    /// The receiver.
    pub receiver: Receiver,
    /// Why the receiver stopped or cannot connect.
    pub receiver_error: Option<ThreadError>,
    /// The applier runs.
    pub applier: bool,
    /// Why the applier stopped. While one is open, GTID sets say nothing: a failed event of a
    /// non-transactional table is counted as executed.
    pub applier_error: Option<ThreadError>,
    /// Everything received, executed or not; it contains what was executed.
    pub received: GtidSet,
    /// A transaction came only in part and its rows may already be applied, with their locks held.
    pub half: bool,
    /// Its applier waits so long with each transaction, in seconds, as somebody configured.
    #[serde(default)]
    pub delay_s: u64,
}

/// What is next in the relay log cannot be read: it is corrupt or cut short (MySQL), or not whole.
const TORN: [u32; 3] = [13117, 13121, 1594];

/// MariaDB in strict mode: what comes next in the relay log is not newer than the binary log.
const OUT_OF_ORDER: u32 = 1950;

impl LinkStatus {
    /// The applier stopped at a transaction that the server has executed already, or that crosses one of
    /// its own. Starting it again comes to the same transaction again.
    pub fn repeats(&self) -> bool {
        let error = self.applier_error.as_ref();
        !self.applier && error.is_some_and(|error| error.errno == OUT_OF_ORDER)
    }

    /// Why the applier cannot read what was received: starting it again comes to the same place.
    pub fn torn(&self) -> Option<&str> {
        let error = self.applier_error.as_ref();
        let error = error.filter(|error| !self.applier && TORN.contains(&error.errno))?;
        Some(&error.text)
    }
}
