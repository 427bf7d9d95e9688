//! Scheduled events follow the writer's role.
//!
//! On a reader an enabled and a disabled event look the same, so the writer's enabled events stand in
//! the replicated table `dualmasterd.events`, written beside its heartbeat.

use super::handle::{LIMIT, ServerHandle};
use crate::model::action::{ActionError, Brought};
use crate::mysql::cells::text;
use crate::mysql::quote::{quote_ident, quote_str};
use crate::mysql::{Session, SqlError};

/// An event of this server.
struct Event {
    name: String,
    definer: String,
    sql_mode: String,
}

/// Enables at the new writer the events that were enabled at the old one: those recorded that are
/// disabled here because they came from the other server. Each keeps its definer and its sql_mode.
///
/// # Errors
/// Some could not be enabled, all named; the others are.
pub async fn hand_over_events(handle: &ServerHandle) -> Result<Brought, ActionError> {
    let mut session = handle.session().await?;
    let events = to_enable(&mut session).await?;
    let mut failed = Vec::new();
    for event in &events {
        if let Err(error) = enable(&mut session, event).await {
            if error.errno.is_none() {
                return Err(error.into());
            }
            failed.push(error.chain());
        }
    }
    match failed.is_empty() {
        true => Ok(Brought::Nothing),
        false => Err(ActionError::Failed(failed.join("; "))),
    }
}

async fn to_enable(session: &mut Session) -> Result<Vec<Event>, SqlError> {
    let sql = "SELECT e.EVENT_SCHEMA AS event_schema, e.EVENT_NAME AS event_name, \
        e.DEFINER AS definer, e.SQL_MODE AS sql_mode FROM information_schema.events e \
        JOIN dualmasterd.events r ON BINARY r.event_schema = BINARY e.EVENT_SCHEMA \
        AND BINARY r.event_name = BINARY e.EVENT_NAME \
        WHERE e.STATUS IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED')";
    let rows = session.rows(sql, LIMIT).await?;
    let read = |row| {
        let definer = text(row, &["definer"])?;
        let (user, host) = definer.rsplit_once('@')?;
        let (schema, name) = (text(row, &["event_schema"])?, text(row, &["event_name"])?);
        Some(Event {
            name: format!("{}.{}", quote_ident(&schema), quote_ident(&name)),
            definer: format!("{}@{}", quote_ident(user), quote_ident(host)),
            sql_mode: text(row, &["sql_mode"]).unwrap_or_default(),
        })
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// ALTER EVENT would make the session's account the definer, and its sql_mode the event's.
async fn enable(session: &mut Session, event: &Event) -> Result<(), SqlError> {
    let mode = format!("SET SESSION sql_mode={}", quote_str(&event.sql_mode));
    session.run(&mode, LIMIT).await?;
    let sql = format!(
        "ALTER DEFINER={} EVENT {} ENABLE",
        event.definer, event.name
    );
    let altered = session.run_left_alone(&sql, Some(LIMIT)).await;
    if session.usable() {
        session.run("SET SESSION sql_mode=DEFAULT", LIMIT).await?;
    }
    altered
}
