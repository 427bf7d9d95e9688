//! The sessions at a server, as `SHOW PROCESSLIST` lists them.

use std::time::Duration;

use super::cells::{number, text};
use super::{Session, SqlError};

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
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

/// Lists every session, the server's own threads included.
///
/// # Errors
/// The server cannot be asked within `limit`.
pub async fn list(session: &mut Session, limit: Duration) -> Result<Vec<Listed>, SqlError> {
    let rows = session.rows("SHOW FULL PROCESSLIST", limit).await?;
    let listed = rows.iter().map(|row| Listed {
        id: number(row, &["Id"]).unwrap_or_default(),
        user: text(row, &["User"]).unwrap_or_default(),
        host: text(row, &["Host"]).unwrap_or_default(),
        db: text(row, &["db"]),
        command: text(row, &["Command"]).unwrap_or_default(),
        time: number(row, &["Time"]).unwrap_or_default(),
        state: text(row, &["State"]).unwrap_or_default(),
        info: text(row, &["Info"]),
    });
    Ok(listed.collect())
}
