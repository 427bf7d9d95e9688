//! A session at a server, as people are shown it.

use serde::{Deserialize, Serialize};

/// One session, with the columns of `SHOW PROCESSLIST`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSession {
    /// Its id at the server.
    pub id: u64,
    /// The account's user.
    pub user: String,
    /// The client's host and port.
    pub host: String,
    /// Its default schema.
    pub db: Option<String>,
    /// The kind of command it executes.
    pub command: String,
    /// Seconds in its present state.
    pub time: i64,
    /// Its state in the server's words.
    pub state: String,
    /// Its statement.
    pub info: Option<String>,
}
