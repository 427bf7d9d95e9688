//! The reader of binary logs on files that a disk has damaged.

use std::io::Cursor;

use dualmasterd::binlog::event::ReadError;
use dualmasterd::binlog::rows::RowCounter;
use dualmasterd::binlog::walk::{Transaction, Walk};
/// What the fixtures are built from.
use dualmasterd::binlog::{event, index};
use dualmasterd::binlog::{gtid_event, history};

use crate::harness::fuzz;

#[allow(dead_code, reason = "the unit tests use the rest")]
#[path = "../../src/binlog/fixture.rs"]
mod fixture;

use fixture::Log;

fn logs() -> Vec<Vec<u8>> {
    let mysql = Log::new(true, 1).previous_gtids("abababab-abab-abab-abab-abababababab:1-4");
    let mut mysql = mysql.mysql_insert(5, 2).mysql_insert(6, 1);
    mysql.mysql_gtid(7);
    mysql.query("CREATE TABLE t (a int)");
    let mariadb = Log::new(false, 0).gtid_list("0-1-4,0-2-2");
    let mariadb = mariadb
        .mariadb_insert(5, 2)
        .mariadb_insert(6, 1)
        .mariadb_insert(7, 3);
    vec![mysql.bytes, mariadb.bytes]
}

/// What a walk tells of a file, and whether it calls the file whole.
fn walk(bytes: &[u8]) -> Result<(Vec<Transaction>, bool), ReadError> {
    let mut walk = Walk::new(Cursor::new(bytes))?;
    let mut all = Vec::new();
    while let Some(transaction) = walk.next()? {
        assert!(transaction.start < transaction.end && transaction.end <= bytes.len() as u64);
        assert!(all.len() <= bytes.len() / event::HEADER, "it never ends");
        all.push(transaction);
    }
    let anonymous = walk.anonymous();
    let torn = walk.into_events().torn_at();
    Ok((all, torn.is_none() && anonymous.is_none()))
}

/// Every event by every reader; none takes more memory than the file is long.
fn read_all(bytes: &[u8]) -> Result<(), ReadError> {
    let mut events = event::Events::open(Cursor::new(bytes))?;
    let mut rows = RowCounter::default();
    while let Some(header) = events.next()? {
        assert!(header.end() <= bytes.len() as u64);
        let Ok(body) = events.body(&header) else {
            continue;
        };
        assert!(body.len() <= bytes.len());
        let _ = gtid_event::read(&header, &body);
        let _ = history::read(&header, &body);
        let _ = rows.take(&header, &body);
    }
    assert!(rows.finish().len() <= bytes.len());
    Ok(())
}

#[test]
fn damaged_files() {
    let logs = logs();
    fuzz("binary log", 20_000, &logs, |input, _| {
        let _ = walk(input);
        let _ = read_all(input);
    });
}

/// A file whose checksums were made after the damage: what stands in an event may be anything.
#[test]
fn damaged_events_with_fitting_checksums() {
    let logs = logs();
    fuzz("binary log events", 20_000, &logs, |input, _| {
        let mut bytes = input.to_vec();
        mend(&mut bytes);
        let _ = walk(&bytes);
        let _ = read_all(&bytes);
    });
}

fn mend(bytes: &mut [u8]) {
    let mut at = 4;
    while let Some(length) = bytes.get(at + 9..at + 13) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let Some(event) = bytes.get_mut(at..at.saturating_add(length)) else {
            return;
        };
        let Some((content, crc)) = event.split_last_chunk_mut::<4>().filter(|_| length >= 23)
        else {
            return;
        };
        *crc = crc32fast::hash(content).to_le_bytes();
        at += length;
    }
}

/// One bit, anywhere: the walk finds what was written, or says that the file is damaged. Only the flag
/// that the server itself clears in place may change.
#[test]
fn a_flipped_bit_hides_nothing() {
    for log in logs() {
        let (written, whole) = walk(&log).unwrap();
        assert!(whole && written.len() == 3);
        for bit in 0..log.len() * 8 {
            let mut flipped = log.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok((found, _)) = walk(&flipped) {
                assert_eq!(found, written, "bit {} of byte {}", bit % 8, bit / 8);
            }
        }
    }
}

/// Wherever the file ends, what was read before is a beginning of what was written, and a file that ends
/// inside an event is not called whole.
#[test]
fn a_truncated_file_is_a_beginning() {
    for log in logs() {
        let (written, _) = walk(&log).unwrap();
        for length in 0..log.len() {
            let Ok((found, whole)) = walk(&log[..length]) else {
                continue;
            };
            let ends: Vec<u64> = written.iter().map(|transaction| transaction.end).collect();
            let finished = found.iter().filter(|one| written.contains(one)).count();
            let behind = ends.iter().filter(|end| **end <= length as u64).count();
            assert_eq!(finished, behind, "cut off at {length}");
            assert!(!whole || found.len() - finished <= 1);
        }
    }
}
