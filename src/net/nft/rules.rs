//! What the table of a pair looks like, as nft's text and read back from its JSON.
//!
//! ```text
//! table inet dualmasterd_PAIR {
//!   map v4 { type ipv4_addr . inet_service : ipv4_addr . inet_service }
//!   map v6 { type ipv6_addr . inet_service : ipv6_addr . inet_service }
//!   chain output     { type nat hook output priority -100; dnat by both maps }   clients on the host
//!   chain prerouting { type nat hook prerouting priority -100; dnat by both maps }   from outside
//! }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

const CHAINS: [&str; 2] = ["output", "prerouting"];
/// (map, address type, word of the family in a rule).
const MAPS: [(&str, &str, &str); 2] = [("v4", "ipv4_addr", "ip"), ("v6", "ipv6_addr", "ip6")];
/// NF_IP_PRI_NAT_DST; as a number, because older versions know the name `dstnat` in prerouting only.
const PRIORITY: i64 = -100;

/// Rules that nftables could not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// A pair's name that is no nftables identifier.
    #[error(
        "cannot name an nftables table after pair {pair:?}: expected [a-z0-9][a-z0-9_-]{{0,30}}"
    )]
    Name {
        /// The name.
        pair: String,
    },
    /// One side IPv4, the other IPv6: dnat cannot translate between them.
    #[error("cannot lead {at} to {to}: both must be IPv4 or both IPv6")]
    MixedFamilies {
        /// Where clients connect.
        at: SocketAddr,
        /// The member.
        to: SocketAddr,
    },
}

/// The name of a pair's table, `dualmasterd_PAIR`, in family inet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table(String);

impl Table {
    /// What every table of ours begins with.
    pub const PREFIX: &str = "dualmasterd_";

    /// The table of `pair`, whose name matches `[a-z0-9][a-z0-9_-]{0,30}`.
    ///
    /// # Errors
    /// [`BadRules::Name`]: nothing else may reach nft's parser.
    pub fn of_pair(pair: &str) -> Result<Self, BadRules> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let sound = pair.len() <= 31
            && pair.starts_with(letter)
            && pair.chars().all(|c| letter(c) || c == '_' || c == '-');
        if sound {
            Ok(Self(format!("{}{pair}", Self::PREFIX)))
        } else {
            Err(BadRules::Name {
                pair: pair.to_owned(),
            })
        }
    }

    /// The name as nftables knows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table and the entries it should hold: where clients connect, and the member they reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    table: Table,
    entries: BTreeMap<SocketAddr, SocketAddr>,
}

impl Rules {
    /// Checks the entries.
    ///
    /// # Errors
    /// [`BadRules::MixedFamilies`].
    pub fn new(
        table: Table,
        entries: impl IntoIterator<Item = (SocketAddr, SocketAddr)>,
    ) -> Result<Self, BadRules> {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        for (at, to) in &entries {
            map_of(*at, *to)?;
        }
        Ok(Self { table, entries })
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<SocketAddr, SocketAddr> {
        &self.entries
    }

    /// The line that makes the table anew, whatever was there.
    pub(super) fn table_line(&self) -> String {
        let t = &self.table;
        // `delete` fails on a table that is not there, and `add` does not fail on one that is.
        let mut line = format!("add table inet {t}; delete table inet {t}; add table inet {t}");
        for (map, address, _) in MAPS {
            line += &format!(
                "; add map inet {t} {map} {{ type {address} . inet_service : {address} . inet_service; }}"
            );
        }
        for chain in CHAINS {
            line += &format!(
                "; add chain inet {t} {chain} {{ type nat hook {chain} priority {PRIORITY}; policy accept; }}"
            );
            for (map, _, ip) in MAPS {
                line += &format!(
                    "; add rule inet {t} {chain} dnat {ip} to {ip} daddr . tcp dport map @{map}"
                );
            }
        }
        self.add_entries(line)
    }

    /// The line that replaces all entries of a table that is intact.
    pub(super) fn entries_line(&self) -> String {
        let t = &self.table;
        self.add_entries(format!("flush map inet {t} v4; flush map inet {t} v6"))
    }

    fn add_entries(&self, mut line: String) -> String {
        for (at, to) in &self.entries {
            line += &format!("; {}", add_element(&self.table, map_name(*at), *at, *to));
        }
        line
    }
}

/// The line that changes one entry that is there.
pub(super) fn replace_line(
    table: &Table,
    at: SocketAddr,
    to: SocketAddr,
) -> Result<String, BadRules> {
    let map = map_of(at, to)?;
    let delete = format!(
        "delete element inet {table} {map} {{ {} . {} }}",
        at.ip(),
        at.port()
    );
    Ok(format!("{delete}; {}", add_element(table, map, at, to)))
}

/// The line that adds one entry that is not there.
pub(super) fn add_line(table: &Table, at: SocketAddr, to: SocketAddr) -> Result<String, BadRules> {
    Ok(add_element(table, map_of(at, to)?, at, to))
}

/// The line that prints the table.
pub(super) fn list_line(table: &Table) -> String {
    format!("list table inet {table}")
}

/// The line that deletes the table.
pub(super) fn delete_line(table: &Table) -> String {
    format!("delete table inet {table}")
}

fn add_element(table: &Table, map: &str, at: SocketAddr, to: SocketAddr) -> String {
    format!(
        "add element inet {table} {map} {{ {} . {} : {} . {} }}",
        at.ip(),
        at.port(),
        to.ip(),
        to.port()
    )
}

fn map_of(at: SocketAddr, to: SocketAddr) -> Result<&'static str, BadRules> {
    if at.is_ipv4() == to.is_ipv4() {
        Ok(map_name(at))
    } else {
        Err(BadRules::MixedFamilies { at, to })
    }
}

