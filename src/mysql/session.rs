//! One connection to one server. It owns the driver's connection, because that one is not
//! cancellation-safe: a dropped query leaves its answer behind for the next one (seen:
//! `SELECT 222` answered 111).
//!
//! So the connection is taken out for the time of a statement and put back when its last row was
//! read. A statement that misses its deadline, or whose future is dropped, takes the connection with
//! it; past the deadline it is killed from another connection as well, unless it was to be left alone.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::time::timeout;

use super::dialect::Dialect;
use super::error::{SqlError, SqlSource};
use super::secrets;
use super::target::{Account, Door, ServerTarget};
use crate::model::server::Version;

/// A login must not last longer.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Too many connections: the admin port may still be open.
const TOO_MANY: u16 = 1040;

/// One session of one account at one server.
#[derive(Debug)]
pub struct Session {
    conn: Option<Conn>,
    id: u32,
    dialect: Dialect,
    account: Account,
    target: Arc<ServerTarget>,
}

/// What becomes of a statement that misses its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    Kill,
    LeaveAlone,
}

impl Session {
    /// Logs in by the socket; by the admin port where the server has too many connections, or where
    /// nobody is at the socket's path: its file may be deleted while the server is well.
    ///
    /// # Errors
    /// Whatever kept it from logging in within `limit`.
    pub async fn connect(
        target: &Arc<ServerTarget>,
        account: Account,
        limit: Duration,
    ) -> Result<Self, SqlError> {
        match Self::connect_by(target, account, Door::Front, limit).await {
            Err(error)
                if target.admin.is_some()
                    && (error.errno == Some(TOO_MANY)
                        || (error.is_nobody_there() && account != Account::Root)) =>
            {
                Self::connect_by(target, account, Door::Admin, limit).await
            }
            other => other,
        }
    }

    /// Logs in through one door.
    ///
    /// # Errors
    /// Whatever kept it from logging in within `limit`.
    pub async fn connect_by(
        target: &Arc<ServerTarget>,
        account: Account,
        door: Door,
        limit: Duration,
    ) -> Result<Self, SqlError> {
        let attempted = || format!("logging in as {}", account.user());
        let password = secrets::password(target, account);
        let opts = target
            .opts(account, &password, door)
            .ok_or_else(|| SqlError::unexpected(attempted(), &target.name, "no such way in"))?;
        let conn = match timeout(limit, Conn::new(opts)).await {
            Ok(conn) => conn.map_err(|e| SqlError::new(attempted(), &target.name, e))?,
            Err(_) => {
                let source = SqlSource::Deadline(limit);
                return Err(SqlError::new(attempted(), &target.name, source));
            }
        };
        let (major, minor, patch) = conn.server_version();
        Ok(Self {
            id: conn.id(),
            dialect: Dialect::new(target.family, Version(major, minor, patch)),
            conn: Some(conn),
            account,
            target: target.clone(),
        })
    }

    /// Asks who answers at the target's address, by the monitor's account: its `server_id`.
    ///
    /// # Errors
    /// Nobody answers within [`CONNECT_LIMIT`], or nobody who knows us.
    pub async fn who(target: &Arc<ServerTarget>) -> Result<u32, SqlError> {
        let by = |door| Self::connect_by(target, Account::Monitor, door, CONNECT_LIMIT);
        let mut session = match by(Door::Tcp).await {
            // It may speak with those alone who speak TLS.
            Err(error) if error.errno.is_some() && target.tls.is_some() => {
                by(Door::TlsAnywhere).await.map_err(|_| error)?
            }
            session => session?,
        };
        let sql = "SELECT @@server_id AS server_id";
        let rows = session.rows(sql, CONNECT_LIMIT).await?;
        session.end().await;
        let id = rows
            .first()
            .and_then(|row| super::cells::number(row, &["server_id"]));
        id.ok_or_else(|| SqlError::unexpected(sql, &target.name, "no server_id"))
    }

    /// The server's words.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The session's id at the server.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The member's name.
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// False once a statement failed in a way that spoilt the connection.
    pub fn usable(&self) -> bool {
        self.conn.is_some()
    }

