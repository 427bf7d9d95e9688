//! What must be true at the end, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use tokio::time::{Instant, sleep};

use super::settings::server_id;
use super::{History, Host, Sampler};

/// A row of a load's table.
type Row = (i64, u32, u32);

/// What came of a load.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// Writes that were answered OK.
    pub acked: usize,
    /// Of these, those that are not there.
    pub lost: usize,
    /// Rows that are there.
    pub present: usize,
}

/// Compares what clients heard with what both members hold, once the reader has everything.
///
/// # Panics
/// Where an acknowledged row is missing, a row is there twice, the members differ, or a server
/// answered out of turn.
pub async fn check(host: &Host, table: &str, history: &History) -> Verdict {
    let (writer, reader) = host.roles().await;
    let rows = equal_rows(host, table, &writer, &reader).await;
    verdict(table, history, &rows)
}

/// Compares what clients heard with what the writer holds, where its reader is kept apart.
///
/// # Panics
/// As [`check`], but the members may differ.
pub async fn check_alone(host: &Host, table: &str, history: &History) -> Verdict {
    let (writer, _) = host.roles().await;
    let rows = rows(host, &writer, table).await;
    verdict(table, history, &rows)
}

fn verdict(table: &str, history: &History, rows: &[Row]) -> Verdict {
    let mut times: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (_, writer, seq) in rows {
        *times.entry((*writer, *seq)).or_default() += 1;
    }
    let doubled: Vec<_> = times.iter().filter(|(_, count)| **count > 1).collect();
    assert!(
        doubled.is_empty(),
        "{table}: rows that are there twice: {doubled:?}"
    );
    let present: BTreeSet<(u32, u32)> = times.into_keys().collect();
    let acked = history.acked();
    let lost: Vec<_> = acked.difference(&present).collect();
    assert!(
        lost.is_empty(),
        "{table}: {} of {} acknowledged writes are lost, the first: {:?}",
        lost.len(),
        acked.len(),
        lost.iter().take(10).collect::<Vec<_>>()
    );
    misplaced(table, history, rows);
    Verdict {
        acked: acked.len(),
        lost: lost.len(),
        present: present.len(),
    }
}

/// Nothing was seen at any moment that must never be.
///
/// # Panics
/// Where both members accepted writes at one moment, or an epoch had two writers.
pub fn never_two_writers(sampler: &Sampler, history: &History) {
    let seen = sampler.seen();
    assert_eq!(
        seen.both_writable, 0,
        "both accepted writes, of {} looks",
        seen.samples
    );
    one_writer_per_epoch(sampler, history);
}

/// No epoch had two writers, and no deposed writer answered.
///
/// # Panics
/// Where one had, or one did.
pub fn one_writer_per_epoch(sampler: &Sampler, history: &History) {
    let seen = sampler.seen();
    assert!(seen.samples > 0, "nobody looked");
    assert!(seen.contradictions.is_empty(), "{:?}", seen.contradictions);
    // No more stints than epochs: a deposed writer that answered again would make one more.
    let stints = history.stints();
    assert!(
        stints.len() <= seen.epochs.len(),
        "stints of servers {stints:?}, but epochs {:?}",
        seen.epochs
    );
}

/// The key of each acknowledged row is one of the server that acknowledged it: `a` hands out odd ones,
/// `b` even ones.
fn misplaced(table: &str, history: &History, rows: &[Row]) {
    let made: BTreeMap<_, _> = rows
        .iter()
        .map(|(id, writer, seq)| ((*writer, *seq), maker(*id)))
        .collect();
    let wrong = history.writes.iter().find(|write| {
        let maker = made.get(&(write.writer, write.seq));
        write.ok && maker != Some(&write.server)
    });
    assert!(
        wrong.is_none(),
        "{table}: executed elsewhere than acknowledged: {wrong:?}"
    );
}

fn maker(id: i64) -> u32 {
    server_id(if id % 2 == 1 { "a" } else { "b" })
}

/// The rows of a table, the same at both members.
async fn equal_rows(host: &Host, table: &str, writer: &str, reader: &str) -> Vec<Row> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let wanted = rows(host, writer, table).await;
        let found = rows(host, reader, table).await;
        if wanted == found {
            return wanted;
        }
        if Instant::now() >= deadline {
            let differ = |one: &[Row], other: &[Row]| {
                let other: BTreeSet<_> = other.iter().collect();
                one.iter()
                    .filter(|row| !other.contains(row))
                    .take(10)
                    .copied()
                    .collect::<Vec<_>>()
            };
            panic!(
                "{table} differs: {} rows at {writer}, {} at {reader}; only at {writer}: {:?}; \
                 only at {reader}: {:?}",
                wanted.len(),
                found.len(),
                differ(&wanted, &found),
                differ(&found, &wanted)
            );
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn rows(host: &Host, member: &str, table: &str) -> Vec<Row> {
    let mut conn = host.root(member).await;
    let query = format!("SELECT id, writer, seq FROM app.{table} ORDER BY id");
    let rows = conn.query(query).await;
    let rows = rows.unwrap_or_else(|why| panic!("rows of {table} at {member}: {why}"));
    let _ = conn.disconnect().await;
    rows
}