fn map_name(at: SocketAddr) -> &'static str {
    if at.is_ipv4() { "v4" } else { "v6" }
}

/// A table as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its chains, rules and maps are as we write them; only entries may differ.
    pub intact: bool,
    /// Its entries.
    pub entries: BTreeMap<SocketAddr, SocketAddr>,
}

impl Found {
    /// Whether the table is exactly what `rules` ask for.
    #[must_use]
    pub fn is(&self, rules: &Rules) -> bool {
        self.intact && self.entries == rules.entries
    }
}

/// Reads nft's JSON listing of one table.
pub(super) fn parse(listing: &str) -> serde_json::Result<Found> {
    let listing: Value = serde_json::from_str(listing)?;
    let objects = listing.get("nftables").and_then(Value::as_array);
    let mut found = Found {
        intact: true,
        entries: BTreeMap::new(),
    };
    let mut parts = BTreeMap::new();
    for object in objects.into_iter().flatten() {
        for (kind, value) in object.as_object().into_iter().flatten() {
            if kind != "metainfo" {
                *parts.entry(part(kind, value)).or_insert(0) += 1;
            }
            if kind == "map" {
                found.intact &= read_elements(value, &mut found.entries);
            }
        }
    }
    let expected: BTreeMap<_, _> = expected_parts().into_iter().map(|p| (p, 1)).collect();
    found.intact &= parts == expected;
    Ok(found)
}

/// The parts of an intact table, in the words of [`part`].
fn expected_parts() -> BTreeSet<String> {
    let maps = MAPS.iter().map(|(map, ..)| format!("map {map}"));
    let chains = CHAINS.iter().flat_map(|chain| {
        let rules = MAPS
            .iter()
            .map(move |(map, ..)| format!("rule {chain} @{map}"));
        rules.chain([format!("chain {chain} nat {chain} {PRIORITY} accept")])
    });
    maps.chain(chains).chain(["table".to_owned()]).collect()
}

/// One word per part of a table: enough to see that it is ours and unchanged, loose enough for
/// what versions of nft print differently.
fn part(kind: &str, value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "table" if value.get("flags").is_none() => "table".to_owned(),
        "map" => format!("map {}", text("name")),
        "chain" => {
            let priority = value.get("prio").map(Value::to_string).unwrap_or_default();
            let (name, hook) = (text("name"), text("hook"));
            format!(
                "chain {name} {} {hook} {priority} {}",
                text("type"),
                text("policy")
            )
        }
        "rule" => {
            let statements = value.get("expr").and_then(Value::as_array);
            let by = match statements.map(Vec::as_slice) {
                Some([only]) => only.pointer("/dnat/addr/map/data").and_then(Value::as_str),
                Some(_) | None => None,
            };
            format!("rule {} {}", text("chain"), by.unwrap_or("foreign"))
        }
        _ => format!("foreign {kind} {value}"),
    }
}

/// Adds a map's elements to `entries`; false if one cannot be ours.
fn read_elements(map: &Value, entries: &mut BTreeMap<SocketAddr, SocketAddr>) -> bool {
    let elements = map.get("elem").and_then(Value::as_array);
    elements.into_iter().flatten().all(|element| {
        let pair = (
            element.get(0).and_then(endpoint),
            element.get(1).and_then(endpoint),
        );
        if let (Some(at), Some(to)) = pair {
            entries.insert(at, to);
        }
        matches!(pair, (Some(_), Some(_)))
    })
}

/// Reads `{"concat": ["127.0.0.1", 3306]}`.
fn endpoint(value: &Value) -> Option<SocketAddr> {
    let parts = value.get("concat")?;
    let ip: IpAddr = parts.get(0)?.as_str()?.parse().ok()?;
    let port = u16::try_from(parts.get(1)?.as_u64()?).ok()?;
    Some(SocketAddr::new(ip, port))
}