    /// The same session under another owner; this value is over.
    #[must_use]
    pub fn hand_on(&mut self) -> Self {
        Self {
            conn: self.conn.take(),
            id: self.id,
            dialect: self.dialect,
            account: self.account,
            target: self.target.clone(),
        }
    }

    /// Says goodbye, so that the server does not log an aborted connection. Waits no longer than
    /// for a login.
    pub async fn end(mut self) {
        if let Some(conn) = self.conn.take() {
            // A connection that cannot be closed in order is closed by being dropped.
            let _ = timeout(CONNECT_LIMIT, conn.disconnect()).await;
        }
    }

    /// Runs statements for their effect.
    ///
    /// # Errors
    /// The first statement's that failed.
    pub async fn run(&mut self, sql: &str, limit: Duration) -> Result<(), SqlError> {
        self.results(sql, limit).await.map(drop)
    }

    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// Refused, broken or late.
    pub async fn rows(&mut self, sql: &str, limit: Duration) -> Result<Vec<Row>, SqlError> {
        let results = self.results(sql, limit).await?;
        Ok(results.into_iter().next().unwrap_or_default())
    }

    /// Runs several statements, joined by semicolons, in one round trip: the rows of each.
    ///
    /// # Errors
    /// The first statement's that failed; later ones were not run.
    pub async fn results(&mut self, sql: &str, limit: Duration) -> Result<Vec<Vec<Row>>, SqlError> {
        self.ask(sql, Some(limit), Late::Kill).await
    }

    /// Runs a commit of ours that may wait for its acknowledgement: it is never killed, for a kill
    /// makes MariaDB commit it. Without `limit` it is waited for until its future is dropped.
    ///
    /// # Errors
    /// Refused, broken or late.
    pub async fn run_left_alone(
        &mut self,
        sql: &str,
        limit: Option<Duration>,
    ) -> Result<(), SqlError> {
        self.ask(sql, limit, Late::LeaveAlone).await.map(drop)
    }

    async fn ask(
        &mut self,
        sql: &str,
        limit: Option<Duration>,
        late: Late,
    ) -> Result<Vec<Vec<Row>>, SqlError> {
        let error =
            |source: SqlSource| SqlError::new(secrets::hide(sql), &self.target.name, source);
        let Some(mut conn) = self.conn.take() else {
            return Err(error(SqlSource::Unexpected(
                "the session is over".to_owned(),
            )));
        };
        let asked = collect(&mut conn, sql);
        let answer = match limit {
            None => asked.await,
            Some(limit) => match timeout(limit, asked).await {
                Ok(answer) => answer,
                Err(_) => {
                    if late == Late::Kill {
                        tokio::spawn(kill(self.target.clone(), self.account, self.id));
                    }
                    return Err(error(SqlSource::Deadline(limit)));
                }
            },
        };
        match answer {
            Ok(rows) => {
                self.conn = Some(conn);
                Ok(rows)
            }
            Err(cause) => {
                let error = error(cause.into());
                if error.errno.is_some() {
                    self.conn = Some(conn);
                }
                Err(error)
            }
        }
    }
}

async fn collect(conn: &mut Conn, sql: &str) -> Result<Vec<Vec<Row>>, mysql_async::Error> {
    let mut all = Vec::new();
    let mut result = conn.query_iter(sql).await?;
    loop {
        all.push(result.collect::<Row>().await?);
        if result.is_empty() {
            break;
        }
    }
    // A statement behind the first that fails looks like the end until then; its error would come with
    // the next question.
    result.drop_result().await?;
    Ok(all)
}

/// Ends a session whose statement was given up. A session may always end those of its own account.
async fn kill(target: Arc<ServerTarget>, account: Account, id: u32) {
    let other = Session::connect(&target, account, CONNECT_LIMIT).await;
    if let Ok(Session {
        conn: Some(mut conn),
        ..
    }) = other
    {
        // An error means that it ended by itself.
        let _ = timeout(CONNECT_LIMIT, conn.query_drop(format!("KILL {id}"))).await;
    }
}
