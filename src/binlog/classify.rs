//! Which transactions of a log change no row: a FLUSH on a reader is counted like a write, and is none.

use std::fs::File;
use std::io::BufReader;

use super::event::Events;
use super::ghost::{self, GhostTransaction};
use super::index::Index;
use super::repeat::{self, RepeatError};
use super::walk::{Ending, FileError, Transaction, Walk};
use crate::model::gtid::{GtidSet, Origin};

/// As many changes are told in words.
const TOLD: usize = 20;
/// Statements that both families write to the binary log and that change neither a row nor a table's
/// definition. Others block: DDL, accounts, and the TRUNCATE that MySQL writes for a MEMORY table.
const HARMLESS: [&str; 4] = [
    "FLUSH ",
    "ANALYZE TABLE ",
    "OPTIMIZE TABLE ",
    "REPAIR TABLE ",
];

/// What a log says of some transactions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classified {
    /// Those that change nothing.
    pub harmless: GtidSet,
    /// What the others change, for people: `3 rows of app.t`, or the statement.
    pub changes: Vec<String>,
}

/// Looks for `wanted` in the log, newest file first, as far back as one of them may stand. What is not
/// found there, or not whole, is not called harmless, but for numbers that MariaDB's servers count in common:
/// where this one's last is found, an earlier one that its whole log lacks is the other server's. The server
/// may be running. A statement that only repeats one of the `peer` changes nothing either.
///
/// # Errors
/// [`FileError`].
pub fn classify(
    index: &Index,
    wanted: &GtidSet,
    peer: Option<&Index>,
) -> Result<Classified, FileError> {
    let mut found = Classified::default();
    let mut others = GtidSet::new();
    let mut whole = false;
    for file in index.files.iter().rev() {
        let wrong = |source| FileError {
            path: file.path.clone(),
            source,
        };
        let mut walk = Walk::open(&file.path)?;
        let earlier = walk.history().cloned().unwrap_or_default();
        let mut changing = Vec::new();
        while let Some(transaction) = walk.next().map_err(wrong)? {
            if !wanted.contains_gtid(&transaction.gtid) {
                continue;
            }
            if is_harmless(&transaction.ending) {
                found.harmless.insert(transaction.gtid);
            } else {
                changing.push(transaction);
            }
        }
        let mut events = walk.into_events();
        for transaction in changing {
            if let Some(peer) = peer
                && repeats(&mut events, &transaction, peer).map_err(|error| match error {
                    RepeatError::Own(source) => wrong(source),
                    RepeatError::Peer(error) => error,
                })?
            {
                found.harmless.insert(transaction.gtid);
                continue;
            }
            others.insert(transaction.gtid.clone());
            let ghost = ghost::describe(&mut events, &file.name(), &transaction).map_err(wrong)?;
            tell(&mut found.changes, &ghost);
        }
        if wanted.subtract(&earlier) == *wanted {
            whole = true;
            break;
        }
    }
    if whole {
        let numbers = not_its_own(wanted, &found.harmless, &others);
        found.harmless = found.harmless.union(&numbers);
    }
    Ok(found)
}

/// What MariaDB's state counts to a server though another one made it: its last number stands for all
/// before it, and the numbers of a domain rise through both servers.
fn not_its_own(wanted: &GtidSet, harmless: &GtidSet, changing: &GtidSet) -> GtidSet {
    let seen = harmless.union(changing);
    let mut numbers = GtidSet::new();
    for (origin, asked) in wanted.iter() {
        let shared = matches!(origin, Origin::Mariadb { .. });
        let (Some(first), Some(last)) = (asked.iter().next(), seen.last_of(origin)) else {
            continue;
        };
        if shared && first.0 < last {
            numbers.insert_range(origin.clone(), first.0, last);
        }
    }
    let asked = numbers.subtract(&numbers.subtract(wanted));
    asked.subtract(&seen)
}

