//! The event scheduler.

use super::handle::{LIMIT, ServerHandle};
use crate::model::action::{ActionError, Brought};
use crate::mysql::cells::{on, text};

/// Starts or stops the event scheduler.
///
/// # Errors
/// It was disabled at the server's start, or the server cannot be reached.
pub async fn set_events(handle: &ServerHandle, wanted: bool) -> Result<Brought, ActionError> {
    let sql = "SELECT @@global.event_scheduler AS events";
    let (mut session, rows) = handle.ask(sql).await?;
    let row = rows.first();
    if row.and_then(|row| text(row, &["events"])).as_deref() == Some("DISABLED") {
        return match wanted {
            true => Err(ActionError::Refused(
                "the event scheduler was disabled when the server was started".to_owned(),
            )),
            false => Ok(Brought::Nothing),
        };
    }
    if row.is_some_and(|row| on(row, &["events"])) != wanted {
        let sql = format!("SET GLOBAL event_scheduler={}", u8::from(wanted));
        session.run(&sql, LIMIT).await?;
    }
    Ok(Brought::Nothing)
}
