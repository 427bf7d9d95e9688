//! The sessions at a server, as `SHOW PROCESSLIST` lists them.

use std::time::Duration;

use super::cells::{number, text};
use super::{Session, SqlError};
use crate::model::session::ListedSession;

/// Lists every session, the server's own threads included.
///
/// # Errors
/// The server cannot be asked within `limit`.
pub async fn list(session: &mut Session, limit: Duration) -> Result<Vec<ListedSession>, SqlError> {
    let rows = session.rows("SHOW FULL PROCESSLIST", limit).await?;
    let listed = rows.iter().map(|row| ListedSession {
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
