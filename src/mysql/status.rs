//! What the answers mean: both families' columns to one model.

use mysql_async::Row;

use super::cells::{self, number, on, text};
use super::dialect::Dialect;
use super::error::SqlError;
use crate::model::gtid::{Gtid, GtidSet};
use crate::model::link::{LinkStatus, Receiver, ThreadError};
use crate::model::server::{Blocker, HeartbeatRow, SemiSync};

/// MySQL's summary when its applier was killed: the threads stopped, no event failed.
const KILLED: u32 = 1756;

/// MySQL's relay log ends within an event. After half a transaction was rolled back that is what
/// its applier ran into.
const CUT_SHORT: u32 = 13121;

/// Events of a log file begin after its magic number.
const LOG_HEAD: u64 = 4;

/// Reads a GTID set of the server's family.
///
/// # Errors
/// The text is none.
pub fn gtids(dialect: Dialect, on: &str, value: &str) -> Result<GtidSet, SqlError> {
    let set = match dialect {
        Dialect::Mariadb(_) => GtidSet::parse_mariadb(value),
        Dialect::Mysql(_) => GtidSet::parse_mysql(value),
    };
    set.map_err(|error| SqlError::unexpected("reading GTIDs", on, error.to_string()))
}

/// Reads SHOW SLAVE STATUS or SHOW REPLICA STATUS. `None` where no source is named.
///
/// # Errors
/// Its GTIDs cannot be read.
pub fn link(
    dialect: Dialect,
    server: &str,
    row: &Row,
    executed: &GtidSet,
) -> Result<Option<LinkStatus>, SqlError> {
    let source_host = text(row, &["Source_Host", "Master_Host"]).unwrap_or_default();
    if source_host.is_empty() {
        return Ok(None);
    }
    let receiver =
        receiver(&text(row, &["Replica_IO_Running", "Slave_IO_Running"]).unwrap_or_default());
    let applier = on(row, &["Replica_SQL_Running", "Slave_SQL_Running"]);
    let (received, by_gtid, half) = match dialect {
        Dialect::Mysql(_) => {
            let retrieved = text(row, &["Retrieved_Gtid_Set"]).unwrap_or_default();
            let received = gtids(dialect, server, &retrieved)?.union(executed);
            (received, on(row, &["Auto_Position"]), false)
        }
        Dialect::Mariadb(_) => {
            let both_stopped = receiver == Receiver::Stopped && !applier;
            let received = if both_stopped && relay_log_is_new(row) {
                executed.clone()
            } else {
                let position = text(row, &["Gtid_IO_Pos"]).unwrap_or_default();
                mariadb_received(server, &position, executed)?
            };
            let by_gtid = text(row, &["Using_Gtid"]).is_some_and(|how| how != "No");
            let half = receiver == Receiver::Stopped
                && applier
                && executed.contains(&received)
                && fetched_beyond_executed(row);
            (received, by_gtid, half)
        }
    };
    Ok(Some(LinkStatus {
        source_host,
        source_port: number(row, &["Source_Port", "Master_Port"]).unwrap_or_default(),
        by_gtid,
        receiver,
        receiver_error: thread_error(
            number(row, &["Last_IO_Errno"]),
            text(row, &["Last_IO_Error"]),
        ),
        applier,
        applier_error: thread_error(
            number(row, &["Last_SQL_Errno"]),
            text(row, &["Last_SQL_Error"]),
        ),
        received,
        half,
        delay_s: number(row, &["SQL_Delay"]).unwrap_or_default(),
    }))
}

/// Renews a link from the moving columns of MySQL's quick look.
///
/// # Errors
/// Its GTIDs cannot be read.
pub fn renew_link(
    dialect: Dialect,
    server: &str,
    row: &Row,
    executed: &GtidSet,
    link: &mut LinkStatus,
) -> Result<(), SqlError> {
    let received = text(row, &["received"]).unwrap_or_default();
    link.received = gtids(dialect, server, &received)?.union(executed);
    link.receiver = receiver(&text(row, &["receiver"]).unwrap_or_default());
    link.applier = on(row, &["applier"]);
    let queueing = text(row, &["queueing"]).is_some_and(|gtid| !gtid.is_empty());
    link.half = queueing && link.applier;
    link.receiver_error = thread_error(
        number(row, &["receiver_errno"]),
        text(row, &["receiver_error"]),
    );
    let errno = number(row, &["applier_errno"]).filter(|e| !queueing || *e != CUT_SHORT);
    link.applier_error = thread_error(errno, text(row, &["applier_error"]));
    Ok(())
}

