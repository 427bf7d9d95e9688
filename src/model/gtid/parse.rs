//! Reading both families' text.

use super::{Gtid, GtidSet, Origin, Tag, Uuid};

/// What in a text is no GTID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GtidError {
    /// Not 8-4-4-4-12 hexadecimal digits.
    #[error("reading a GTID: {text:?} is no server UUID (8-4-4-4-12 hexadecimal digits)")]
    Uuid {
        /// The text in its place.
        text: String,
    },
    /// Not a tag MySQL would take.
    #[error(
        "reading a GTID: {text:?} is no tag (1 to 32 letters, digits or _, no digit at the start)"
    )]
    Tag {
        /// The text in its place.
        text: String,
    },
    /// Not a number or interval from 1 on.
    #[error(
        "reading a GTID: {text:?} in {within:?} is no transaction number or interval from 1 on"
    )]
    Number {
        /// The text in its place.
        text: String,
        /// The entry around it.
        within: String,
    },
    /// Not `domain-server-sequence`.
    #[error("reading a GTID: {text:?} is not of the form domain-server_id-sequence")]
    Position {
        /// The entry.
        text: String,
    },
    /// A set where one GTID was expected.
    #[error("reading a GTID: {text:?} is not exactly one transaction")]
    NotOne {
        /// The whole text.
        text: String,
    },
}

pub(super) fn mysql(text: &str) -> Result<GtidSet, GtidError> {
    let mut set = GtidSet::new();
    entries(text).try_for_each(|entry| mysql_entry(entry, &mut set))?;
    Ok(set)
}

pub(super) fn mariadb(text: &str) -> Result<GtidSet, GtidError> {
    let mut set = GtidSet::new();
    entries(text).try_for_each(|entry| mariadb_entry(entry, &mut set))?;
    Ok(set)
}

pub(super) fn either(text: &str) -> Result<GtidSet, GtidError> {
    let mut set = GtidSet::new();
    entries(text).try_for_each(|entry| match entry.contains(':') {
        true => mysql_entry(entry, &mut set),
        false => mariadb_entry(entry, &mut set),
    })?;
    Ok(set)
}

pub(super) fn one(text: &str) -> Result<Gtid, GtidError> {
    let not_one = || GtidError::NotOne {
        text: text.to_owned(),
    };
    if !text.contains(':') {
        let (domain, server, number) = triple(text.trim())?;
        let number = whole(number, text)?;
        return Ok(Gtid {
            origin: Origin::Mariadb { domain, server },
            number,
        });
    }
    let set = mysql(text)?;
    let mut origins = set.iter();
    match (origins.next(), origins.next()) {
        (Some((origin, numbers)), None) if numbers.count() == 1 => {
            let number = numbers.last().ok_or_else(not_one)?;
            Ok(Gtid {
                origin: origin.clone(),
                number,
            })
        }
        _ => Err(not_one()),
    }
}

/// MySQL lets an entry be empty, as in `a:1,,b:2`, and so do we.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

fn mysql_entry(entry: &str, set: &mut GtidSet) -> Result<(), GtidError> {
    let mut parts = entry.split(':').map(str::trim);
    let uuid: Uuid = parts.next().unwrap_or_default().parse()?;
    let mut tag = None;
    for part in parts {
        if part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            tag = Some(Tag::new(part)?);
            continue;
        }
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (whole(first, entry)?, whole(last, entry)?),
            None => (whole(part, entry)?, whole(part, entry)?),
        };
        if last < first {
            return Err(GtidError::Number {
                text: part.to_owned(),
                within: entry.to_owned(),
            });
        }
        set.insert_range(
            Origin::Mysql {
                uuid,
                tag: tag.clone(),
            },
            first,
            last,
        );
    }
    Ok(())
}

fn mariadb_entry(entry: &str, set: &mut GtidSet) -> Result<(), GtidError> {
    let (domain, server, numbers) = triple(entry)?;
    let (first, last) = match numbers.split_once("..") {
        Some((first, last)) => (whole(first, entry)?, whole(last, entry)?),
        // A domain without a transaction yet stands as D-S-0 in a position.
        None if numbers.trim() == "0" => return Ok(()),
        None => (1, whole(numbers, entry)?),
    };
    if last < first {
        return Err(GtidError::Number {
            text: numbers.to_owned(),
            within: entry.to_owned(),
        });
    }
    set.insert_range(Origin::Mariadb { domain, server }, first, last);
    Ok(())
}

fn triple(entry: &str) -> Result<(u32, u32, &str), GtidError> {
    let bad = || GtidError::Position {
        text: entry.to_owned(),
    };
    let mut parts = entry.splitn(3, '-').map(str::trim);
    let (Some(domain), Some(server), Some(rest)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(bad());
    };
    let part = |text: &str| digits(text).and_then(|t| t.parse().ok()).ok_or_else(bad);
    Ok((part(domain)?, part(server)?, rest))
}

fn whole(text: &str, within: &str) -> Result<u64, GtidError> {
    let number = digits(text.trim())
        .and_then(|t| t.parse().ok())
        .filter(|n| *n > 0);
    number.ok_or_else(|| GtidError::Number {
        text: text.to_owned(),
        within: within.to_owned(),
    })
}

/// `parse` alone would take `+5`.
fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|b| b.is_ascii_digit()).then_some(text)
}
