//! Closing a server to writes within a budget, and opening it.
//!
//! While the SET waits for a running statement or a lock, every other write on the server waits
//! behind it: so it gets a budget, and past it nothing has changed.

use std::time::Duration;

use super::handle::{LIMIT, Lent, ServerHandle};
use crate::model::action::{ActionError, Brought};
use crate::model::server::Family;
use crate::mysql::cells::{on, text};
use crate::mysql::{Dialect, Row, Session, SqlError};

/// `max_statement_time` was reached.
const MARIADB_LATE: u16 = 1969;

/// How long the SET may take to end once it was told to.
const END: Duration = Duration::from_millis(500);

/// Makes the server refuse ordinary writes, or leaves everything as it was and names the sessions
/// in the way. On MariaDB the event scheduler stops first: events of an administrator pass `read_only`.
///
/// # Errors
/// The budget was not enough, or the server cannot be reached.
pub async fn close(handle: &ServerHandle, budget: Duration) -> Result<Brought, ActionError> {
    let (mut looker, is_closed) = closed(handle).await?;
    if is_closed {
        return Ok(Brought::Nothing);
    }
    if looker.dialect().family() == Family::Mariadb {
        looker.run("SET GLOBAL event_scheduler=0", LIMIT).await?;
        return close_mariadb(looker, budget).await;
    }
    let mut setter = handle.session().await?;
    let mut killer = handle.session().await?;
    let setter_id = setter.id();
    let sql = looker.dialect().close(budget);
    let mut set = std::pin::pin!(setter.run(&sql, budget + END));
    tokio::select! {
        done = &mut set => {
            done?;
            return Ok(Brought::Nothing);
        }
        () = tokio::time::sleep(budget) => {}
    }
    // Who is in the way is asked beside: every write waits until the SET has ended.
    let kill = format!("KILL QUERY {setter_id}");
    let (killed, set, in_the_way) = tokio::join!(
        killer.run(&kill, END),
        set,
        in_the_way(&mut looker, setter_id, budget)
    );
    match set {
        Ok(()) => Ok(Brought::Nothing),
        Err(_) => {
            killed?;
            Err(over_budget(budget, &in_the_way))
        }
    }
}

/// Lets ordinary accounts write: the one action that does. On an open server the statement changes
/// nothing.
///
/// # Errors
/// The server refused or cannot be reached.
pub async fn open(handle: &ServerHandle) -> Result<Brought, ActionError> {
    handle
        .ask_words(|dialect| dialect.open().to_owned())
        .await?;
    Ok(Brought::Nothing)
}

async fn closed(handle: &ServerHandle) -> Result<(Lent<'_>, bool), ActionError> {
    let (session, results) = handle.ask_words(Dialect::show_closed).await?;
    let closed = |row: &Row| on(row, &["read_only"]) && on(row, &["closed"]);
    let is_closed = results
        .first()
        .and_then(|rows| rows.first())
        .is_some_and(closed);
    Ok((session, is_closed))
}

async fn close_mariadb(mut session: Lent<'_>, budget: Duration) -> Result<Brought, ActionError> {
    let sql = session.dialect().close(budget);
    match session.run(&sql, budget + END).await {
        Ok(()) => Ok(Brought::Nothing),
        Err(error) if error.errno == Some(MARIADB_LATE) => {
            let id = session.id();
            let found = in_the_way(&mut session, id, budget).await;
            Err(over_budget(budget, &found))
        }
        Err(error) => Err(error.into()),
    }
}

/// Sessions that run a statement for longer than the budget, or hold a lock or a transaction; the
/// server's own words for each, never the client's, which may hold what no journal should.
async fn in_the_way(session: &mut Session, setter: u32, budget: Duration) -> String {
    let found = match session.dialect().family() {
        Family::Mariadb => mariadb_in_the_way(session, setter, budget).await,
        Family::Mysql => mysql_in_the_way(session, setter).await,
    };
    match found {
        Ok(rows) if rows.is_empty() => idle_sessions(session).await,
        Ok(rows) => rows.iter().map(name_session).collect::<Vec<_>>().join("; "),
        Err(error) => format!("unknown ({})", error.chain()),
    }
}

/// MariaDB does not tell who holds LOCK TABLES: it can only be one of the idle sessions.
async fn idle_sessions(session: &mut Session) -> String {
    let clients = session.dialect().client_sessions();
    let sql = format!("{clients} AND COMMAND = 'Sleep' ORDER BY ID LIMIT 20");
    let named: Vec<String> = match session.rows(&sql, END).await {
        Ok(rows) => rows.iter().map(name_session).collect(),
        Err(_) => Vec::new(),
    };
    match named.is_empty() {
        true => "a session that has ended meanwhile".to_owned(),
        false => format!("LOCK TABLES by one of the idle {}", named.join(", ")),
    }
}

/// Statements that ran well before the SET began. Those that came with it or after it wait behind it.
async fn mariadb_in_the_way(
    session: &mut Session,
    setter: u32,
    budget: Duration,
) -> Result<Vec<Row>, SqlError> {
    let older = budget + budget / 2;
    let sql = format!(
        "SELECT ID AS id, USER AS user, HOST AS host, CONCAT_WS(', ', COMMAND, NULLIF(STATE, '')) AS what \
         FROM information_schema.processlist WHERE COMMAND IN ('Query', 'Execute') AND ID <> {setter} \
         AND TIME_MS >= {} ORDER BY TIME_MS DESC LIMIT 3",
        older.as_millis()
    );
    session.rows(&sql, END).await
}

async fn mysql_in_the_way(session: &mut Session, setter: u32) -> Result<Vec<Row>, SqlError> {
    let sql = format!(
        "SELECT DISTINCT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, \
         t.PROCESSLIST_HOST AS host, CONCAT_WS(', ', t.PROCESSLIST_COMMAND, \
         NULLIF(t.PROCESSLIST_STATE, ''), CONCAT('holds ', l.OBJECT_TYPE, ' ', l.LOCK_TYPE)) AS what \
         FROM performance_schema.metadata_locks l \
         JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID \
         WHERE l.LOCK_STATUS = 'GRANTED' AND l.OBJECT_TYPE IN ('GLOBAL', 'COMMIT') \
         AND l.LOCK_TYPE = 'INTENTION_EXCLUSIVE' AND t.PROCESSLIST_ID <> {setter} LIMIT 3"
    );
    session.rows(&sql, END).await
}

fn name_session(row: &Row) -> String {
    let part = |name: &str| text(row, &[name]).unwrap_or_default();
    let what = match part("what") {
        what if what.is_empty() => what,
        what => format!(" ({what})"),
    };
    format!(
        "session {} {}@{}{what}",
        part("id"),
        part("user"),
        part("host")
    )
}

fn over_budget(budget: Duration, in_the_way: &str) -> ActionError {
    ActionError::Failed(format!(
        "closing took longer than {} ms and was undone; in the way: {in_the_way}",
        budget.as_millis()
    ))
}
