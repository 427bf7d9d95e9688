//! What was logged before a file began: MySQL's Previous_gtids, MariaDB's Gtid_list.

use super::bytes::Bytes;
use super::event::{Header, ReadError, kind};
use crate::model::gtid::{Gtid, GtidSet, Origin, Tag, Uuid};

/// True for the types that [`read`] reads.
pub fn is_history(kind: u8) -> bool {
    matches!(kind, kind::MYSQL_PREVIOUS_GTIDS | kind::MARIADB_GTID_LIST)
}

/// Reads either family's event.
///
/// # Errors
/// [`ReadError::Damaged`] when the body is not of that type.
pub fn read(header: &Header, body: &[u8]) -> Result<GtidSet, ReadError> {
    let mut body = Bytes::new(body, header.at);
    match header.kind {
        kind::MYSQL_PREVIOUS_GTIDS => previous_gtids(&mut body),
        kind::MARIADB_GTID_LIST => gtid_list(&mut body),
        _ => Err(body.damaged("an event that lists no GTIDs")),
    }
}

/// Number of origins 8, then for each: UUID 16, number of intervals 8, and for each of these the
/// first number 8 and the one behind the last 8. Once a tagged GTID was executed the highest and
/// the lowest byte of the first field are 1, the number stands between them, and a tag (length
/// byte shifted left by one, text) follows each UUID (`sql/rpl_gtid_set.cc`, `encode_nsids_format`).
fn previous_gtids(body: &mut Bytes<'_>) -> Result<GtidSet, ReadError> {
    let field = body.u64()?;
    let (tagged, origins) = match field >> 56 {
        0 => (false, field),
        1 => (true, (field >> 8) & 0xffff_ffff_ffff),
        _ => return Err(body.damaged("a GTID set in a newer encoding")),
    };
    let mut set = GtidSet::new();
    for _ in 0..origins {
        let uuid = Uuid(body.array()?);
        let tag = if tagged { read_tag(body)? } else { None };
        for _ in 0..body.u64()? {
            let (first, behind) = (body.u64()?, body.u64()?);
            if first == 0 || behind <= first {
                return Err(body.damaged("an interval of GTIDs that is none"));
            }
            set.insert_range(
                Origin::Mysql {
                    uuid,
                    tag: tag.clone(),
                },
                first,
                behind - 1,
            );
        }
    }
    Ok(set)
}

fn read_tag(body: &mut Bytes<'_>) -> Result<Option<Tag>, ReadError> {
    let length = usize::try_from(body.varlen()?).unwrap_or(usize::MAX);
    let text = std::str::from_utf8(body.take(length)?).unwrap_or("?");
    if text.is_empty() {
        return Ok(None);
    }
    Tag::new(text)
        .map(Some)
        .map_err(|_| body.damaged("a tag that is none"))
}

/// Count 4 (28 bits of it), then for each: domain 4, `server_id` 4, sequence 8. It is the
/// `gtid_binlog_state` when the file began: the last sequence of each server in each domain.
fn gtid_list(body: &mut Bytes<'_>) -> Result<GtidSet, ReadError> {
    let count = body.u32()? & 0x0fff_ffff;
    let mut set = GtidSet::new();
    for _ in 0..count {
        let (domain, server) = (body.u32()?, body.u32()?);
        let number = body.u64()?;
        set.insert_through(Gtid {
            origin: Origin::Mariadb { domain, server },
            number,
        });
    }
    Ok(set)
}
