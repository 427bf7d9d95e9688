//! What a server needs before it can be looked at and linked: accounts, schema, semi-sync.
//!
//! All of it is made with `sql_log_bin=0` at each member, so that it creates no transaction.

use std::sync::Arc;
use std::time::Duration;

use super::handle::{LIMIT, ServerHandle};
use crate::model::action::{ActionError, Brought};
use crate::model::secret::Secret;
use crate::model::server::Family;
use crate::mysql::accounts::{admit, make, prove_replication};
use crate::mysql::cells::{number, on, text};
use crate::mysql::quote::{quote_account, quote_grant_schema, quote_ident, quote_str};
use crate::mysql::schema;
use crate::mysql::session::CONNECT_LIMIT;
use crate::mysql::{Account, Dialect, ServerTarget, Session, SqlError};

/// A commit that creates the application's account may wait for its acknowledgement.
const APP_LIMIT: Duration = Duration::from_secs(10);

/// The application's account and schema.
#[derive(Debug, Clone)]
pub struct App {
    /// Its user.
    pub user: String,
    /// The hosts it may come from; `%` for all.
    pub host: String,
    /// Its password.
    pub password: Secret,
    /// Its schema.
    pub schema: String,
}

/// Makes or repairs accounts, schema and semi-sync. Root does it; where root cannot log in, all of
/// it must be there already.
///
/// # Errors
/// Refused where something is missing and root cannot log in; or a statement failed.
pub async fn bootstrap(handle: &ServerHandle) -> Result<Brought, ActionError> {
    let target = handle.target();
    match Session::connect(target, Account::Root, CONNECT_LIMIT).await {
        Ok(mut root) => {
            right_family(&mut root, target).await?;
            make_all(root, target).await?;
            handle.cool_down();
        }
        Err(error) if error.errno.is_some() => {
            if let Err(missing) = complete(target).await {
                return Err(ActionError::Refused(format!(
                    "{}; and without root: {}; name a file with root's password, or give \
                     root@localhost an empty one",
                    error.chain(),
                    missing.chain()
                )));
            }
        }
        Err(error) => return Err(error.into()),
    }
    complete(target).await?;
    Ok(Brought::Nothing)
}

/// Creates the application's account and schema on the writer; both are replicated.
///
/// # Errors
/// Refused on a server that is read-only; or root cannot log in.
pub async fn create_app(handle: &ServerHandle, app: &App) -> Result<Brought, ActionError> {
    let mut root = Session::connect(handle.target(), Account::Root, CONNECT_LIMIT).await?;
    let sql = "SELECT @@global.read_only AS read_only";
    let rows = root.rows(sql, LIMIT).await?;
    if rows.first().is_none_or(|row| on(row, &["read_only"])) {
        return Err(ActionError::Failed(
            "the application's account is created on the writer, and this server is read-only"
                .to_owned(),
        ));
    }
    let schema = quote_ident(&app.schema);
    let account = quote_account(&app.user, &app.host);
    let password = quote_str(app.password.expose());
    let statements = [
        format!("CREATE DATABASE IF NOT EXISTS {schema}"),
        format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {password}"),
        format!(
            "GRANT ALL ON {}.* TO {account}",
            quote_grant_schema(&app.schema)
        ),
    ];
    for sql in &statements {
        root.run_left_alone(sql, Some(APP_LIMIT)).await?;
    }
    Ok(Brought::Nothing)
}

/// The words of one family mean nothing to the other.
async fn right_family(root: &mut Session, target: &ServerTarget) -> Result<(), ActionError> {
    let rows = root.rows("SELECT VERSION() AS version", LIMIT).await?;
    let version = rows
        .first()
        .and_then(|row| text(row, &["version"]))
        .unwrap_or_default();
    let mariadb = version.contains("MariaDB");
    match mariadb == (target.family == Family::Mariadb) {
        true => Ok(()),
        false => Err(ActionError::Refused(format!(
            "{} is configured as {} and answers as {version}",
            target.name, target.family
        ))),
    }
}

