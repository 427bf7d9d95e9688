//! Keeps the list of the writer's enabled events, for whoever becomes writer after it.
//!
//! It is read with the manage account, which may see all events, and written by the monitor, which
//! cannot write on a server that is read-only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::observer::Observer;
use super::probes::WriterProbe;
use crate::mysql::cells::text;
use crate::mysql::quote::quote_str;
use crate::mysql::session::CONNECT_LIMIT;
use crate::mysql::{Account, ServerTarget, Session, SqlError};

/// Time between two comparisons.
const EVERY: Duration = Duration::from_secs(5);

const LIMIT: Duration = Duration::from_secs(2);

/// An event by schema and name.
type Name = (String, String);

/// Starts keeping the list while `writer` is set; the task ends when the watched channel closes.
pub fn spawn_recorder(
    observer: &Observer,
    writer: &watch::Receiver<Option<WriterProbe>>,
) -> JoinHandle<()> {
    let target = observer.target.clone();
    let mut writer = writer.clone();
    tokio::spawn(async move {
        while writer.wait_for(Option::is_some).await.is_ok() {
            let (recorder, mut unset) = (keep_recording(&target), writer.clone());
            tokio::select! {
                biased;
                unset = unset.wait_for(Option::is_none) => if unset.is_err() { return },
                () = recorder => {}
            }
        }
    })
}

async fn keep_recording(target: &Arc<ServerTarget>) {
    loop {
        if let Err(error) = record(target).await {
            let member = &target.name;
            tracing::debug!(%member, "recording the writer's events: {}", error.chain());
        }
        sleep(EVERY).await;
    }
}

/// Brings the table up to date. Events disabled because they came from the other server stay as they
/// are recorded: they wait to be handed over.
async fn record(target: &Arc<ServerTarget>) -> Result<(), SqlError> {
    let mut reader = Session::connect(target, Account::Manage, CONNECT_LIMIT).await?;
    let sql = "SELECT EVENT_SCHEMA, EVENT_NAME, STATUS FROM information_schema.events; \
         SELECT event_schema, event_name, 'RECORDED' AS status FROM dualmasterd.events";
    let results = reader.results(sql, LIMIT).await?;
    reader.end().await;
    let (mut enabled, mut waiting, mut recorded) = Default::default();
    for row in results.iter().flatten() {
        let name = |column: &str| text(row, &[column]).unwrap_or_default();
        let set: &mut BTreeSet<Name> = match name("status").as_str() {
            "ENABLED" => &mut enabled,
            "SLAVESIDE_DISABLED" | "REPLICA_SIDE_DISABLED" => &mut waiting,
            "RECORDED" => &mut recorded,
            _ => continue,
        };
        set.insert((name("event_schema"), name("event_name")));
    }
    let gone = |name: &&Name| !enabled.contains(*name) && !waiting.contains(*name);
    let mut changes: Vec<String> = recorded.iter().filter(gone).map(forget).collect();
    changes.extend(enabled.difference(&recorded).map(remember));
    if changes.is_empty() {
        return Ok(());
    }
    let mut writer = Session::connect(target, Account::Monitor, CONNECT_LIMIT).await?;
    for sql in &changes {
        writer.run_left_alone(sql, None).await?;
    }
    writer.end().await;
    Ok(())
}

fn remember((schema, name): &Name) -> String {
    let (schema, name) = (quote_str(schema), quote_str(name));
    format!("REPLACE INTO dualmasterd.events VALUES ({schema}, {name})")
}

fn forget((schema, name): &Name) -> String {
    let (schema, name) = (quote_str(schema), quote_str(name));
    format!("DELETE FROM dualmasterd.events WHERE event_schema = {schema} AND event_name = {name}")
}
