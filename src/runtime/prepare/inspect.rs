//! What is in a datadir, without touching it.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User, geteuid};
use serde::{Deserialize, Serialize};

use super::order::Marker;
use crate::model::server::Family;

/// The marker's file in a datadir.
pub const MARKER: &str = ".dualmasterd.json";

/// The file in a datadir that is written to see how its disk does.
pub const PROBE: &str = ".dualmasterd.probe";

/// What a datadir is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Datadir {
    /// It does not exist.
    Missing,
    /// A folder without an entry.
    Empty,
    /// A server's data.
    Initialised {
        /// Which family's.
        family: Family,
        /// The version that wrote it last, as the server noted it.
        server_version: Option<String>,
        /// Who made it; none: not `dualmasterd`.
        made_by: Option<Marker>,
        /// Settings of `mysqld-auto.cnf` that would beat the option file and the command line.
        persisted: BTreeSet<String>,
    },
    /// Something else.
    Foreign {
        /// What was seen.
        why: String,
    },
    /// Another user's.
    NotOurs {
        /// That user.
        owner: String,
    },
}

/// Looks at a datadir. What cannot be read is [`Datadir::Foreign`] with the reason.
pub fn inspect(datadir: &Path) -> Datadir {
    let foreign = |why: String| Datadir::Foreign { why };
    let metadata = match fs::metadata(datadir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Datadir::Missing,
        Err(e) => return foreign(format!("it cannot be looked at: {e}")),
        Ok(metadata) if !metadata.is_dir() => return foreign("it is no folder".to_owned()),
        Ok(metadata) => metadata,
    };
    let names = names(datadir);
    if is_mounted_at(datadir, &metadata) && names.as_ref().is_ok_and(is_bare) {
        return foreign(format!(
            "a file system is mounted there, and a datadir is put in its place as a whole: make a folder in \
             it for the server's account, and name `datadir = \"{}\"`",
            datadir.join("mysql").join("data").display()
        ));
    }
    if metadata.uid() != geteuid().as_raw() {
        return Datadir::NotOurs {
            owner: owner(&metadata),
        };
    }
    let names = match names {
        Err(e) => return foreign(format!("it cannot be listed: {e}")),
        Ok(names) if names.is_empty() => return Datadir::Empty,
        Ok(names) => names,
    };
    let Some(family) = family(datadir) else {
        let some: Vec<_> = names.into_iter().take(5).collect();
        return foreign(format!("it holds no server's data but {}", some.join(", ")));
    };
    match marker(datadir) {
        Err(why) => foreign(why),
        Ok(made_by) => Datadir::Initialised {
            family,
            server_version: server_version(datadir),
            made_by,
            persisted: persisted(datadir),
        },
    }
}

/// It is the root of a file system: nothing can be renamed onto it.
fn is_mounted_at(datadir: &Path, metadata: &Metadata) -> bool {
    let above = fs::metadata(datadir.join(".."));
    above.is_ok_and(|above| above.dev() != metadata.dev())
}

/// Nothing lies there but what a file system makes itself.
fn is_bare(names: &BTreeSet<String>) -> bool {
    names.iter().all(|name| name == "lost+found")
}

fn owner(metadata: &Metadata) -> String {
    let uid = Uid::from_raw(metadata.uid());
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("user {uid}"),
    }
}

fn names(datadir: &Path) -> io::Result<BTreeSet<String>> {
    let entries = fs::read_dir(datadir)?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// MySQL 8 and later keep their dictionary in `mysql.ibd`, MariaDB 10.4 and later accounts in
/// `global_priv`, MySQL before 8 accounts in `user.frm` and a UUID in `auto.cnf`.
fn family(datadir: &Path) -> Option<Family> {
    let has = |name: &str| datadir.join(name).exists();
    if has("mysql.ibd") {
        Some(Family::Mysql)
    } else if has("mysql/global_priv.frm") {
        Some(Family::Mariadb)
    } else if has("mysql/user.frm") {
        Some(if has("aria_log_control") {
            Family::Mariadb
        } else {
            Family::Mysql
        })
    } else {
        None
    }
}

fn marker(datadir: &Path) -> Result<Option<Marker>, String> {
    match fs::read(datadir.join(MARKER)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("its {MARKER} cannot be read: {e}")),
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|e| format!("its {MARKER} is not one of this version: {e}")),
    }
}

/// MariaDB and MySQL before 8.4 note the version that upgraded the tables as plain text, later
/// MySQL a history in JSON.
fn server_version(datadir: &Path) -> Option<String> {
    if let Ok(text) = fs::read(datadir.join("mysql_upgrade_history")) {
        let history: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let last = history.get("upgrade_history")?.as_array()?.last()?;
        return Some(last.get("version")?.as_str()?.to_owned());
    }
    let notes = ["mariadb_upgrade_info", "mysql_upgrade_info"];
    let text = notes
        .iter()
        .find_map(|name| fs::read_to_string(datadir.join(name)).ok())?;
    // MySQL 5.x pads it with zeros.
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// What `SET PERSIST` left that the promises rest on. The file's form differs between versions, so
/// every key of every object counts.
fn persisted(datadir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let text = fs::read(datadir.join("mysqld-auto.cnf")).unwrap_or_default();
    if let Ok(value) = serde_json::from_slice(&text) {
        dangerous_keys(&value, &mut found);
    }
    found
}

fn dangerous_keys(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    const NAMES: [&str; 6] = [
        "read_only",
        "super_read_only",
        "skip_replica_start",
        "skip_slave_start",
        "offline_mode",
        "relay_log_recovery",
    ];
    let Some(object) = value.as_object() else {
        return;
    };
    for (key, value) in object {
        if NAMES.contains(&key.as_str()) || key.starts_with("rpl_semi_sync_") {
            found.insert(key.clone());
        }
        dangerous_keys(value, found);
    }
}
