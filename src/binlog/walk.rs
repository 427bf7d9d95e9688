//! The transactions of one file, in order.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::event::{Events, Format, Header, ReadError, kind};
use super::gtid_event::{self, GtidEvent, mariadb_flag};
use super::history;
use crate::model::gtid::{Gtid, GtidSet};

/// A file that cannot be read, and why.
#[derive(Debug, thiserror::Error)]
#[error("reading the log file {path}")]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: ReadError,
}

/// How a transaction ends in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The storage engine's commit (Xid), or a compressed transaction, which holds one.
    Commit,
    /// A COMMIT or ROLLBACK in words, with changes before it: the engine is not transactional.
    WithoutEngine,
    /// A COMMIT or ROLLBACK in words with nothing before it.
    Nothing,
    /// One statement of its own: DDL, accounts, FLUSH, XA COMMIT; its first characters.
    Statement(String),
    /// XA PREPARE.
    XaPrepare,
    /// The next transaction begins without any of these.
    Unknown,
    /// The file ends first: the server never committed it.
    Unfinished,
}

/// A transaction in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its GTID.
    pub gtid: Gtid,
    /// The GTID event's flags.
    pub flags: u8,
    /// Start of its GTID event, in bytes from the start of the file.
    pub start: u64,
    /// Position behind its last whole event.
    pub end: u64,
    /// How it ends.
    pub ending: Ending,
    /// A statement of MySQL's that its engine commits together with the log, as it is written down with the
    /// number of that commit: DDL that only touches engines that can roll it back.
    pub atomic: bool,
}

/// One file, walked from its start.
#[derive(Debug)]
pub struct Walk<R> {
    events: Events<R>,
    /// The list of GTIDs at the start of the file, and where its event ends.
    history: Option<GtidSet>,
    header_end: u64,
    /// A transaction that has begun, and whether something changed in it.
    open: Option<Open>,
    /// A GTID event that was read while the transaction before it had no end.
    ended: Option<Transaction>,
    anonymous: Option<u64>,
}

#[derive(Debug)]
struct Open {
    seen: Transaction,
    /// The family is MariaDB: BEGIN is in the GTID event.
    mariadb: bool,
    /// Inside BEGIN or XA START.
    group: bool,
    changes: bool,
}

impl Walk<BufReader<File>> {
    /// Opens a file and reads its head.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let wrong = |source| FileError {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(|e| wrong(e.into()))?;
        Self::new(BufReader::with_capacity(1 << 18, file)).map_err(wrong)
    }
}

impl<R: Read + Seek> Walk<R> {
    /// Reads the head: format description and list of GTIDs.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut events = Events::open(input)?;
        let mut walk_from = events.position();
        let mut listed = None;
        let second = events.next()?;
        if let Some(header) = second.filter(|header| history::is_history(header.kind)) {
            let body = events.body(&header)?;
            listed = Some(history::read(&header, &body)?);
            walk_from = events.position();
        }
        events.go_to(walk_from);
        Ok(Self {
            events,
            history: listed,
            header_end: walk_from,
            open: None,
            ended: None,
            anonymous: None,
        })
    }

    /// What the format description says.
    pub fn format(&self) -> &Format {
        self.events.format()
    }

    /// Everything logged before this file, by its own list; none where it has no list, as in a
    /// MariaDB relay log.
    pub fn history(&self) -> Option<&GtidSet> {
        self.history.as_ref()
    }

    /// Position behind the format description and the list of GTIDs.
    pub fn header_end(&self) -> u64 {
        self.header_end
    }

    /// Where the first MySQL transaction without a GTID lies, of those already walked over.
    pub fn anonymous(&self) -> Option<u64> {
        self.anonymous
    }

    /// The events, for whoever reads on from a position.
    pub fn into_events(self) -> Events<R> {
        self.events
    }

    /// The next transaction.
    ///
    /// # Errors
    /// [`ReadError`]: the file is damaged; an event that a dying server began is not.
    #[expect(clippy::should_implement_trait, reason = "it may fail")]
    pub fn next(&mut self) -> Result<Option<Transaction>, ReadError> {
        loop {
            if let Some(done) = self.ended.take() {
                return Ok(Some(done));
            }
            let Some(header) = self.events.next()? else {
                return Ok(self.open.take().map(|open| open.seen));
            };
            if gtid_event::is_gtid(header.kind) {
                let body = self.events.body(&header)?;
                self.begin(&header, gtid_event::read(&header, &body)?);
            } else {
                // Also what is not read here: a damaged type would hide a transaction.
                if header.kind != kind::FORMAT_DESCRIPTION {
                    self.events.verify(&header)?;
                }
                self.go_on(&header)?;
            }
        }
    }

    fn begin(&mut self, header: &Header, event: GtidEvent) {
        let seen = Transaction {
            gtid: event.gtid,
            flags: event.flags,
            start: header.at,
            end: header.end(),
            ending: Ending::Unfinished,
            atomic: false,
        };
        let mariadb = header.kind == kind::MARIADB_GTID;
        let group = mariadb && event.flags & mariadb_flag::STANDALONE == 0;
        let before = self.open.replace(Open {
            seen,
            mariadb,
            group,
            changes: false,
        });
        self.ended = before.map(|open| Transaction {
            ending: Ending::Unknown,
            ..open.seen
        });
    }

    fn go_on(&mut self, header: &Header) -> Result<(), ReadError> {
        if header.kind == kind::MYSQL_ANONYMOUS_GTID {
            self.anonymous.get_or_insert(header.at);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.seen.end = header.end();
        let ending = match header.kind {
            kind::XID | kind::MYSQL_TRANSACTION_PAYLOAD => Some(Ending::Commit),
            kind::XA_PREPARE => Some(Ending::XaPrepare),
            kind::QUERY => {
                let body = self.events.body(header)?;
                let (text, variables) = query_parts(header, &body)?;
                open.seen.atomic = !open.mariadb && is_two_phase(variables);
                open.query(&text)
            }
            kind::MARIADB_QUERY_COMPRESSED => open.query("(compressed)"),
            of => {
                open.changes |= !kind::changes_nothing(of);
                None
            }
        };
        if let Some(ending) = ending {
            self.ended = self.open.take().map(|open| Transaction {
                ending,
                ..open.seen
            });
        }
        Ok(())
    }
}

