//! How many bytes a column's value takes in a row image.
//!
//! Types and metadata: MySQL's `field_types.h` and `Table_map_event`; MariaDB adds its compressed
//! columns 140 and 141.

use crate::binlog::bytes::Bytes;
use crate::binlog::event::ReadError;

/// The width of one column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Always so many bytes.
    Fixed(usize),
    /// A length of so many bytes, then the value.
    Prefixed(usize),
    /// A type this version does not know: the row cannot be walked over.
    Unknown,
}

impl Column {
    /// Takes the column's metadata off the table map's.
    pub(super) fn read(kind: u8, metadata: &mut Bytes<'_>) -> Result<Self, ReadError> {
        Ok(match kind {
            // TINY, YEAR; SHORT; INT24, DATE, TIME, NEWDATE; LONG, TIMESTAMP; LONGLONG, DATETIME
            1 | 13 => Self::Fixed(1),
            2 => Self::Fixed(2),
            9 | 10 | 11 | 14 => Self::Fixed(3),
            3 | 7 => Self::Fixed(4),
            8 | 12 => Self::Fixed(8),
            // NULL
            6 => Self::Fixed(0),
            // FLOAT and DOUBLE carry their size.
            4 | 5 => Self::Fixed(usize::from(metadata.u8()?)),
            // TIMESTAMP2, DATETIME2, TIME2 carry their fractional digits.
            17 => Self::Fixed(4 + fraction(metadata)?),
            18 => Self::Fixed(5 + fraction(metadata)?),
            19 => Self::Fixed(3 + fraction(metadata)?),
            // VARCHAR and VAR_STRING, MariaDB's compressed VARCHAR
            15 | 253 | 141 => Self::Prefixed(if metadata.u16()? > 255 { 2 } else { 1 }),
            16 => {
                let (bits, bytes) = (metadata.u8()?, metadata.u8()?);
                Self::Fixed(usize::from(bytes) + usize::from(bits > 0))
            }
            246 => decimal(metadata.u8()?, metadata.u8()?),
            // VECTOR, JSON, the BLOBs, GEOMETRY, MariaDB's compressed BLOB
            242 | 245 | 249..=252 | 255 | 140 => Self::Prefixed(usize::from(metadata.u8()?)),
            // ENUM and SET of their own
            247 | 248 => {
                metadata.u8()?;
                Self::Fixed(usize::from(metadata.u8()?))
            }
            254 => string(metadata.u8()?, metadata.u8()?),
            _ => Self::Unknown,
        })
    }

    /// Passes over one value; false when its width is unknown.
    pub(super) fn skip(self, row: &mut Bytes<'_>) -> Result<bool, ReadError> {
        match self {
            Self::Fixed(width) => row.take(width).map(|_| true),
            Self::Prefixed(prefix) => {
                let length = usize::try_from(row.uint(prefix)?).unwrap_or(usize::MAX);
                row.take(length).map(|_| true)
            }
            Self::Unknown => Ok(false),
        }
    }
}

fn fraction(metadata: &mut Bytes<'_>) -> Result<usize, ReadError> {
    Ok(usize::from(metadata.u8()?).div_ceil(2))
}

/// Nine digits take four bytes, fewer take 0 to 4, on both sides of the point.
fn decimal(precision: u8, scale: u8) -> Column {
    const LEFT_OVER: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let bytes = |digits: u8| {
        let left_over = LEFT_OVER.get(usize::from(digits % 9)).copied().unwrap_or(0);
        usize::from(digits / 9) * 4 + left_over
    };
    match precision.checked_sub(scale) {
        Some(whole) => Column::Fixed(bytes(whole) + bytes(scale)),
        None => Column::Unknown,
    }
}

/// STRING stands for CHAR, ENUM and SET: the first byte is the real type, and for a CHAR of more
/// than 255 bytes two bits of its length are hidden in it, inverted.
fn string(kind: u8, length: u8) -> Column {
    if kind & 0x30 != 0x30 {
        let length = u16::from(length) | (u16::from((kind & 0x30) ^ 0x30) << 4);
        return Column::Prefixed(if length > 255 { 2 } else { 1 });
    }
    match kind {
        247 | 248 => Column::Fixed(usize::from(length)),
        _ => Column::Prefixed(1),
    }
}
