//! Why a server did not do what was asked.

use std::io::ErrorKind;
use std::time::Duration;

use crate::model::probe::refuses_login;

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

    /// The connection ended, or was refused, by the other side: neither an answer nor silence. What our
    /// own side lacks (file descriptors, rights, a socket's file) says nothing of a server.
    pub fn is_lost(&self) -> bool {
        const SHUTTING_DOWN: [u16; 2] = [1053, 1927];
        let by_the_other_side = |kind| {
            matches!(
                kind,
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::NotConnected
            )
        };
        self.errno
            .is_some_and(|errno| SHUTTING_DOWN.contains(&errno))
            || self.io_kind().is_some_and(by_the_other_side)
    }

    /// Our account was not let in.
    pub fn is_denied(&self) -> bool {
        self.errno
            .is_some_and(|errno| refuses_login(u32::from(errno)))
    }

    /// The server could not read its relay log's index or what it points at (MariaDB 1201, MySQL 1872).
    pub fn is_link_unreadable(&self) -> bool {
        const UNREADABLE: [u16; 2] = [1201, 1872];
        self.errno.is_some_and(|errno| UNREADABLE.contains(&errno))
    }

    /// Nobody listens where the login was attempted.
    pub fn is_nobody_there(&self) -> bool {
        let nobody = [ErrorKind::NotFound, ErrorKind::ConnectionRefused];
        self.io_kind().is_some_and(|kind| nobody.contains(&kind))
    }

    fn io_kind(&self) -> Option<ErrorKind> {
        match &self.source {
            SqlSource::Driver(mysql_async::Error::Io(mysql_async::IoError::Io(error))) => {
                Some(error.kind())
            }
            SqlSource::Driver(_) | SqlSource::Deadline(_) | SqlSource::Unexpected(_) => None,
        }
    }

    /// The server does not know the account, or not with this password.
    pub fn is_access_denied(&self) -> bool {
        self.errno == Some(ACCESS_DENIED)
    }

    /// The deadline passed.
    pub fn is_deadline(&self) -> bool {
        matches!(self.source, SqlSource::Deadline(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn error(io: io::Error) -> SqlError {
        let io = mysql_async::Error::Io(mysql_async::IoError::Io(io));
        SqlError::new("logging in", "db1", io)
    }

    #[test]
    fn only_what_the_other_side_does_counts_against_it() {
        for kind in [
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionReset,
            ErrorKind::UnexpectedEof,
            ErrorKind::BrokenPipe,
        ] {
            assert!(error(kind.into()).is_lost(), "{kind:?}");
        }
        let (emfile, enfile, enomem) = (24, 23, 12);
        for errno in [emfile, enfile, enomem] {
            assert!(!error(io::Error::from_raw_os_error(errno)).is_lost());
        }
        for kind in [ErrorKind::NotFound, ErrorKind::PermissionDenied] {
            assert!(!error(kind.into()).is_lost(), "{kind:?}");
        }
    }

    #[test]
    fn a_missing_or_stale_socket_is_nobody_there() {
        assert!(error(ErrorKind::NotFound.into()).is_nobody_there());
        assert!(error(ErrorKind::ConnectionRefused.into()).is_nobody_there());
        assert!(!error(ErrorKind::ConnectionReset.into()).is_nobody_there());
    }
}
