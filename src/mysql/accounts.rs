//! The three accounts: what each may do, and nothing more.
//!
//! They are made with `sql_log_bin=0` at each member by `root@localhost`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::dialect::{Can, Dialect};
use super::error::SqlError;
use super::quote::{quote_account, quote_str};
use super::session::Session;
use super::target::{Account, Door, ServerTarget};
use crate::model::server::Family;

/// `require_secure_transport` is on.
const NEEDS_TLS: u16 = 3159;

/// Statements that give an account exactly its rights.
///
/// The monitor has none that passes `read_only`. What it needs beside reading is `sql_log_bin=0` for
/// the local write: MariaDB's BINLOG ADMIN, MySQL's SESSION_VARIABLES_ADMIN. MySQL before 8.0.14 has
/// only SUPER for that, which passes `read_only`: there the local write is refused.
pub fn grants(dialect: Dialect, account: Account, host: &str) -> Vec<String> {
    let to = quote_account(account.user(), host);
    rights(dialect, account)
        .into_iter()
        .map(|(rights, on)| format!("GRANT {rights} ON {on} TO {to}"))
        .collect()
}

fn rights(dialect: Dialect, account: Account) -> Vec<(String, &'static str)> {
    let fine = dialect.can(Can::FineGrants);
    let definer = match dialect.can(Can::AnyDefiner) {
        true => "SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER",
        false => "SET_USER_ID",
    };
    let own = ("SELECT, INSERT, UPDATE, DELETE".to_owned(), "dualmasterd.*");
    let read_own = ("SELECT".to_owned(), "dualmasterd.*");
    let look = ("SELECT".to_owned(), "performance_schema.*");
    match (dialect.family(), account) {
        (_, Account::Root) => Vec::new(),
        (_, Account::Replicate) => vec![("REPLICATION SLAVE".to_owned(), "*.*")],
        (Family::Mariadb, Account::Monitor) => {
            vec![
                ("PROCESS, SLAVE MONITOR, BINLOG ADMIN".to_owned(), "*.*"),
                own,
            ]
        }
        (Family::Mariadb, Account::Manage) => vec![
            (
                "PROCESS, RELOAD, SUPER, READ_ONLY ADMIN, CONNECTION ADMIN, REPLICATION MASTER ADMIN, \
                 REPLICATION SLAVE ADMIN, SLAVE MONITOR, BINLOG ADMIN, EVENT, SET USER"
                    .to_owned(),
                "*.*",
            ),
            read_own,
            // Who may write through read_only: by account, by role, by a routine's definer.
            ("SELECT".to_owned(), "mysql.global_priv"),
            ("SELECT".to_owned(), "mysql.roles_mapping"),
            ("SELECT".to_owned(), "mysql.proc"),
        ],
        (Family::Mysql, Account::Monitor) if fine => vec![
            ("PROCESS, REPLICATION CLIENT".to_owned(), "*.*"),
            (
                "SESSION_VARIABLES_ADMIN, XA_RECOVER_ADMIN, SERVICE_CONNECTION_ADMIN".to_owned(),
                "*.*",
            ),
            look,
            own,
        ],
        (Family::Mysql, Account::Manage) if fine => vec![
            // RELOAD: a link whose files its server cannot read is reset.
            ("PROCESS, RELOAD, REPLICATION CLIENT, EVENT".to_owned(), "*.*"),
            (
                format!(
                    "REPLICATION_SLAVE_ADMIN, CONNECTION_ADMIN, SYSTEM_USER, \
                     SYSTEM_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN, XA_RECOVER_ADMIN, \
                     SERVICE_CONNECTION_ADMIN, BINLOG_ADMIN, {definer}"
                ),
                "*.*",
            ),
            look,
            read_own,
            // Who may switch super_read_only off.
            ("SELECT (User, Host, Super_priv)".to_owned(), "mysql.user"),
            ("SELECT".to_owned(), "mysql.global_grants"),
        ],
        (Family::Mysql, Account::Monitor) => {
            vec![("PROCESS, REPLICATION CLIENT".to_owned(), "*.*"), own]
        }
        (Family::Mysql, Account::Manage) => vec![
            (
                "PROCESS, RELOAD, REPLICATION CLIENT, EVENT, SUPER".to_owned(),
                "*.*",
            ),
            read_own,
        ],
    }
}

