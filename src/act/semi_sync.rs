//! Semi-sync's source side: armed at the writer alone.

use super::handle::{LIMIT, ServerHandle};
use crate::model::action::{ActionError, Brought};
use crate::mysql::cells::{number, on};

/// Switches the source side on: commits wait `timeout_ms` for their acknowledgement, before they
/// become visible, though no replica is connected, and one acknowledgement is enough. The terms are
/// set again where the source side is on already.
///
/// # Errors
/// Semi-sync is not there, or the server cannot be reached.
pub async fn arm_source(handle: &ServerHandle, timeout_ms: u64) -> Result<Brought, ActionError> {
    handle
        .ask_words(|dialect| dialect.arm_source(timeout_ms))
        .await?;
    Ok(Brought::Nothing)
}

/// Switches the source side off: commits that wait are acknowledged without a replica. On MySQL the
/// SET returns up to 1.1 s later, and until then nobody can log in.
///
/// # Errors
/// The server cannot be reached.
pub async fn disarm_source(handle: &ServerHandle) -> Result<Brought, ActionError> {
    let mut session = handle.session().await?;
    let enabled = session.dialect().source_var("enabled");
    let sql = format!("SHOW GLOBAL VARIABLES LIKE '{enabled}'");
    let rows = session.rows(&sql, LIMIT).await?;
    if rows.first().is_some_and(|row| on(row, &["Value"])) {
        session
            .run(&format!("SET GLOBAL {enabled}=0"), LIMIT)
            .await?;
    }
    Ok(Brought::Nothing)
}

/// Sets how long a commit waits, in milliseconds. Commits that wait already keep the old limit.
///
/// # Errors
/// Semi-sync is not there, or the server cannot be reached.
pub async fn set_ack_timeout(
    handle: &ServerHandle,
    timeout_ms: u64,
) -> Result<Brought, ActionError> {
    let mut session = handle.session().await?;
    let name = session.dialect().source_var("timeout");
    let sql = format!("SELECT @@global.{name} AS timeout");
    let rows = session.rows(&sql, LIMIT).await?;
    if rows.first().and_then(|row| number(row, &["timeout"])) != Some(timeout_ms) {
        session
            .run(&format!("SET GLOBAL {name}={timeout_ms}"), LIMIT)
            .await?;
    }
    Ok(Brought::Nothing)
}
