//! GTIDs of both families, and sets of them.
//!
//! A [`GtidSet`] says which transactions a server executed or received. MySQL gives such a set
//! itself (`gtid_executed`). MariaDB gives positions (`gtid_binlog_state`, `gtid_slave_pos`,
//! `Gtid_IO_Pos`), and an entry `D-S-N` of a position is read as "server S's transactions 1 to N
//! of domain D". With one domain for the pair, `gtid_strict_mode=1`, `log_slave_updates=1` and a
//! common history this is exact for the question "does X contain Y": strict mode makes a
//! server's sequence numbers rise and the commit order leaves no holes behind, so whoever has N
//! of a server has everything it wrote before. Sequence numbers are shared by the servers of a
//! domain, so [`GtidSet::count`] of a MariaDB set may count numbers that another server used: it
//! is a difference of numbers, an upper bound of transactions.

mod intervals;
mod parse;
mod uuid;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::intervals::Intervals;
pub use self::parse::GtidError;
pub use self::uuid::{Tag, Uuid};

/// Who numbered a transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A MySQL server, by its `server_uuid`, and the tag of the GTID (MySQL 8.3 and later).
    Mysql {
        /// `server_uuid` of the server that committed first.
        uuid: Uuid,
        /// The tag, if the session gave one.
        tag: Option<Tag>,
    },
    /// A MariaDB server, by domain and `server_id`.
    Mariadb {
        /// `gtid_domain_id`.
        domain: u32,
        /// `server_id` of the server that committed first.
        server: u32,
    },
}

/// One transaction: who numbered it, and the number (from 1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtid {
    /// Who numbered it.
    pub origin: Origin,
    /// MySQL's GNO, MariaDB's sequence number.
    pub number: u64,
}

/// A set of transactions, as the module's head explains.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GtidSet(BTreeMap<Origin, Intervals>);

impl GtidSet {
    /// The set without a transaction.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Reads MySQL's syntax, `uuid:1-5:7,uuid:tag:1-3`, with white space where MySQL allows it.
    ///
    /// # Errors
    /// What in the text is no GTID set.
    pub fn parse_mysql(text: &str) -> Result<Self, GtidError> {
        parse::mysql(text)
    }

    /// Reads a MariaDB position, `0-1-5,0-2-7`; each entry stands for 1 to its number.
    ///
    /// # Errors
    /// What in the text is no position.
    pub fn parse_mariadb(text: &str) -> Result<Self, GtidError> {
        parse::mariadb(text)
    }

    /// True without any transaction.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers the set holds, at most `u64::MAX`.
    pub fn count(&self) -> u64 {
        self.0
            .values()
            .fold(0, |sum: u64, i| sum.saturating_add(i.count()))
    }

