//! The sessions at a server, as `SHOW PROCESSLIST` lists them, of each statement its beginning.

use std::time::Duration;

use super::cells::{number, text};
use super::{Session, SqlError};
use crate::model::session::ListedSession;

/// As many characters of a statement are fetched: one of a hundred megabytes is no list.
const SHOWN: usize = 200;

/// Lists every session, the server's own threads included.
///
/// # Errors
/// The server cannot be asked within `limit`.
pub async fn list(session: &mut Session, limit: Duration) -> Result<Vec<ListedSession>, SqlError> {
    let sql = format!(
        "SELECT ID, USER, HOST, DB, COMMAND, TIME, STATE, LEFT(INFO, {SHOWN}) AS INFO FROM {} ORDER BY ID",
        session.dialect().processlist()
    );
    let rows = session.rows(&sql, limit).await?;
    let listed = rows.iter().map(|row| ListedSession {
        id: number(row, &["ID"]).unwrap_or_default(),
        user: text(row, &["USER"]).unwrap_or_default(),
        host: text(row, &["HOST"]).unwrap_or_default(),
        db: text(row, &["DB"]),
        command: text(row, &["COMMAND"]).unwrap_or_default(),
        time: number(row, &["TIME"]).unwrap_or_default(),
        state: text(row, &["STATE"]).unwrap_or_default(),
        info: text(row, &["INFO"]),
    });
    Ok(listed.collect())
}