/// It changes neither a row nor a definition.
pub(super) fn is_harmless(ending: &Ending) -> bool {
    match ending {
        Ending::Nothing => true,
        Ending::Statement(text) => {
            let text = text.to_ascii_uppercase();
            HARMLESS.iter().any(|statement| text.starts_with(statement))
        }
        Ending::Commit
        | Ending::WithoutEngine
        | Ending::XaPrepare
        | Ending::Unknown
        | Ending::Unfinished => false,
    }
}

fn repeats(
    events: &mut Events<BufReader<File>>,
    transaction: &Transaction,
    peer: &Index,
) -> Result<bool, RepeatError> {
    repeat::repeated(events, transaction, peer).map(|of| of.is_some())
}

fn tell(changes: &mut Vec<String>, ghost: &GhostTransaction) {
    let rows = ghost.tables.iter().map(|table| {
        let rows = table.inserted + table.updated + table.deleted;
        let word = if rows == 1 { "row" } else { "rows" };
        format!("{rows} {word} of {}.{}", table.schema, table.table)
    });
    let mut told: Vec<_> = rows.collect();
    if let Ending::Statement(text) = &ghost.ending {
        told.push(text.clone());
    } else if ghost.compressed {
        told.push("compressed rows".into());
    }
    for change in told {
        if changes.len() < TOLD && !changes.contains(&change) {
            changes.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::fixture::{Datadir, Log};

    fn statement(log: &mut Log, number: u64, text: &str) {
        log.mariadb_gtid(number, 1);
        log.query(text);
    }

    #[test]
    fn statements_without_rows_are_told_from_changes() {
        let old = Log::new(false, 9).gtid_list("").mariadb_insert(1, 1);
        let mut log = Log::new(true, 0).gtid_list("0-1-1");
        statement(&mut log, 2, "FLUSH TABLES");
        statement(&mut log, 3, "analyze table t");
        statement(&mut log, 4, "TRUNCATE TABLE `t`");
        statement(&mut log, 5, "ANALYZE UPDATE t SET a = 1");
        let log = log.mariadb_insert(6, 3);
        let datadir = Datadir::of(&[&old, &log]);
        let wanted = GtidSet::parse_mariadb("0-1-7").unwrap();
        let found = classify(&datadir.index(), &wanted, None).unwrap();
        assert_eq!(found.harmless.to_string(), "0-1-2..3");
        assert_eq!(
            found.changes,
            [
                "TRUNCATE TABLE `t`",
                "ANALYZE UPDATE t SET a = 1",
                "3 rows of test.t",
                "1 row of test.t"
            ]
        );
    }

    #[test]
    fn a_number_that_the_other_server_made_is_no_change_of_this_one() {
        let mut log = Log::new(true, 0).gtid_list("0-1-3");
        statement(&mut log, 5, "FLUSH TABLES");
        let datadir = Datadir::of(&[&log]);
        let wanted = GtidSet::parse_mariadb("0-1-5").unwrap();
        let wanted = wanted.subtract(&GtidSet::parse_mariadb("0-1-3").unwrap());
        let found = classify(&datadir.index(), &wanted, None).unwrap();
        assert_eq!(found.harmless, wanted);
        let more = wanted.union(&GtidSet::parse_mariadb("0-1-6").unwrap());
        let found = classify(&datadir.index(), &more, None).unwrap();
        assert!(!found.harmless.contains(&more), "6 was not found");
    }

    #[test]
    fn what_was_not_asked_for_and_what_is_half_is_not_called_harmless() {
        let mut log = Log::new(true, 0).gtid_list("");
        statement(&mut log, 1, "FLUSH TABLES");
        log.mariadb_gtid(2, 1);
        let datadir = Datadir::of(&[&log]);
        let mut wanted = GtidSet::parse_mariadb("0-1-2").unwrap();
        wanted = wanted.subtract(&GtidSet::parse_mariadb("0-1-1").unwrap());
        let found = classify(&datadir.index(), &wanted, None).unwrap();
        assert_eq!(found, Classified::default());
    }
}
