//! Event types of both families that mean something here, by the servers' own names.
#![expect(missing_docs, reason = "the servers' own names")]

pub const QUERY: u8 = 2;
pub const STOP: u8 = 3;
pub const ROTATE: u8 = 4;
pub const INTVAR: u8 = 5;
pub const RAND: u8 = 13;
pub const USER_VAR: u8 = 14;
pub const FORMAT_DESCRIPTION: u8 = 15;
pub const XID: u8 = 16;
pub const TABLE_MAP: u8 = 19;
pub const HEARTBEAT: u8 = 27;
pub const IGNORABLE: u8 = 28;
pub const ROWS_QUERY: u8 = 29;
pub const WRITE_ROWS_V1: u8 = 23;
pub const UPDATE_ROWS_V1: u8 = 24;
pub const DELETE_ROWS_V1: u8 = 25;
pub const WRITE_ROWS: u8 = 30;
pub const UPDATE_ROWS: u8 = 31;
pub const DELETE_ROWS: u8 = 32;
pub const MYSQL_GTID: u8 = 33;
pub const MYSQL_ANONYMOUS_GTID: u8 = 34;
pub const MYSQL_PREVIOUS_GTIDS: u8 = 35;
pub const MYSQL_TRANSACTION_CONTEXT: u8 = 36;
pub const MYSQL_VIEW_CHANGE: u8 = 37;
pub const XA_PREPARE: u8 = 38;
pub const MYSQL_PARTIAL_UPDATE_ROWS: u8 = 39;
pub const MYSQL_TRANSACTION_PAYLOAD: u8 = 40;
pub const MYSQL_HEARTBEAT_V2: u8 = 41;
pub const MYSQL_TAGGED_GTID: u8 = 42;
pub const MARIADB_ANNOTATE_ROWS: u8 = 160;
pub const MARIADB_BINLOG_CHECKPOINT: u8 = 161;
pub const MARIADB_GTID: u8 = 162;
pub const MARIADB_GTID_LIST: u8 = 163;
pub const MARIADB_START_ENCRYPTION: u8 = 164;
pub const MARIADB_QUERY_COMPRESSED: u8 = 165;
pub const MARIADB_WRITE_ROWS_COMPRESSED_V1: u8 = 166;
pub const MARIADB_UPDATE_ROWS_COMPRESSED_V1: u8 = 167;
pub const MARIADB_DELETE_ROWS_COMPRESSED_V1: u8 = 168;
pub const MARIADB_WRITE_ROWS_COMPRESSED: u8 = 169;
pub const MARIADB_UPDATE_ROWS_COMPRESSED: u8 = 170;
pub const MARIADB_DELETE_ROWS_COMPRESSED: u8 = 171;

/// It stands beside changes and is none. Of every other type, also one that is not known here, it has to be
/// assumed that it changes something: parts of a LOAD DATA in words, for one.
pub const fn changes_nothing(kind: u8) -> bool {
    matches!(
        kind,
        STOP | ROTATE
            | INTVAR
            | RAND
            | USER_VAR
            | FORMAT_DESCRIPTION
            | HEARTBEAT
            | IGNORABLE
            | ROWS_QUERY
            | MYSQL_ANONYMOUS_GTID
            | MYSQL_PREVIOUS_GTIDS
            | MYSQL_TRANSACTION_CONTEXT
            | MYSQL_VIEW_CHANGE
            | MYSQL_HEARTBEAT_V2
            | MARIADB_ANNOTATE_ROWS
            | MARIADB_BINLOG_CHECKPOINT
            | MARIADB_GTID_LIST
            | MARIADB_START_ENCRYPTION
    )
}
