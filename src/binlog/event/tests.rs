use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::binlog::fixture::Log;
use crate::binlog::{gtid_event, history, walk::Walk};

#[test]
fn the_head_is_read_with_and_without_checksums() {
    for crc in [true, false] {
        let mut log = Log::with_crc(crc, true, 5);
        let at = log.query("BEGIN");
        let mut events = Events::open(Cursor::new(log.bytes)).unwrap();
        let format = events.format().clone();
        assert_eq!(
            (format.in_use, format.checksums, format.created),
            (true, crc, 5)
        );
        assert_eq!(format.server_version, "10.11.19-test");
        let header = events.next().unwrap().unwrap();
        assert_eq!((header.at, header.kind), (at, kind::QUERY));
        assert!(events.body(&header).unwrap().ends_with(b"BEGIN"));
        assert_eq!((events.next().unwrap(), events.torn_at()), (None, None));
    }
}

#[test]
fn an_event_that_is_not_whole_ends_the_file() {
    let mut log = Log::new(true, 0);
    let at = log.query("BEGIN");
    for cut in (at + 1)..log.len() {
        let bytes = log.bytes[..cut as usize].to_vec();
        let mut events = Events::open(Cursor::new(bytes)).unwrap();
        assert_eq!((events.next().unwrap(), events.torn_at()), (None, Some(at)));
    }
    log.bytes.truncate(at as usize);
    log.bytes.extend([0; 100]);
    let mut events = Events::open(Cursor::new(log.bytes)).unwrap();
    assert_eq!((events.next().unwrap(), events.torn_at()), (None, Some(at)));
}

#[test]
fn other_files_and_encrypted_ones_are_told_apart() {
    let open = |bytes: &[u8]| Events::open(Cursor::new(bytes.to_vec())).err();
    assert!(matches!(open(b""), Some(ReadError::NotABinlog)));
    assert!(matches!(open(b"hello, world"), Some(ReadError::NotABinlog)));
    assert!(matches!(
        open(b"\xfdbin12345678"),
        Some(ReadError::Encrypted)
    ));
    assert!(matches!(
        open(&MAGIC),
        Some(ReadError::Damaged { at: 4, .. })
    ));
    let mut log = Log::new(true, 0);
    log.event(kind::MARIADB_START_ENCRYPTION, &[0; 17]);
    let mut events = Events::open(Cursor::new(log.bytes)).unwrap();
    assert!(matches!(events.next(), Err(ReadError::Encrypted)));
}

#[test]
fn a_flipped_bit_is_damage() {
    let mut log = Log::new(true, 0);
    let at = log.query("BEGIN");
    let last = log.bytes.len() - 6;
    log.bytes[last] ^= 1;
    let mut events = Events::open(Cursor::new(log.bytes)).unwrap();
    let header = events.next().unwrap().unwrap();
    assert!(matches!(events.body(&header), Err(ReadError::Damaged { at: a, .. }) if a == at));
}

/// Everything that reads bytes, on a whole file.
fn read_all(bytes: Vec<u8>) {
    let Ok(mut walk) = Walk::new(Cursor::new(bytes)) else {
        return;
    };
    let mut seen = Vec::new();
    while let Ok(Some(transaction)) = walk.next() {
        seen.push(transaction);
    }
    let mut events = walk.into_events();
    for transaction in seen {
        let _ = crate::binlog::ghost::describe(&mut events, "f", &transaction);
    }
}

fn file() -> Vec<u8> {
    let log = Log::with_crc(false, true, 0)
        .gtid_list("0-1-5")
        .mysql_insert(3, 2);
    log.mariadb_insert(6, 3).bytes
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file();
        for (at, to) in flips {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        read_all(bytes);
    }

    #[test]
    fn no_body_makes_a_parser_panic(body in prop::collection::vec(any::<u8>(), 0..120)) {
        for kind in 0..=200 {
            let header =
                Header { at: 4, timestamp: 0, kind, server_id: 1, length: 0, flags: 0, next: 0 };
            let _ = gtid_event::read(&header, &body);
            let _ = history::read(&header, &body);
            let mut rows = crate::binlog::rows::RowCounter::default();
            let _ = rows.take(&header, &body);
        }
    }
}
