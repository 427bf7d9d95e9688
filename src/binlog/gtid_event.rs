//! The events that begin a transaction and name it.

use super::bytes::Bytes;
use super::event::{Header, ReadError, kind};
use crate::model::gtid::{Gtid, Origin, Tag, Uuid};

/// Flags of MariaDB's GTID event (`sql/log_event.h`, `Gtid_log_event`).
#[expect(missing_docs, reason = "the server's own names")]
pub mod mariadb_flag {
    pub const STANDALONE: u8 = 1;
    pub const TRANSACTIONAL: u8 = 4;
    pub const DDL: u8 = 32;
    pub const PREPARED_XA: u8 = 64;
    pub const COMPLETED_XA: u8 = 128;
}

/// What a GTID event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GtidEvent {
    /// The transaction.
    pub gtid: Gtid,
    /// [`mariadb_flag`]; on MySQL bit 0: the transaction may hold statements.
    pub flags: u8,
}

/// True for the types that [`read`] reads.
pub fn is_gtid(kind: u8) -> bool {
    matches!(
        kind,
        kind::MYSQL_GTID | kind::MYSQL_TAGGED_GTID | kind::MARIADB_GTID
    )
}

/// Reads a GTID event of either family.
///
/// # Errors
/// [`ReadError::Damaged`] when the body is not of that type.
pub fn read(header: &Header, body: &[u8]) -> Result<GtidEvent, ReadError> {
    let mut body = Bytes::new(body, header.at);
    match header.kind {
        kind::MYSQL_GTID => mysql(&mut body),
        kind::MYSQL_TAGGED_GTID => mysql_tagged(&mut body),
        kind::MARIADB_GTID => mariadb(header.server_id, &mut body),
        _ => Err(body.damaged("an event that is no GTID event")),
    }
}

/// Flags 1, UUID 16, number 8.
fn mysql(body: &mut Bytes<'_>) -> Result<GtidEvent, ReadError> {
    let flags = body.u8()?;
    let uuid = Uuid(body.array()?);
    let gtid = Gtid {
        origin: Origin::Mysql { uuid, tag: None },
        number: body.u64()?,
    };
    Ok(GtidEvent { gtid, flags })
}

/// `mysql::serialization`: version, size, last field that must be understood, then fields as
/// (id, value), ids rising: 0 flags (1 byte), 1 UUID (16 numbers), 2 number (signed: its lowest bit
/// is the sign), 3 tag (length, bytes).
fn mysql_tagged(body: &mut Bytes<'_>) -> Result<GtidEvent, ReadError> {
    if body.varlen()? != 1 {
        return Err(body.damaged("a tagged GTID event of a newer version"));
    }
    let (_size, _last_needed) = (body.varlen()?, body.varlen()?);
    let (mut flags, mut uuid, mut number, mut tag) = (0, None, None, None);
    while !body.is_empty() {
        match body.varlen()? {
            0 => flags = body.u8()?,
            1 => {
                let mut bytes = [0; 16];
                for byte in &mut bytes {
                    let value = body.varlen()?;
                    *byte = u8::try_from(value)
                        .map_err(|_| body.damaged("a UUID with a number above 255"))?;
                }
                uuid = Some(Uuid(bytes));
            }
            2 => number = Some(body.varlen()? >> 1),
            3 => {
                let length = body.varlen()?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let text = std::str::from_utf8(body.take(length)?).unwrap_or("?");
                if !text.is_empty() {
                    let read = Tag::new(text).map_err(|_| body.damaged("a tag that is none"))?;
                    tag = Some(read);
                }
                break;
            }
            _ => break,
        }
    }
    match (uuid, number) {
        (Some(uuid), Some(number)) => Ok(GtidEvent {
            gtid: Gtid {
                origin: Origin::Mysql { uuid, tag },
                number,
            },
            flags,
        }),
        _ => Err(body.damaged("a tagged GTID event without UUID or number")),
    }
}

/// Sequence 8, domain 4, flags 1; the server is the header's.
fn mariadb(server: u32, body: &mut Bytes<'_>) -> Result<GtidEvent, ReadError> {
    let number = body.u64()?;
    let domain = body.u32()?;
    let flags = body.u8()?;
    Ok(GtidEvent {
        gtid: Gtid {
            origin: Origin::Mariadb { domain, server },
            number,
        },
        flags,
    })
}
