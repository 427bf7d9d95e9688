//! Old binary logs are deleted by their server.

use std::time::Duration;

use super::handle::ServerHandle;
use crate::model::action::{ActionError, Brought};

/// Deleting files of a gigabyte each takes its time.
const WITHIN: Duration = Duration::from_secs(60);

/// Deletes the binary logs that were last written before `before_s`, in seconds since 1970. The server
/// keeps the one it writes, and stops at one that it is sending to a replica.
///
/// # Errors
/// The server refuses, or cannot be reached.
pub async fn purge(handle: &ServerHandle, before_s: u64) -> Result<Brought, ActionError> {
    let mut session = handle.session().await?;
    let sql = format!("PURGE BINARY LOGS BEFORE FROM_UNIXTIME({before_s})");
    session.run(&sql, WITHIN).await?;
    Ok(Brought::Nothing)
}
