//! A member's management sessions: a few are kept warm, so that an action costs no login.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::action::ActionError;
use crate::mysql::session::CONNECT_LIMIT;
use crate::mysql::{Account, Dialect, Row, ServerTarget, Session, SqlError};

/// Sessions kept open at one member between actions: closing a MySQL server takes three.
const WARM: usize = 3;

/// A statement of an action that nothing can hold up must be answered by then.
pub const LIMIT: Duration = Duration::from_secs(5);

/// One member, for those who change it.
#[derive(Debug)]
pub struct ServerHandle {
    target: Arc<ServerTarget>,
    warm: Mutex<Vec<Session>>,
    starts: tokio::sync::Mutex<()>,
}

/// A session on loan: it goes back when dropped, if it still works.
#[derive(Debug)]
pub struct Lent<'a> {
    session: Session,
    handle: &'a ServerHandle,
}

impl ServerHandle {
    /// A handle without any session yet.
    pub fn new(target: Arc<ServerTarget>) -> Self {
        Self {
            target,
            warm: Mutex::new(Vec::new()),
            starts: tokio::sync::Mutex::default(),
        }
    }

    /// The member it is for.
    pub fn target(&self) -> &Arc<ServerTarget> {
        &self.target
    }

    /// One start of a replication thread after the other: what the first of both threads needs, the
    /// second must find done.
    pub async fn one_start(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.starts.lock().await
    }

    /// Opens sessions ahead, so that the next actions need no login, also those of a failover. What is left
    /// of an earlier life of the server goes.
    ///
    /// # Errors
    /// The server cannot be logged in to.
    pub async fn warm_up(&self) -> Result<(), SqlError> {
        self.cool_down();
        while self.lock().len() < WARM {
            let session = self.fresh().await?;
            self.lock().push(session);
        }
        Ok(())
    }

    /// Gives up the warm sessions: what they may do was settled at their login.
    pub fn cool_down(&self) {
        self.lock().clear();
    }

    /// Asks a first question on a warm session, or on a fresh one where the warm one's connection
    /// is gone: most actions begin so.
    ///
    /// # Errors
    /// The question was refused, or the server cannot be reached.
    pub async fn ask(&self, sql: &str) -> Result<(Lent<'_>, Vec<Row>), SqlError> {
        self.ask_words(|_| sql.to_owned())
            .await
            .map(|(session, results)| {
                let rows = results.into_iter().next().unwrap_or_default();
                (session, rows)
            })
    }

    /// As [`Self::ask`], with statements in the server's own words, joined by semicolons: the rows of
    /// each. They may be run twice, so they must be such that this does no harm.
    ///
    /// # Errors
    /// The first statement's that was refused, or the server cannot be reached.
    pub async fn ask_words(
        &self,
        words: impl Fn(Dialect) -> String,
    ) -> Result<(Lent<'_>, Vec<Vec<Row>>), SqlError> {
        let warm = self.lock().pop();
        if let Some(session) = warm {
            let mut session = self.lend(session);
            let sql = words(session.dialect());
            match session.results(&sql, LIMIT).await {
                Err(error) if error.is_broken_connection() => self.lock().clear(),
                answer => return Ok((session, answer?)),
            }
        }
        let mut session = self.lend(self.fresh().await?);
        let sql = words(session.dialect());
        let results = session.results(&sql, LIMIT).await?;
        Ok((session, results))
    }

    /// A session that answers: a warm one, or a fresh one.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn session(&self) -> Result<Lent<'_>, SqlError> {
        self.ask("SELECT 1").await.map(|(session, _)| session)
    }

    async fn fresh(&self) -> Result<Session, SqlError> {
        Session::connect(&self.target, Account::Manage, CONNECT_LIMIT).await
    }

    fn lend(&self, session: Session) -> Lent<'_> {
        Lent {
            session,
            handle: self,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent<'_> {
    /// Takes the session for good, for a task that may outlive the action.
    pub fn keep(mut self) -> Session {
        self.session.hand_on()
    }
}

impl Deref for Lent<'_> {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let session = self.session.hand_on();
        let mut warm = self.handle.lock();
        if session.usable() && warm.len() < WARM {
            warm.push(session);
        }
    }
}

impl From<SqlError> for ActionError {
    fn from(error: SqlError) -> Self {
        if error.is_denied() {
            Self::Denied(error.chain())
        } else if error.is_link_unreadable() {
            Self::Unreadable(error.chain())
        } else {
            Self::Failed(error.chain())
        }
    }
}