/// Reads semi-sync's counters into `semi`: rows of name and value, in the words of either family.
pub fn semi_sync_status(rows: &[Row], semi: &mut SemiSync) {
    for row in rows {
        let (Some(name), Some(value)) = (cells::nth(row, 0), cells::nth(row, 1)) else {
            continue;
        };
        let name = name.to_ascii_lowercase();
        if name.ends_with("_slave_status") || name.ends_with("_replica_status") {
            semi.replica_status = cells::is_on(&value);
        } else if name.ends_with("_status") {
            semi.source_status = cells::is_on(&value);
        } else if name.ends_with("_clients") {
            semi.clients = value.parse().unwrap_or_default();
        } else if name.ends_with("_wait_sessions") {
            semi.waiting = value != "0";
        }
    }
}

/// Reads the settings of semi-sync into `semi`.
pub fn semi_sync_settings(row: &Row, available: bool, semi: &mut SemiSync) {
    semi.available = available;
    semi.source_on = on(row, &["source_enabled"]);
    semi.replica_on = on(row, &["replica_enabled"]);
    semi.timeout_ms = number(row, &["timeout"]).unwrap_or_default();
    semi.after_sync = text(row, &["wait_point"]).is_some_and(|point| point == "AFTER_SYNC");
    semi.wait_no_replica = on(row, &["wait_none"]);
    semi.wait_count = number(row, &["wait_count"]).unwrap_or_default();
}

/// Reads the rows of the heartbeat table.
pub fn heartbeats(rows: &[Row]) -> Vec<HeartbeatRow> {
    let read = |row: &Row| {
        Some(HeartbeatRow {
            server_id: number(row, &["server_id"])?,
            epoch: number(row, &["epoch"])?,
            writer: number(row, &["writer"])?,
            written_ms: number(row, &["written_ms"])?,
        })
    };
    rows.iter().filter_map(read).collect()
}

/// Reads the sessions in whose way writes wait.
pub fn blockers(rows: &[Row]) -> Vec<Blocker> {
    let read = |row: &Row| {
        let user = text(row, &["user"]).unwrap_or_default();
        let host = text(row, &["host"]).unwrap_or_default();
        Some(Blocker {
            session: number(row, &["id"])?,
            account: format!("{user}@{host}"),
            holds: text(row, &["holds"]).unwrap_or_default(),
        })
    };
    rows.iter().filter_map(read).collect()
}

/// A MariaDB position names the last transaction of each domain, and whoever has it has what was
/// executed before it.
fn mariadb_received(server: &str, position: &str, executed: &GtidSet) -> Result<GtidSet, SqlError> {
    let mut received = executed.clone();
    let entries = position.split(',').map(str::trim);
    for entry in entries.filter(|entry| !entry.is_empty() && !entry.ends_with("-0")) {
        let gtid: Gtid = entry.parse().map_err(|error| {
            SqlError::unexpected("reading Gtid_IO_Pos", server, format!("{entry}: {error}"))
        })?;
        received.insert_through(gtid);
    }
    Ok(received)
}

/// The receiver stopped in the middle of a group: bytes were fetched that belong to no whole
/// transaction, so the applier stands before them for ever.
fn fetched_beyond_executed(row: &Row) -> bool {
    fetched_and_executed(row).is_some_and(|(fetched, executed)| fetched > executed)
}

/// A CHANGE MASTER deleted the relay logs and nothing was fetched since. `Gtid_IO_Pos` goes on naming what
/// was in the old ones until a thread starts.
fn relay_log_is_new(row: &Row) -> bool {
    let at_its_head = number(row, &["Relay_Log_Pos"]).is_some_and(|at: u64| at <= LOG_HEAD);
    // Where the source was named as well, one is shown as 4 and the other as 0.
    let nothing = |(fetched, executed): (u64, u64)| fetched == executed.max(LOG_HEAD);
    at_its_head && fetched_and_executed(row).is_some_and(nothing)
}

/// Positions in the source's binary log, where both are in the same file.
fn fetched_and_executed(row: &Row) -> Option<(u64, u64)> {
    let same_file = text(row, &["Master_Log_File"]) == text(row, &["Relay_Master_Log_File"]);
    let fetched = number(row, &["Read_Master_Log_Pos"])?;
    let executed = number(row, &["Exec_Master_Log_Pos"])?;
    same_file.then_some((fetched, executed))
}

fn receiver(word: &str) -> Receiver {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "on" => Receiver::Running,
        "connecting" | "preparing" => Receiver::Connecting,
        _ => Receiver::Stopped,
    }
}

fn thread_error(errno: Option<u32>, text: Option<String>) -> Option<ThreadError> {
    let errno = errno.filter(|errno| *errno != 0 && *errno != KILLED)?;
    Some(ThreadError {
        errno,
        text: text.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
