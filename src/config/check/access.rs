//! System accounts, secrets, database accounts, certificates.

use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use super::{Check, paths};
use crate::config::code::Code;
use crate::config::file;
use crate::config::problem::Problem;
use crate::config::secret::{self, Guard, Login, SecretError};
use crate::config::settings::{Account, AccountSettings, AppSettings, LinkSettings, TlsSettings};

/// The account a server runs as: `mysql` where we are root, else ourselves.
pub(super) fn account(check: &mut Check<'_>, at: &[&str], said: Option<&str>) -> Account {
    let me = geteuid();
    let found = match (said, me.is_root()) {
        (Some(name), _) => User::from_name(name),
        (None, true) => User::from_name("mysql"),
        (None, false) => User::from_uid(me),
    };
    let Some(user) = found.ok().flatten() else {
        let name = said.unwrap_or("mysql");
        let what = format!("the system has no account `{name}`");
        let problem = Problem::new(
            Code::UnknownUser,
            check.value(at),
            what,
            "expected `user = \"ACCOUNT\"`",
        );
        check.report(
            problem.help("packages of a server make `mysql`; else: useradd --system mysql"),
        );
        return Account {
            name: name.to_owned(),
            uid: 0,
            gid: 0,
        };
    };
    if !me.is_root() && user.uid != me {
        let what = format!("only root can run a server as `{}`", user.name);
        let expected = "expected no `user`, or our own account";
        check.report(Problem::new(
            Code::UnknownUser,
            check.value(at),
            what,
            expected,
        ));
    }
    if user.uid.is_root() {
        let what = format!("a server never runs as `{}`", user.name);
        let expected = "expected an account without rights of its own";
        let problem = Problem::new(Code::UnknownUser, check.value(at), what, expected);
        check.report(
            problem.help("packages of a server make `mysql`; else: useradd --system mysql"),
        );
    }
    Account {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
    }
}

/// A login from a `[client]` option file.
pub(super) fn login(check: &mut Check<'_>, at: &[&str], path: &Path) -> Option<Login> {
    let (path, guard) = place(check, at, path)?;
    let error = match secret::read(&path, guard) {
        Ok(login) => return Some(login),
        Err(error) => error,
    };
    let what = format!("the secret `{}` is not used: {error}", path.display());
    let problem = match error {
        SecretError::Exposed(_) => {
            let expected = "expected a file of root or of the daemon's account, mode 0600";
            Problem::new(Code::SecretExposed, check.value(at), what, expected).help(format!(
                "chmod 600 {}; and change the password, others may know it",
                path.display()
            ))
        }
        SecretError::Unreadable(_) | SecretError::Line { .. } | SecretError::NoPassword => {
            Problem::new(
                Code::SecretUnusable,
                check.value(at),
                what,
                "expected a file with `[client]` and `password = ...`",
            )
        }
    };
    check.report(problem);
    None
}

/// A path from the root, or a name in systemd's folder of credentials.
fn place(check: &mut Check<'_>, at: &[&str], path: &Path) -> Option<(PathBuf, Guard)> {
    let Ok(name) = path.strip_prefix("$CREDENTIALS_DIRECTORY") else {
        return paths::absolute(check, at, path).then(|| (path.to_owned(), Guard::Owner));
    };
    let folder = check.sources.credentials.as_ref();
    if let Some(folder) = folder.filter(|_| name.components().count() == 1) {
        return Some((folder.join(name), Guard::Credential));
    }
    let what = "this credential was not handed to the daemon";
    let expected = "expected `$CREDENTIALS_DIRECTORY/NAME`, given to the unit by LoadCredential=";
    check.report(Problem::new(
        Code::SecretUnusable,
        check.value(at),
        what,
        expected,
    ));
    None
}

/// Logins given for the accounts that the daemon creates.
pub(super) fn accounts(
    check: &mut Check<'_>,
    pair: &str,
    said: &file::Accounts,
) -> AccountSettings {
    let mut get = |key: &str, path: &Option<PathBuf>| {
        let path = path.as_ref()?;
        login(check, &["pair", pair, "accounts", key], path)
    };
    AccountSettings {
        monitor: get("monitor_file", &said.monitor_file),
        manage: get("manage_file", &said.manage_file),
        replicate: get("replicate_file", &said.replicate_file),
    }
}