async fn make_all(mut root: Session, target: &Arc<ServerTarget>) -> Result<(), ActionError> {
    let dialect = root.dialect();
    let sql = dialect.show_closed();
    let rows = root.rows(&sql, LIMIT).await?;
    let closed = rows.first().is_some_and(|row| on(row, &["read_only"]));
    root.run("SET SESSION sql_log_bin=0", LIMIT).await?;
    let reopened = closed && dialect.closing_var() == "super_read_only";
    if reopened {
        // read_only stays on: nobody but administrators gets in meanwhile.
        root.run("SET GLOBAL super_read_only=0", LIMIT).await?;
    }
    let made = make_parts(&mut root, target, dialect).await;
    if reopened {
        root.run("SET GLOBAL super_read_only=1", LIMIT).await?;
    }
    Ok(made?)
}

async fn make_parts(
    root: &mut Session,
    target: &Arc<ServerTarget>,
    dialect: Dialect,
) -> Result<(), SqlError> {
    for sql in schema::CREATE {
        root.run(sql, LIMIT).await?;
    }
    for account in Account::OURS {
        for sql in make(dialect, target, account) {
            root.run(&sql, LIMIT).await?;
        }
    }
    if target.made_by_us {
        drop_open_accounts(root, dialect).await?;
    }
    make_semi_sync(root, dialect).await?;
    // The monitor last: once it is in, all the rest is there.
    for account in [Account::Replicate, Account::Manage, Account::Monitor] {
        for sql in admit(target, account) {
            root.run(&sql, LIMIT).await?;
        }
    }
    Ok(())
}

/// A fresh datadir comes with root accounts that have no password and can be reached by TCP.
async fn drop_open_accounts(root: &mut Session, dialect: Dialect) -> Result<(), SqlError> {
    let no_password = match dialect.family() {
        Family::Mariadb => "authentication_string = '' AND Password = ''",
        Family::Mysql => "authentication_string = ''",
    };
    let sql = format!(
        "SELECT User AS user, Host AS host FROM mysql.user \
         WHERE (User = '' OR (User = 'root' AND Host <> 'localhost')) AND {no_password}"
    );
    for row in root.rows(&sql, LIMIT).await? {
        let user = text(&row, &["user"]).unwrap_or_default();
        let host = text(&row, &["host"]).unwrap_or_default();
        let sql = format!("DROP USER IF EXISTS {}", quote_account(&user, &host));
        root.run(&sql, LIMIT).await?;
    }
    Ok(())
}

/// The replica side is on at both members for ever; the source side is armed at the writer alone.
async fn make_semi_sync(root: &mut Session, dialect: Dialect) -> Result<(), SqlError> {
    if dialect.family() == Family::Mysql {
        for (plugin, library) in dialect.semi_sync_libraries() {
            let sql = format!(
                "SELECT COUNT(*) AS there FROM information_schema.plugins WHERE PLUGIN_NAME = '{plugin}'"
            );
            let rows = root.rows(&sql, LIMIT).await?;
            if rows.first().and_then(|row| number::<u32>(row, &["there"])) == Some(0) {
                let sql = format!("INSTALL PLUGIN {plugin} SONAME '{library}'");
                root.run(&sql, LIMIT).await?;
            }
        }
    }
    let sql = format!(
        "SET GLOBAL {}=1, GLOBAL {}='AFTER_SYNC'",
        dialect.replica_var("enabled"),
        dialect.source_var("wait_point"),
    );
    root.run(&sql, LIMIT).await
}

/// Everything is there: each account can log in and do what it is for.
async fn complete(target: &Arc<ServerTarget>) -> Result<(), SqlError> {
    let mut monitor = Session::connect(target, Account::Monitor, CONNECT_LIMIT).await?;
    let mut manage = Session::connect(target, Account::Manage, CONNECT_LIMIT).await?;
    prove_replication(target, CONNECT_LIMIT).await?;
    let dialect = monitor.dialect();
    monitor.rows(schema::HEARTBEATS, LIMIT).await?;
    monitor
        .rows("SELECT n FROM dualmasterd.probe", LIMIT)
        .await?;
    manage
        .rows("SELECT event_name FROM dualmasterd.events LIMIT 1", LIMIT)
        .await?;
    let sql = format!(
        "SELECT @@global.{} AS enabled, @@global.{} AS source",
        dialect.replica_var("enabled"),
        dialect.source_var("enabled"),
    );
    let rows = manage.rows(&sql, LIMIT).await?;
    match rows.first().is_some_and(|row| on(row, &["enabled"])) {
        true => Ok(()),
        false => Err(SqlError::unexpected(
            "checking semi-sync",
            &target.name,
            format!("{} is off", dialect.replica_var("enabled")),
        )),
    }
}
