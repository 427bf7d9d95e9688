//! Transactions that are about to be cut off, told to a person.

use serde::{Deserialize, Serialize};

use std::io::{Read, Seek};

use super::event::{Events, ReadError, kind};
use super::rows::{RowCounter, TableRows};
use super::walk::{Ending, Transaction};
use crate::model::gtid::Gtid;

/// A transaction in the tail that the peer never received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GhostTransaction {
    /// Its GTID.
    pub gtid: Gtid,
    /// The flags of its GTID event.
    pub flags: u8,
    /// The file's name.
    pub file: String,
    /// Start of its GTID event in that file, in bytes.
    pub position: u64,
    /// Its bytes.
    pub bytes: u64,
    /// How it ends.
    pub ending: Ending,
    /// It is compressed by MySQL: tables and rows are not counted, `mysqlbinlog -v` shows them.
    pub compressed: bool,
    /// Rows it changed.
    pub tables: Vec<TableRows>,
}

/// Reads a transaction's events.
///
/// # Errors
/// [`ReadError`].
pub fn describe<R: Read + Seek>(
    events: &mut Events<R>,
    file: &str,
    transaction: &Transaction,
) -> Result<GhostTransaction, ReadError> {
    let mut rows = RowCounter::default();
    let mut compressed = false;
    events.go_to(transaction.start);
    while events.position() < transaction.end {
        let Some(header) = events.next()? else { break };
        compressed |= header.kind == kind::MYSQL_TRANSACTION_PAYLOAD;
        let body = events.body(&header)?;
        rows.take(&header, &body)?;
    }
    Ok(GhostTransaction {
        gtid: transaction.gtid.clone(),
        flags: transaction.flags,
        file: file.to_owned(),
        position: transaction.start,
        bytes: transaction.end.saturating_sub(transaction.start),
        ending: transaction.ending.clone(),
        compressed,
        tables: rows.finish(),
    })
}