/// The hosts an account may come from: the daemon's from this host alone, the monitor's through the
/// endpoint as well, the receivers' from the members' addresses, or from anywhere where these are names that the server may not resolve.
pub fn hosts(target: &ServerTarget, account: Account) -> BTreeSet<String> {
    let members = [&target.host, &target.peer.host];
    let mut hosts = BTreeSet::new();
    match account {
        Account::Root => {}
        Account::Monitor | Account::Manage => {
            hosts.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
            hosts.extend(Some(target.host.clone()).filter(|host| host.parse::<IpAddr>().is_ok()));
            let endpoint = target.endpoint.filter(|_| account == Account::Monitor);
            hosts.extend(endpoint.map(|address| address.to_string()));
        }
        Account::Replicate if members.iter().all(|host| host.parse::<IpAddr>().is_ok()) => {
            hosts.extend(members.into_iter().cloned());
        }
        Account::Replicate => {
            hosts.insert("%".to_owned());
        }
    }
    hosts
}

/// Statements that make an account where it is missing and give it its rights. A new one gets another
/// password than its own: a session keeps the rights that its account had at the login, so nobody may
/// come before it has them all.
pub fn make(dialect: Dialect, target: &ServerTarget, account: Account) -> Vec<String> {
    let password = target.secrets.of(account).unwrap_or_default();
    let not_yet = Zeroizing::new(format!("{password} not yet"));
    let not_yet = quote_str(&not_yet);
    let mut statements = Vec::new();
    for host in hosts(target, account) {
        let name = quote_account(account.user(), &host);
        statements.push(format!(
            "CREATE USER IF NOT EXISTS {name} IDENTIFIED BY {not_yet}"
        ));
        statements.extend(grants(dialect, account, &host));
    }
    statements
}

/// Statements that give an account its password, and undo a lock or an expiry.
pub fn admit(target: &ServerTarget, account: Account) -> Vec<String> {
    let password = quote_str(target.secrets.of(account).unwrap_or_default());
    let admit = |host: &String| {
        let name = quote_account(account.user(), host);
        format!("ALTER USER {name} IDENTIFIED BY {password} PASSWORD EXPIRE NEVER ACCOUNT UNLOCK")
    };
    hosts(target, account).iter().map(admit).collect()
}

/// Proves that the peer's receiver can log in: the same account, from this host, by TCP. TLS is left
/// to the receiver unless the server takes nothing else: receivers do not check the server's name,
/// and the driver cannot do without (its switch for that looks for a text that rustls has changed).
///
/// # Errors
/// It cannot, or it may not replicate.
pub async fn prove_replication(
    target: &Arc<ServerTarget>,
    limit: Duration,
) -> Result<(), SqlError> {
    let account = Account::Replicate;
    let mut session = match Session::connect_by(target, account, Door::Tcp, limit).await {
        Err(error) if error.errno == Some(NEEDS_TLS) && target.tls.is_some() => {
            Session::connect_by(target, account, Door::Tls, limit).await?
        }
        answer => answer?,
    };
    let rows = session.rows("SHOW GRANTS", limit).await?;
    let granted = rows.iter().filter_map(|row| super::cells::nth(row, 0));
    match granted.into_iter().any(|grant| may_replicate(&grant)) {
        true => Ok(()),
        false => Err(SqlError::unexpected(
            "proving the replication account",
            &target.name,
            "it lacks REPLICATION SLAVE",
        )),
    }
}

fn may_replicate(grant: &str) -> bool {
    grant.contains("ON *.*")
        && [
            "REPLICATION SLAVE,",
            "REPLICATION SLAVE ON",
            "ALL PRIVILEGES",
            "REPLICATION REPLICA",
        ]
        .iter()
        .any(|right| grant.contains(right))
}
