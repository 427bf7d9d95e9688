//! Rows as a server sends them, with anything in them.

use std::sync::Arc;

use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::server::{SemiSync, Version};
use dualmasterd::mysql::dialect::Dialect;
use dualmasterd::mysql::status;
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Row, Value};

use crate::harness::fuzz;

/// Cells as `name=value`, one on a line.
fn row(text: &[u8]) -> Row {
    let lines = text.split(|byte| *byte == b'\n');
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for line in lines {
        let at = line
            .iter()
            .position(|byte| *byte == b'=')
            .unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        columns.push(Column::new(ColumnType::MYSQL_TYPE_VAR_STRING).with_name(name));
        values.push(match value.get(1..) {
            None | Some(b"NULL") => Value::NULL,
            Some(value) => Value::Bytes(value.to_vec()),
        });
    }
    let columns: Arc<[Column]> = columns.into();
    mysql_common::row::new_row(values, columns)
}

#[test]
fn rows() {
    let examples: [&[u8]; 4] = [
        b"Source_Host=10.0.0.2\nSource_Port=3307\nReplica_IO_Running=Yes\nReplica_SQL_Running=No\n\
          Last_IO_Errno=0\nLast_SQL_Errno=1062\nLast_SQL_Error=Duplicate entry\n\
          Retrieved_Gtid_Set=3e11fa47-71ca-11e1-9e33-c80aa9429562:4-9\nAuto_Position=1\nSeconds_Behind_Source=NULL",
        b"Master_Host=10.0.0.2\nMaster_Port=3307\nSlave_IO_Running=Connecting\nSlave_SQL_Running=Yes\n\
          Gtid_IO_Pos=0-1-5\nUsing_Gtid=Slave_Pos\nSeconds_Behind_Master=3",
        b"server_id=1\nepoch=7\nwriter=1\nwritten_ms=1700000000000",
        b"id=5\nuser=root\nhost=localhost\nholds=FTWRL\ntimeout=4294967295\nwait_point=AFTER_SYNC\nwait_count=1",
    ];
    let examples = examples.map(<[u8]>::to_vec);
    let executed: GtidSet = "0-1-3".parse().unwrap();
    fuzz("status rows", 30_000, &examples, |input, _| {
        let row = row(input);
        for dialect in [
            Dialect::Mariadb(Version(10, 11, 19)),
            Dialect::Mysql(Version(9, 7, 4)),
        ] {
            if let Ok(Some(link)) = status::link(dialect, "a", &row, &executed) {
                assert!(!link.source_host.is_empty());
                assert!(
                    link.received.contains(&executed),
                    "received holds what was executed"
                );
            }
        }
        let rows = [row];
        let mut semi = SemiSync::default();
        status::semi_sync_status(&rows, &mut semi);
        status::semi_sync_settings(&rows[0], true, &mut semi);
        assert!(status::heartbeats(&rows).len() <= 1);
        assert!(status::blockers(&rows).len() <= 1);
    });
}