impl Open {
    /// What a statement in words means for the transaction.
    fn query(&mut self, text: &str) -> Option<Ending> {
        match text {
            "BEGIN" => {
                self.group = true;
                return None;
            }
            "COMMIT" | "ROLLBACK" if self.group => {
                return Some(if self.changes {
                    Ending::WithoutEngine
                } else {
                    Ending::Nothing
                });
            }
            _ => {}
        }
        let is = |word: &str| {
            text.get(..word.len())
                .is_some_and(|t| t.eq_ignore_ascii_case(word))
        };
        if is("XA START") {
            self.group = true;
            return None;
        }
        let xa_end_of_mariadb = self.mariadb && (is("XA COMMIT") || is("XA ROLLBACK"));
        if self.group && !xa_end_of_mariadb {
            self.changes |= !is("XA END");
            return None;
        }
        Some(Ending::Statement(text.chars().take(200).collect()))
    }
}

/// Body: thread 4, seconds 4, length of the schema's name 1, error 2, length of the status
/// variables 2, these, the schema and a zero, the statement.
fn query_parts<'b>(header: &Header, body: &'b [u8]) -> Result<(String, &'b [u8]), ReadError> {
    let mut body = Bytes::new(body, header.at);
    body.take(8)?;
    let schema = usize::from(body.u8()?);
    body.take(2)?;
    let variables = usize::from(body.u16()?);
    let variables = body.take(variables)?;
    body.take(schema + 1)?;
    // Statements of many megabytes are cut: only their first words are looked at.
    let text = body.rest().get(..1000).unwrap_or(body.rest());
    Ok((String::from_utf8_lossy(text).into_owned(), variables))
}

/// Whether a statement's status variables name the commit of its own that it is part of
/// (`Q_DDL_LOGGED_WITH_XID`). A variable that is not known here ends the search.
fn is_two_phase(mut variables: &[u8]) -> bool {
    const WITH_XID: u8 = 17;
    while let [code, rest @ ..] = variables {
        let length = match (*code, rest) {
            (WITH_XID, _) => return true,
            (0 | 3 | 10, _) => 4,
            (1 | 9, _) => 8,
            // A text with its length before it and, of the first, a zero behind it.
            (2, [length, ..]) => usize::from(*length) + 2,
            (5 | 6, [length, ..]) => usize::from(*length) + 1,
            (4, _) => 6,
            (7 | 8 | 18, _) => 2,
            (11, [user, more @ ..]) => {
                let host = more.get(usize::from(*user)).copied().unwrap_or_default();
                usize::from(*user) + usize::from(host) + 2
            }
            // Names of schemas, each with a zero behind it; 254 stands for too many of them.
            (12, [254, ..]) => 1,
            (12, [count, names @ ..]) => {
                let ends = names.iter().enumerate().filter(|(_, byte)| **byte == 0);
                match usize::from(*count).checked_sub(1) {
                    Some(last) => ends.map(|(at, _)| at + 2).nth(last).unwrap_or(usize::MAX),
                    None => 1,
                }
            }
            (13, _) => 3,
            (16 | 19 | 20, _) => 1,
            _ => return false,
        };
        variables = rest.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests;
