//! Ending client sessions: never ours, never a dump thread, never what the server runs for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::sleep;

use super::handle::{LIMIT, ServerHandle};
use crate::model::action::{ActionError, Brought};
use crate::mysql::cells::{number, text};
use crate::mysql::{Session, SqlError};

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

/// No such session: it ended by itself.
const UNKNOWN: u16 = 1094;

/// Ends each client session once and waits until it is gone. `returned` names the accounts of which
/// a new session was seen meanwhile, where only some were ended.
///
/// # Errors
/// One may not be ended, or is not gone in time, or the server cannot be reached.
pub async fn close_sessions(handle: &ServerHandle, which: Which) -> Result<Brought, ActionError> {
    let mut session = handle.session().await?;
    let chosen = match which {
        Which::All => None,
        Which::PassReadOnly => pass_read_only(&mut session).await?,
    };
    let victims = clients(&mut session, chosen.as_ref()).await?;
    for id in victims.keys() {
        match session.run(&format!("KILL {id}"), LIMIT).await {
            Err(error) if error.errno != Some(UNKNOWN) => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    let mut returned = BTreeSet::new();
    if !victims.is_empty() {
        wait_gone(&mut session, &victims, chosen.as_ref(), &mut returned).await?;
    }
    Ok(Brought::Closed {
        sessions: u32::try_from(victims.len()).unwrap_or(u32::MAX),
        // Where everyone is sent away, everyone comes back.
        returned: match chosen {
            Some(_) => returned.into_iter().collect(),
            None => Vec::new(),
        },
    })
}

async fn wait_gone(
    session: &mut Session,
    victims: &BTreeMap<u64, String>,
    chosen: Option<&BTreeSet<String>>,
    returned: &mut BTreeSet<String>,
) -> Result<(), ActionError> {
    let started = tokio::time::Instant::now();
    loop {
        let now = clients(session, chosen).await?;
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
            return Ok(());
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
async fn clients(
    session: &mut Session,
    chosen: Option<&BTreeSet<String>>,
) -> Result<BTreeMap<u64, String>, SqlError> {
    let sql = session.dialect().client_sessions();
    let rows = session.rows(&sql, LIMIT).await?;
    let read = |row| {
        let user = text(row, &["user"]).unwrap_or_default();
        let host = text(row, &["host"]).unwrap_or_default();
        let address = host
            .rsplit_once(':')
            .map_or(host.as_str(), |(address, _)| address);
        let wanted = chosen.is_none_or(|users| users.contains(&user));
        wanted.then(|| Some((number(row, &["id"])?, format!("{user}@{address}"))))?
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// The users whose sessions may write through `read_only`; `None` stands for everyone.
async fn pass_read_only(session: &mut Session) -> Result<Option<BTreeSet<String>>, SqlError> {
    let Some([privileged, roles, routines]) = session.dialect().who_passes_read_only() else {
        return Ok(None);
    };
    let mut users = BTreeSet::new();
    let mut role_has_it = false;
    for row in session.rows(privileged, LIMIT).await? {
        users.extend(text(&row, &["user"]));
        role_has_it |= text(&row, &["is_role"]).is_some_and(|is| is == "1");
    }
    if role_has_it {
        let members = session.rows(roles, LIMIT).await?;
        users.extend(members.iter().filter_map(|row| text(row, &["user"])));
    }
    for row in session.rows(routines, LIMIT).await? {
        let definer = text(&row, &["definer"]).unwrap_or_default();
        let user = definer
            .rsplit_once('@')
            .map_or(definer.as_str(), |(user, _)| user);
        if users.contains(user) {
            return Ok(None);
        }
    }
    Ok(Some(users))
}
