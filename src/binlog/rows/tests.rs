use super::*;

fn header(kind: u8) -> Header {
    Header {
        at: 4,
        timestamp: 0,
        kind,
        server_id: 1,
        length: 0,
        flags: 0,
        next: 0,
    }
}

/// `test.t` with these column types and metadata.
fn map(types: &[u8], metadata: &[u8]) -> Vec<u8> {
    let mut body = vec![7, 0, 0, 0, 0, 0, 1, 0];
    body.extend(b"\x04test\0\x01t\0");
    body.push(types.len() as u8);
    body.extend(types);
    body.push(metadata.len() as u8);
    body.extend(metadata);
    body
}

fn count(types: &[u8], metadata: &[u8], kind: u8, rows: &[u8]) -> TableRows {
    let mut counter = RowCounter::default();
    counter
        .take(&header(kind::TABLE_MAP), &map(types, metadata))
        .unwrap();
    let mut body = vec![7, 0, 0, 0, 0, 0, 1, 0];
    if kind >= kind::WRITE_ROWS {
        body.extend([5, 0, 1, 2, 3]);
    }
    body.push(types.len() as u8);
    body.extend(vec![0xff; types.len().div_ceil(8)]);
    if matches!(kind, kind::UPDATE_ROWS | kind::UPDATE_ROWS_V1) {
        body.extend(vec![0xff; types.len().div_ceil(8)]);
    }
    body.extend(rows);
    counter.take(&header(kind), &body).unwrap();
    counter.finish().remove(0)
}

#[test]
fn rows_of_each_kind_are_counted() {
    // INT and VARCHAR(20), the second row's text NULL.
    let rows = [0, 1, 0, 0, 0, 2, b'h', b'i', 0b10, 2, 0, 0, 0];
    let counted = count(&[3, 15], &[80, 0], kind::WRITE_ROWS, &rows);
    assert_eq!((counted.inserted, counted.table.as_str()), (2, "t"));
    assert_eq!(
        count(&[3, 15], &[80, 0], kind::UPDATE_ROWS, &rows).updated,
        1
    );
    assert_eq!(
        count(&[3, 15], &[80, 0], kind::DELETE_ROWS_V1, &rows).deleted,
        2
    );
}

#[test]
fn widths_follow_the_metadata() {
    // DECIMAL(10,2): 5 bytes; DATETIME(3): 7; BIT(10): 2; CHAR(10): prefix 1; ENUM: 1; BLOB: 2;
    // DOUBLE: 8; TIME: 3.
    let types = [246, 18, 16, 254, 254, 252, 5, 11];
    let metadata = [10, 2, 3, 2, 1, 254, 40, 247, 1, 2, 8];
    let mut row = vec![0];
    row.extend([0; 5 + 7 + 2]);
    row.extend([3, b'a', b'b', b'c', 1, 2, 0, b'x', b'y']);
    row.extend([0; 8 + 3]);
    row.extend(row.clone());
    assert_eq!(count(&types, &metadata, kind::WRITE_ROWS, &row).inserted, 2);
}

#[test]
fn what_cannot_be_counted_is_said() {
    let unknown = count(&[200], &[], kind::WRITE_ROWS, &[0, 1, 2]);
    assert_eq!((unknown.inserted, unknown.uncounted_events), (0, 1));
    let compressed = count(
        &[3],
        &[],
        kind::MARIADB_WRITE_ROWS_COMPRESSED_V1,
        &[0x81, 4],
    );
    assert_eq!(compressed.uncounted_events, 1);
}

#[test]
fn rows_without_a_byte_end() {
    let mut counter = RowCounter::default();
    counter
        .take(&header(kind::TABLE_MAP), &map(&[3], &[]))
        .unwrap();
    let body = [7, 0, 0, 0, 0, 0, 1, 0, 1, 0, 9, 9];
    counter.take(&header(kind::WRITE_ROWS_V1), &body).unwrap();
    assert_eq!(counter.finish()[0].uncounted_events, 1);
}
