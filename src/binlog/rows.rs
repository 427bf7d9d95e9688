//! Which tables a transaction changed, and how many rows of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::event::{Header, ReadError, kind};

mod width;

/// Rows changed in one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// The schema's name.
    pub schema: String,
    /// The table's name.
    pub table: String,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Events whose rows cannot be counted here: compressed by MariaDB, partial JSON updates of
    /// MySQL, or a column type unknown here. `mysqlbinlog -v` on the saved tail shows them.
    pub uncounted_events: u64,
}

/// Adds up the rows events of a transaction.
#[derive(Debug, Default)]
pub struct RowCounter {
    maps: BTreeMap<u64, TableMap>,
    counts: BTreeMap<(String, String), TableRows>,
}

#[derive(Debug)]
struct TableMap {
    name: (String, String),
    columns: Vec<width::Column>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Insert,
    Update,
    Delete,
}

/// How a type's body is laid out.
#[derive(Debug, Clone, Copy)]
struct RowsKind {
    change: Change,
    /// Version 2 has a field of extra data.
    version_2: bool,
    /// The rows can be read.
    plain: bool,
}

impl RowCounter {
    /// Takes the next event of the transaction; events that change no rows are passed over.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when a table map or the head of a rows event is not well formed.
    pub fn take(&mut self, header: &Header, body: &[u8]) -> Result<(), ReadError> {
        let mut body = Bytes::new(body, header.at);
        if header.kind == kind::TABLE_MAP {
            let (id, map) = table_map(&mut body)?;
            self.maps.insert(id, map);
            return Ok(());
        }
        let Some(rows) = rows_kind(header.kind) else {
            return Ok(());
        };
        let id = body.uint(6)?;
        // Table id 0xffffff marks an event that only ends a statement.
        let Some(map) = self.maps.get(&id) else {
            return Ok(());
        };
        let count = rows
            .plain
            .then(|| count_rows(rows, &map.columns, &mut body))
            .transpose()?;
        let (schema, table) = map.name.clone();
        let entry = self
            .counts
            .entry(map.name.clone())
            .or_insert_with(|| TableRows {
                schema,
                table,
                ..TableRows::default()
            });
        match (count.flatten(), rows.change) {
            (Some(count), Change::Insert) => entry.inserted += count,
            (Some(count), Change::Update) => entry.updated += count,
            (Some(count), Change::Delete) => entry.deleted += count,
            (None, _) => entry.uncounted_events += 1,
        }
        Ok(())
    }

    /// The sums, by schema and table.
    pub fn finish(self) -> Vec<TableRows> {
        self.counts.into_values().collect()
    }
}

fn rows_kind(of: u8) -> Option<RowsKind> {
    use Change::{Delete, Insert, Update};
    let (change, version_2, plain) = match of {
        kind::WRITE_ROWS_V1 => (Insert, false, true),
        kind::UPDATE_ROWS_V1 => (Update, false, true),
        kind::DELETE_ROWS_V1 => (Delete, false, true),
        kind::WRITE_ROWS => (Insert, true, true),
        kind::UPDATE_ROWS => (Update, true, true),
        kind::DELETE_ROWS => (Delete, true, true),
        kind::MYSQL_PARTIAL_UPDATE_ROWS => (Update, true, false),
        kind::MARIADB_WRITE_ROWS_COMPRESSED_V1 => (Insert, false, false),
        kind::MARIADB_UPDATE_ROWS_COMPRESSED_V1 => (Update, false, false),
        kind::MARIADB_DELETE_ROWS_COMPRESSED_V1 => (Delete, false, false),
        kind::MARIADB_WRITE_ROWS_COMPRESSED => (Insert, true, false),
        kind::MARIADB_UPDATE_ROWS_COMPRESSED => (Update, true, false),
        kind::MARIADB_DELETE_ROWS_COMPRESSED => (Delete, true, false),
        _ => return None,
    };
    Some(RowsKind {
        change,
        version_2,
        plain,
    })
}

/// Table id 6, flags 2, schema and table each as length 1, text, zero; number of columns, their
/// types, length of their metadata, these; what follows is not needed.
fn table_map(body: &mut Bytes<'_>) -> Result<(u64, TableMap), ReadError> {
    let id = body.uint(6)?;
    body.take(2)?;
    let mut text = || -> Result<String, ReadError> {
        let length = usize::from(body.u8()?);
        let text = String::from_utf8_lossy(body.take(length)?).into_owned();
        body.take(1)?;
        Ok(text)
    };
    let name = (text()?, text()?);
    let count = body.lenenc()?;
    let types = body.take(count)?;
    let length = body.lenenc()?;
    let mut metadata = Bytes::new(body.take(length)?, 0);
    let columns = types
        .iter()
        .map(|kind| width::Column::read(*kind, &mut metadata));
    Ok((
        id,
        TableMap {
            name,
            columns: columns.collect::<Result<_, _>>()?,
        },
    ))
}

/// After the table id: flags 2, in version 2 the length of extra data 2 (its own two bytes
/// included) and these; number of columns, a bitmap of the columns present, for updates a second
/// one for the row after; then the rows. None when a column's width is unknown.
fn count_rows(
    rows: RowsKind,
    columns: &[width::Column],
    body: &mut Bytes<'_>,
) -> Result<Option<u64>, ReadError> {
    body.take(2)?;
    if rows.version_2 {
        let extra = usize::from(body.u16()?);
        body.take(extra.saturating_sub(2))?;
    }
    let count = body.lenenc()?;
    let bitmap = count.div_ceil(8);
    let before = body.take(bitmap)?;
    let after = if rows.change == Change::Update {
        Some(body.take(bitmap)?)
    } else {
        None
    };
    let mut counted = 0;
    while !body.is_empty() {
        let left = body.rest().len();
        for present in std::iter::once(before).chain(after) {
            if !skip_row(present, columns, body)? {
                return Ok(None);
            }
        }
        // A row without a byte would be counted for ever.
        if body.rest().len() == left {
            return Ok(None);
        }
        counted += 1;
    }
    Ok(Some(counted))
}

/// A bitmap of which of the present columns are NULL, then the others' values.
fn skip_row(
    present: &[u8],
    columns: &[width::Column],
    body: &mut Bytes<'_>,
) -> Result<bool, ReadError> {
    let bit = |map: &[u8], at: usize| map.get(at / 8).is_some_and(|b| b >> (at % 8) & 1 == 1);
    let here = columns
        .iter()
        .enumerate()
        .filter(|(at, _)| bit(present, *at));
    let nulls = body.take(here.clone().count().div_ceil(8))?;
    for (nth, (_, column)) in here.enumerate() {
        if !bit(nulls, nth) && !column.skip(body)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
