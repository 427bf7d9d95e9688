//! Why a server did not do what was asked.

use std::time::Duration;

/// An attempt at one server that failed.
#[derive(Debug, thiserror::Error)]
#[error("{attempted} at {on}")]
pub struct SqlError {
    /// What was attempted: a statement without secrets, or "connecting as NAME".
    pub attempted: String,
    /// The member's name.
    pub on: String,
    /// The server's error number, where a server answered.
    pub errno: Option<u16>,
    /// What came instead.
    #[source]
    pub source: SqlSource,
}

/// What came instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlSource {
    /// The server's own refusal, or a broken connection.
    #[error(transparent)]
    Driver(#[from] mysql_async::Error),
    /// No answer within the deadline.
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// An answer that makes no sense.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

/// ER_ACCESS_DENIED_ERROR.
const ACCESS_DENIED: u16 = 1045;

impl SqlError {
    /// Wraps what the driver says.
    pub fn new(attempted: impl Into<String>, on: &str, source: impl Into<SqlSource>) -> Self {
        let source = source.into();
        let errno = match &source {
            SqlSource::Driver(mysql_async::Error::Server(error)) => Some(error.code),
            // A MySQL server that does not know the user names the plugin of a decoy account.
            SqlSource::Driver(mysql_async::Error::Driver(
                mysql_async::DriverError::UnknownAuthPlugin { .. },
            )) => Some(ACCESS_DENIED),
            SqlSource::Driver(_) | SqlSource::Deadline(_) | SqlSource::Unexpected(_) => None,
        };
        Self {
            attempted: attempted.into(),
            on: on.to_owned(),
            errno,
            source,
        }
    }

    /// An answer that could not be understood.
    pub fn unexpected(attempted: impl Into<String>, on: &str, what: impl Into<String>) -> Self {
        Self::new(attempted, on, SqlSource::Unexpected(what.into()))
    }

    /// The whole chain in one line.
    pub fn chain(&self) -> String {
        format!("{self}: {}", self.source)
    }

    /// The connection itself failed before any server spoke: another connection may work.
    pub fn is_broken_connection(&self) -> bool {
        matches!(&self.source, SqlSource::Driver(error) if error.is_fatal())
    }

    /// The connection ended, or was refused, by the other side: neither an answer nor silence.
    pub fn is_lost(&self) -> bool {
        const SHUTTING_DOWN: [u16; 2] = [1053, 1927];
        self.errno
            .is_some_and(|errno| SHUTTING_DOWN.contains(&errno))
            || matches!(&self.source, SqlSource::Driver(mysql_async::Error::Io(_)))
    }

    /// The deadline passed.
    pub fn is_deadline(&self) -> bool {
        matches!(self.source, SqlSource::Deadline(_))
    }
}