/// The application's account and schema.
pub(super) fn app(check: &mut Check<'_>, pair: &str, said: &file::App) -> AppSettings {
    let at = |key| ["pair", pair, "app", key];
    let login = said
        .password_file
        .as_ref()
        .and_then(|path| login(check, &at("password_file"), path));
    let named = login.as_ref().and_then(|login| login.user.clone());
    let may_be_named = said.password_file.is_some() && login.is_none();
    if said.user.is_none() && named.is_none() && !may_be_named {
        check.missing(&at("user"), "user = \"NAME\"");
    }
    if let (Some(user), Some(named)) = (&said.user, &named)
        && user != named
    {
        let what = format!("the password file is for the user `{named}`, not for `{user}`");
        let place = check.value(&at("user"));
        check.report(Problem::new(
            Code::Contradiction,
            place,
            what,
            format!("expected `{named}`"),
        ));
    }
    if said.database.is_none() {
        check.missing(&at("database"), "database = \"NAME\"");
    }
    let app = AppSettings {
        user: said.user.clone().or(named).unwrap_or_default(),
        host: said.host.clone().unwrap_or_else(|| "%".to_owned()),
        database: said.database.clone().unwrap_or_default(),
        password: login.map(|login| login.password),
    };
    app_names(check, &at, &app, said);
    app
}

/// Names that a server takes: a user of at most 32 characters, a schema of at most 64, a host of 60. None
/// has letters beyond the first plane of Unicode or ends in a blank. In a GRANT the wildcards of a schema's
/// name are escaped, and count twice.
fn app_names<'a>(
    check: &mut Check<'_>,
    at: &impl Fn(&'a str) -> [&'a str; 4],
    app: &AppSettings,
    said: &file::App,
) {
    let names = [
        ("user", &app.user, 32, said.user.is_some()),
        ("host", &app.host, 60, said.host.is_some()),
        ("database", &app.database, 64, said.database.is_some()),
    ];
    for (key, name, longest, said) in names {
        let escapes = match key {
            "database" => name.matches(['_', '%', '\\']).count(),
            _ => 0,
        };
        let length = name.chars().count() + escapes;
        let is_taken = |c: char| !c.is_control() && c <= '\u{ffff}';
        let fits = (1..=longest).contains(&length)
            && name.chars().all(is_taken)
            && !name.ends_with(char::is_whitespace);
        if said && !fits {
            let what = format!("{name:?} cannot be the {key}");
            let twice = if escapes > 0 {
                ", of which `_` counts twice"
            } else {
                ""
            };
            let expected =
                format!("expected 1 to {longest} characters{twice}, no emoji, no blank at the end");
            check.report(Problem::new(
                Code::BadName,
                check.value(&at(key)),
                what,
                expected,
            ));
        }
    }
    let system = ["mysql", "sys", "information_schema", "performance_schema"];
    // Those that the servers make themselves, and ours.
    let taken = ["mysql.", "mariadb.", "dualmasterd"];
    if ["root", "mysql"].contains(&app.user.as_str())
        || taken.iter().any(|begin| app.user.starts_with(begin))
    {
        let what = format!("`{}` is not an application's account", app.user);
        let expected = "expected a name that no administrator uses";
        check.report(Problem::new(
            Code::BadName,
            check.value(&at("user")),
            what,
            expected,
        ));
    }
    if system.contains(&app.database.as_str()) || app.database == "dualmasterd" {
        let what = format!("`{}` is not an application's schema", app.database);
        let expected = "expected a schema of the application's own";
        check.report(Problem::new(
            Code::BadName,
            check.value(&at("database")),
            what,
            expected,
        ));
    }
}

/// Certificates of the links.
pub(super) fn link(check: &mut Check<'_>, pair: &str, said: &file::Link) -> LinkSettings {
    let Some(tls) = &said.tls else {
        return LinkSettings::default();
    };
    let at = |key| ["pair", pair, "link", "tls", key];
    for (key, path) in [("ca", &tls.ca), ("cert", &tls.cert), ("key", &tls.key)] {
        if let Some(path) = path {
            paths::file(check, &at(key), path);
        }
    }
    if let Some(key) = &tls.key {
        private_key(check, &at("key"), key);
    }
    if tls.ca.is_none() {
        check.missing(&at("ca"), "ca = \"/path\"");
    }
    match (&tls.cert, &tls.key) {
        (Some(_), None) => check.missing(&at("key"), "key = \"/path\""),
        (None, Some(_)) => check.missing(&at("cert"), "cert = \"/path\""),
        _ => {}
    }
    let tls = TlsSettings {
        ca: tls.ca.clone().unwrap_or_default(),
        identity: tls.cert.clone().zip(tls.key.clone()),
    };
    LinkSettings { tls: Some(tls) }
}

/// The server's own account must read the key, so its group may; everybody may not.
fn private_key(check: &mut Check<'_>, at: &[&str], path: &Path) {
    use std::os::unix::fs::MetadataExt;
    let Ok(kind) = std::fs::metadata(path) else {
        return;
    };
    if kind.mode() & 0o007 != 0 {
        let what = format!("everybody can read the private key `{}`", path.display());
        let problem = Problem::new(
            Code::SecretExposed,
            check.value(at),
            what,
            "expected mode 0640 or less",
        );
        check.report(problem.help(format!("chmod o= {}; and make a new key", path.display())));
    }
}