    /// Who numbered something in the set, with the numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Origin, &Intervals)> {
        self.0.iter()
    }

    /// Adds one transaction and no earlier one.
    pub fn insert(&mut self, gtid: Gtid) {
        self.insert_range(gtid.origin, gtid.number, gtid.number);
    }

    /// Adds the transactions 1 to `gtid.number` of its origin: an entry of a MariaDB position.
    pub fn insert_through(&mut self, gtid: Gtid) {
        self.insert_range(gtid.origin, 1, gtid.number);
    }

    /// Adds the numbers `first` to `last`, both included; nothing when `last` is below `first`.
    /// Numbers start at 1.
    pub fn insert_range(&mut self, origin: Origin, first: u64, last: u64) {
        let first = first.max(1);
        if first <= last {
            self.0.entry(origin).or_default().insert(first, last);
        }
    }

    /// True when the transaction is in the set.
    pub fn contains_gtid(&self, gtid: &Gtid) -> bool {
        self.0
            .get(&gtid.origin)
            .is_some_and(|i| i.contains(gtid.number))
    }

    /// True when every transaction of `other` is in the set.
    pub fn contains(&self, other: &Self) -> bool {
        other.subtract(self).is_empty()
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let left = self
            .0
            .iter()
            .map(|(origin, mine)| match other.0.get(origin) {
                Some(theirs) => (origin.clone(), mine.subtract(theirs)),
                None => (origin.clone(), mine.clone()),
            });
        Self(
            left.filter(|(_, intervals)| !intervals.is_empty())
                .collect(),
        )
    }

    /// What is in this set or in `other`.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (origin, theirs) in &other.0 {
            for (first, last) in theirs.iter() {
                all.insert_range(origin.clone(), first, last);
            }
        }
        all
    }

    /// The transactions whose origin `keep` accepts.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Origin) -> bool) -> Self {
        let kept = self.0.iter().filter(|(origin, _)| keep(origin));
        Self(
            kept.map(|(origin, intervals)| (origin.clone(), intervals.clone()))
                .collect(),
        )
    }

    /// The transactions that the MySQL server with this `server_uuid` numbered, of all tags.
    #[must_use]
    pub fn of_uuid(&self, server: Uuid) -> Self {
        self.only(|origin| matches!(origin, Origin::Mysql { uuid, .. } if *uuid == server))
    }

    /// The transactions that the MariaDB server with this `server_id` numbered, of all domains.
    #[must_use]
    pub fn of_server_id(&self, id: u32) -> Self {
        self.only(|origin| matches!(origin, Origin::Mariadb { server, .. } if *server == id))
    }

    /// The highest number of an origin.
    pub fn last_of(&self, origin: &Origin) -> Option<u64> {
        self.0.get(origin).and_then(Intervals::last)
    }
}

impl FromIterator<Gtid> for GtidSet {
    fn from_iter<T: IntoIterator<Item = Gtid>>(gtids: T) -> Self {
        let mut set = Self::new();
        for gtid in gtids {
            set.insert(gtid);
        }
        set
    }
}

impl std::str::FromStr for GtidSet {
    type Err = GtidError;

    /// Reads either family's syntax: an entry with a colon is MySQL's.
    fn from_str(text: &str) -> Result<Self, GtidError> {
        parse::either(text)
    }
}

impl std::str::FromStr for Gtid {
    type Err = GtidError;

    /// Reads `uuid:5`, `uuid:tag:5` or `0-1-5`.
    fn from_str(text: &str) -> Result<Self, GtidError> {
        parse::one(text)
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.origin,
            self.origin.separator(),
            self.number
        )
    }
}

impl Origin {
    fn separator(&self) -> char {
        match self {
            Self::Mysql { .. } => ':',
            Self::Mariadb { .. } => '-',
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mysql { uuid, tag: None } => write!(f, "{uuid}"),
            Self::Mysql {
                uuid,
                tag: Some(tag),
            } => write!(f, "{uuid}:{tag}"),
            Self::Mariadb { domain, server } => write!(f, "{domain}-{server}"),
        }
    }
}

/// Prints the family's own syntax, entries joined by commas. A MariaDB entry that does not start
/// at 1, which only a difference has, is printed as `0-1-6..9`, for which MariaDB has no word.
impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (origin, intervals) in &self.0 {
            match origin {
                Origin::Mysql { .. } => {
                    write!(f, "{comma}{origin}")?;
                    intervals
                        .iter()
                        .try_for_each(|(first, last)| match first == last {
                            true => write!(f, ":{first}"),
                            false => write!(f, ":{first}-{last}"),
                        })?;
                    comma = ",";
                }
                Origin::Mariadb { .. } => {
                    for (first, last) in intervals.iter() {
                        match first {
                            1 => write!(f, "{comma}{origin}-{last}")?,
                            _ => write!(f, "{comma}{origin}-{first}..{last}")?,
                        }
                        comma = ",";
                    }
                }
            }
        }
        Ok(())
    }
}

impl Serialize for GtidSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GtidSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Gtid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Gtid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
