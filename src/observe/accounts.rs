//! Who else can write on a member that is closed: asked seldom, as only people change it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Seen;
use super::observer::{Observer, Over};
use crate::mysql::cells::text;
use crate::mysql::quote::quote_account;
use crate::mysql::session::CONNECT_LIMIT;
use crate::mysql::{Account, Session, SqlError};

/// After a server's start it is not asked at once: it has more urgent work.
const FIRST: Duration = Duration::from_secs(3);
/// Time between two questions.
const EVERY: Duration = Duration::from_secs(300);
const LIMIT: Duration = Duration::from_secs(2);

/// Accounts that come with every server: the administrator's by socket, and those that are locked.
const USUAL: [&str; 6] = [
    "root",
    "mysql",
    "mariadb.sys",
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
];

/// Starts asking. The task ends when nobody listens any more.
pub fn spawn(observer: Observer) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut observer = observer;
        while one_life(&mut observer).await.is_ok() {}
    })
}

/// Asks one life of the server until it ends.
async fn one_life(observer: &mut Observer) -> Result<(), Over> {
    let life = observer.life().await?;
    let mut ends = observer.life.clone();
    let mut wait = FIRST;
    loop {
        tokio::select! {
            biased;
            ended = Observer::life_ends(&mut ends, &life) => return ended,
            () = sleep(wait) => {}
        }
        wait = EVERY;
        match ask(observer).await {
            Ok(accounts) => observer.send(Seen::Accounts(observer.side, accounts))?,
            Err(error) => {
                let member = &observer.target.name;
                tracing::debug!(%member, "asking who passes read_only: {}", error.chain());
            }
        }
    }
}

/// Each as `'user'@'host' by RIGHT`.
async fn ask(observer: &Observer) -> Result<Vec<String>, SqlError> {
    let mut session = Session::connect(&observer.target, Account::Manage, CONNECT_LIMIT).await?;
    let Some(sql) = session.dialect().privileged() else {
        return Ok(Vec::new());
    };
    let rows = session.rows(&sql, LIMIT).await?;
    session.end().await;
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &rows {
        let of = |name: &str| text(row, &[name]).unwrap_or_default();
        let (user, host) = (of("user"), of("host"));
        let usual = host == "localhost" && USUAL.contains(&user.as_str());
        let ours = Account::OURS.iter().any(|account| account.user() == user);
        if !usual && !ours {
            let rights = told.entry(quote_account(&user, &host)).or_default();
            rights.push(of("by"));
        }
    }
    let line =
        |(account, rights): (String, Vec<String>)| format!("{account} by {}", rights.join(", "));
    Ok(told.into_iter().map(line).collect())
}
