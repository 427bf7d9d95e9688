//! Ending client sessions: never ours, never a dump thread, never what the server runs for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::sleep;

use super::handle::{LIMIT, ServerHandle};
use crate::model::action::{ActionError, Brought};
use crate::model::gtid::GtidSet;
use crate::mysql::cells::{number, text};
use crate::mysql::{Dialect, Row, Session, SqlError, status};

/// Which sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every client.
    All,
    /// Those that may write through `read_only`: on MySQL everyone (XA passes `super_read_only`); on
    /// MariaDB administrators, and everyone where a routine runs with an administrator's right,
    /// which passes `read_only` for whoever calls it.
    PassReadOnly,
}

/// How long ended sessions may take to be gone: a big transaction is rolled back first.
const GONE: Duration = Duration::from_secs(1);

/// So often are sessions ended together before each is ended by itself.
const TOGETHER: usize = 5;

/// No such session: it ended by itself.
const UNKNOWN: u16 = 1094;

/// Ends each client session once and waits until it is gone. `returned` names the accounts of which
/// a new session was seen meanwhile, where only some were ended.
///
/// # Errors
/// One may not be ended, or is not gone in time, or the server cannot be reached.
pub async fn close_sessions(handle: &ServerHandle, which: Which) -> Result<Brought, ActionError> {
    let (mut session, mut results) = handle
        .ask_words(|dialect| first_words(dialect, which))
        .await?;
    let (mut position, victims) = (results.pop(), results.pop());
    let chosen = match which {
        Which::All => None,
        Which::PassReadOnly => pass_read_only(&results),
    };
    let victims = clients(&victims.unwrap_or_default(), chosen.as_ref());
    end(&mut session, &victims, chosen.as_ref()).await?;
    let mut returned = BTreeSet::new();
    if !victims.is_empty() {
        let last = wait_gone(&mut session, &victims, chosen.as_ref(), &mut returned).await?;
        position = Some(last);
    }
    Ok(Brought::Closed {
        sessions: u32::try_from(victims.len()).unwrap_or(u32::MAX),
        // Where everyone is sent away, everyone comes back.
        returned: match chosen {
            Some(_) => returned.into_iter().collect(),
            None => Vec::new(),
        },
        position: executed(&session, &position.unwrap_or_default())?,
    })
}

/// Who passes `read_only` where that matters, who is there, and then what was executed.
fn first_words(dialect: Dialect, which: Which) -> String {
    let passes = match which {
        Which::All => None,
        Which::PassReadOnly => dialect.who_passes_read_only(),
    };
    let mut words: Vec<String> = passes.into_iter().flatten().map(str::to_owned).collect();
    words.push(words_of_sessions(dialect));
    words.join("; ")
}

fn words_of_sessions(dialect: Dialect) -> String {
    format!("{}; {}", dialect.client_sessions(), dialect.executed())
}

fn executed(session: &Session, rows: &[Row]) -> Result<GtidSet, SqlError> {
    let set = rows.first().and_then(|row| text(row, &["executed"]));
    status::gtids(session.dialect(), session.name(), &set.unwrap_or_default())
}

/// In one round trip. One that had ended by itself ends the others' turn: who is left is looked up and
/// ended the same way, and one by one where sessions end by themselves all the time.
async fn end(
    session: &mut Session,
    victims: &BTreeMap<u64, String>,
    chosen: Option<&BTreeSet<String>>,
) -> Result<(), SqlError> {
    let kill = |id: &u64| format!("KILL {id}");
    let mut left: Vec<u64> = victims.keys().copied().collect();
    for _again in 0..TOGETHER {
        if left.is_empty() {
            return Ok(());
        }
        let all: Vec<String> = left.iter().map(kill).collect();
        match session.run(&all.join("; "), LIMIT).await {
            Err(error) if error.errno == Some(UNKNOWN) => {}
            ended => return ended,
        }
        let sql = session.dialect().client_sessions();
        let there = clients(&session.rows(&sql, LIMIT).await?, chosen);
        left.retain(|id| there.contains_key(id));
    }
    for id in &left {
        match session.run(&kill(id), LIMIT).await {
            Err(error) if error.errno != Some(UNKNOWN) => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Returns the row of what was executed when the last of them was gone.
async fn wait_gone(
    session: &mut Session,
    victims: &BTreeMap<u64, String>,
    chosen: Option<&BTreeSet<String>>,
    returned: &mut BTreeSet<String>,
) -> Result<Vec<Row>, ActionError> {
    let started = tokio::time::Instant::now();
    let sql = words_of_sessions(session.dialect());
    loop {
        let mut results = session.results(&sql, LIMIT).await?;
        let position = results.pop().unwrap_or_default();
        let now = clients(&results.pop().unwrap_or_default(), chosen);
        let accounts: BTreeSet<&String> = victims.values().collect();
        let new = now
            .iter()
            .filter(|(id, account)| !victims.contains_key(id) && accounts.contains(account));
        returned.extend(new.map(|(_, account)| account.clone()));
        let left: Vec<&String> = victims
            .iter()
            .filter(|(id, _)| now.contains_key(id))
            .map(|(_, account)| account)
            .collect();
        if left.is_empty() {
            return Ok(position);
        }
        if started.elapsed() > GONE {
            return Err(ActionError::Failed(format!(
                "{} sessions were ended and are not gone after {} ms, among them {}",
                left.len(),
                GONE.as_millis(),
                left.first().map_or("", |account| account.as_str())
            )));
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Client sessions by id, with `user@address`; a client's port is left out.
fn clients(rows: &[Row], chosen: Option<&BTreeSet<String>>) -> BTreeMap<u64, String> {
    let read = |row| {
        let user = text(row, &["user"]).unwrap_or_default();
        let host = text(row, &["host"]).unwrap_or_default();
        let address = host
            .rsplit_once(':')
            .map_or(host.as_str(), |(address, _)| address);
        let wanted = chosen.is_none_or(|users| users.contains(&user));
        wanted.then(|| Some((number(row, &["id"])?, format!("{user}@{address}"))))?
    };
    rows.iter().filter_map(read).collect()
}

/// The users whose sessions may write through `read_only`, from who has the right, who has it by a
/// role, and whose routines lend it; `None` stands for everyone.
fn pass_read_only(results: &[Vec<Row>]) -> Option<BTreeSet<String>> {
    let [privileged, roles, routines] = results else {
        return None;
    };
    let mut users: BTreeSet<String> = BTreeSet::new();
    let mut role_has_it = false;
    for row in privileged {
        users.extend(text(row, &["user"]));
        role_has_it |= text(row, &["is_role"]).is_some_and(|is| is == "1");
    }
    if role_has_it {
        users.extend(roles.iter().filter_map(|row| text(row, &["user"])));
    }
    let lends = |row: &Row| {
        let definer = text(row, &["definer"]).unwrap_or_default();
        let user = definer
            .rsplit_once('@')
            .map_or(definer.as_str(), |(user, _)| user);
        users.contains(user)
    };
    match routines.iter().any(lends) {
        true => None,
        false => Some(users),
    }
}
