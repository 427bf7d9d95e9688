//! From where a MariaDB replica asks and applies: `gtid_slave_pos`.
//!
//! It lags behind what the server has executed in two ways. What the server wrote itself is not in it.
//! And a statement that commits by itself (DDL) is in the binary log before it is in
//! `mysql.gtid_slave_pos`: a crash between the two leaves it out, and the applier would stop at it
//! (1950). `MASTER_DEMOTE_TO_SLAVE` heals the first alone: it takes from the binary log only what carries the
//! server's own id. So the position is set from the binary log's own. That also mends a position that names a
//! transaction of the server's own which its binary log was made to forget.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::handle::{LIMIT, ServerHandle};
use super::link::look;
use crate::model::action::ActionError;
use crate::model::gtid::{Gtid, Origin};
use crate::mysql::cells::{number, text};
use crate::mysql::{Dialect, Session};

/// A peer that does not get ahead for this long will not have the position soon.
const PEER_EXECUTES: Duration = Duration::from_secs(2);

/// Makes the position include all that the server has executed. Both threads must be stopped. Nothing
/// happens on MySQL, whose position is its set.
///
/// # Errors
/// The server cannot be reached, or a thread runs.
pub(super) async fn complete(session: &mut Session) -> Result<(), ActionError> {
    let Some(show) = session.dialect().positions() else {
        return Ok(());
    };
    let rows = session.rows(show, LIMIT).await?;
    let column = |name| rows.first().and_then(|row| text(row, &[name]));
    let position = entries(&column("position").unwrap_or_default());
    let newest = entries(&column("newest").unwrap_or_default());
    let id = rows.first().and_then(|row| number::<u32>(row, &["id"]));
    let differs = newest.iter().any(|last| {
        let known = position.iter().find(|known| domain(known) == domain(last));
        known.is_none_or(|known| {
            let forgotten = known != last && server(known) == id && id.is_some();
            known.number < last.number || forgotten
        })
    });
    if !differs {
        return Ok(());
    }
    // A seeded copy's binary log is silent about other domains.
    let others: Vec<Gtid> = position
        .into_iter()
        .filter(|known| newest.iter().all(|last| domain(last) != domain(known)))
        .collect();
    let sql = Dialect::set_position(&others);
    Ok(session.run(&sql, LIMIT).await?)
}

/// Waits until the peer has executed the transactions that this server's receiver will name: a peer
/// that lacks them would answer "GTID not in the binlog" (1236), and the receiver would stop for good. A
/// peer with a backlog is waited for as long as it gets ahead: the position stands still meanwhile.
///
/// # Errors
/// The peer does not get ahead, or one of the two cannot be reached.
pub(super) async fn wait_for_peer(
    session: &mut Session,
    peer: &ServerHandle,
) -> Result<(), ActionError> {
    let Some(show) = session.dialect().positions() else {
        return Ok(());
    };
    let mut other = peer.session().await?;
    let (mut ahead, mut pause) = (None, Duration::from_millis(5));
    let mut deadline = Instant::now() + PEER_EXECUTES;
    loop {
        let rows = session.rows(show, LIMIT).await?;
        let position = rows.first().and_then(|row| text(row, &["position"]));
        let position = position.unwrap_or_default();
        let seen = look(&mut other).await?;
        let mut named = entries(&position).into_iter();
        if named.all(|gtid| seen.executed.contains_gtid(&gtid)) {
            return Ok(());
        }
        // A peer whose applier is stopped gets ahead by what it writes itself.
        if seen.applies() && ahead.as_ref() != Some(&seen.executed) {
            deadline = Instant::now() + PEER_EXECUTES;
        }
        if Instant::now() >= deadline {
            return Err(ActionError::Failed(format!(
                "the receiver would ask for what follows {position}, and {} has executed only {}",
                peer.target().name,
                seen.executed
            )));
        }
        ahead = Some(seen.executed);
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

fn entries(position: &str) -> Vec<Gtid> {
    position
        .split(',')
        .filter_map(|gtid| gtid.trim().parse().ok())
        .collect()
}

fn server(gtid: &Gtid) -> Option<u32> {
    match gtid.origin {
        Origin::Mariadb { server, .. } => Some(server),
        Origin::Mysql { .. } => None,
    }
}

fn domain(gtid: &Gtid) -> Option<u32> {
    match gtid.origin {
        Origin::Mariadb { domain, .. } => Some(domain),
        Origin::Mysql { .. } => None,
    }
}
