//! Binary logs built from code, for tests.

use super::event::{HEADER, IN_USE, MAGIC, kind};
use crate::model::gtid::{GtidSet, Origin, Uuid};

pub(super) const UUID: Uuid = Uuid([0xab; 16]);

/// A file that is being built.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) bytes: Vec<u8>,
    pub(super) server_id: u32,
    crc: bool,
}

impl Log {
    /// Magic and format description.
    pub(super) fn new(in_use: bool, created: u32) -> Self {
        Self::with_crc(true, in_use, created)
    }

    pub(super) fn with_crc(crc: bool, in_use: bool, created: u32) -> Self {
        let mut log = Self {
            bytes: MAGIC.to_vec(),
            server_id: 1,
            crc: true,
        };
        let mut body = 4u16.to_le_bytes().to_vec();
        let mut version = b"10.11.19-test".to_vec();
        version.resize(50, 0);
        body.extend(version);
        body.extend(created.to_le_bytes());
        body.push(HEADER as u8);
        body.extend([0; 40]);
        body.push(u8::from(crc));
        log.event(kind::FORMAT_DESCRIPTION, &body);
        log.crc = crc;
        log.set_in_use(in_use);
        log
    }

    pub(super) fn set_in_use(&mut self, in_use: bool) {
        self.bytes[21] = if in_use { IN_USE } else { 0 };
    }

    /// Appends an event and returns its start.
    pub(super) fn event(&mut self, kind: u8, body: &[u8]) -> u64 {
        let at = self.bytes.len();
        let length = HEADER + body.len() + if self.crc { 4 } else { 0 };
        self.bytes.extend(1_700_000_000u32.to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend(self.server_id.to_le_bytes());
        self.bytes.extend((length as u32).to_le_bytes());
        self.bytes.extend(((at + length) as u32).to_le_bytes());
        self.bytes.extend([0, 0]);
        self.bytes.extend(body);
        if self.crc {
            let crc = crc32fast::hash(&self.bytes[at..]);
            self.bytes.extend(crc.to_le_bytes());
        }
        at as u64
    }

    pub(super) fn previous_gtids(mut self, set: &str) -> Self {
        let set = GtidSet::parse_mysql(set).unwrap();
        let mut body = (set.iter().count() as u64).to_le_bytes().to_vec();
        for (origin, numbers) in set.iter() {
            let Origin::Mysql { uuid, .. } = origin else {
                panic!("MySQL only")
            };
            body.extend(uuid.0);
            body.extend((numbers.iter().count() as u64).to_le_bytes());
            for (first, last) in numbers.iter() {
                body.extend(first.to_le_bytes());
                body.extend((last + 1).to_le_bytes());
            }
        }
        self.event(kind::MYSQL_PREVIOUS_GTIDS, &body);
        self
    }

    pub(super) fn gtid_list(mut self, set: &str) -> Self {
        let set = GtidSet::parse_mariadb(set).unwrap();
        let mut body = (set.iter().count() as u32).to_le_bytes().to_vec();
        for (origin, numbers) in set.iter() {
            let Origin::Mariadb { domain, server } = origin else {
                panic!("MariaDB only")
            };
            body.extend(domain.to_le_bytes());
            body.extend(server.to_le_bytes());
            body.extend(numbers.last().unwrap().to_le_bytes());
        }
        self.event(kind::MARIADB_GTID_LIST, &body);
        self
    }

    pub(super) fn query(&mut self, text: &str) -> u64 {
        let mut body = vec![0; 8];
        body.push(4);
        body.extend([0, 0, 2, 0, 9, 9]);
        body.extend(b"test\0");
        body.extend(text.as_bytes());
        self.event(kind::QUERY, &body)
    }

    pub(super) fn mysql_gtid(&mut self, number: u64) -> u64 {
        let mut body = vec![1];
        body.extend(UUID.0);
        body.extend(number.to_le_bytes());
        body.extend([0; 30]);
        self.event(kind::MYSQL_GTID, &body)
    }

    pub(super) fn mariadb_gtid(&mut self, number: u64, flags: u8) -> u64 {
        let mut body = number.to_le_bytes().to_vec();
        body.extend(0u32.to_le_bytes());
        body.push(flags);
        body.extend([0; 6]);
        self.event(kind::MARIADB_GTID, &body)
    }

    /// An INT column of `test.t`.
    pub(super) fn table_map(&mut self) {
        let mut body = vec![7, 0, 0, 0, 0, 0, 1, 0];
        body.extend(b"\x04test\0\x01t\0");
        body.extend([1, 3, 0, 1]);
        self.event(kind::TABLE_MAP, &body);
    }

    /// Inserts so many rows into `test.t`.
    pub(super) fn insert(&mut self, rows: u32) {
        let mut body = vec![7, 0, 0, 0, 0, 0, 1, 0, 1, 0b1];
        for row in 0..rows {
            body.push(0);
            body.extend(row.to_le_bytes());
        }
        self.event(kind::WRITE_ROWS_V1, &body);
    }

    pub(super) fn mysql_insert(mut self, number: u64, rows: u32) -> Self {
        self.mysql_gtid(number);
        self.query("BEGIN");
        self.table_map();
        self.insert(rows);
        self.event(kind::XID, &[0; 8]);
        self
    }

    pub(super) fn mariadb_insert(mut self, number: u64, rows: u32) -> Self {
        self.mariadb_gtid(number, 4 | 8);
        self.table_map();
        self.insert(rows);
        self.event(kind::XID, &[0; 8]);
        self
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// A datadir with a log of these files.
#[derive(Debug)]
pub(super) struct Datadir {
    pub(super) folder: tempfile::TempDir,
}

impl Datadir {
    pub(super) fn of(logs: &[&Log]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut index = String::new();
        for (at, log) in logs.iter().enumerate() {
            let name = format!("binlog.{:06}", at + 1);
            std::fs::write(folder.path().join(&name), &log.bytes).unwrap();
            index.push_str(&format!("./{name}\n"));
        }
        std::fs::write(folder.path().join("binlog.index"), index).unwrap();
        Self { folder }
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn index(&self) -> super::index::Index {
        super::index::Index::read(&self.path("binlog.index"), self.folder.path()).unwrap()
    }
}
