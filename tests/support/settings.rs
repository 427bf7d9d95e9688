//! The configuration that a pair under test gets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dualmasterd::model::server::Family;

/// Leads to the writer. The namespace is empty: ports can be the same everywhere. They lie below the
/// ports that the kernel gives to outgoing connections.
pub const ENDPOINT: u16 = 26000;
/// Leads to the reader.
pub const READER: u16 = 26005;
/// The pair's name.
pub const PAIR: &str = "t";
/// The buffer pool of each server, where nothing else is asked for.
pub const POOL: &str = "64M";
/// The application's user and schema.
pub const APP: &str = "app";
/// The application's password.
pub const APP_PASSWORD: &str = "Correct-horse-7";

/// What a test asks for beside the usual.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Family of both servers.
    pub family: Family,
    /// The server's program in place of the installed one; MySQL only.
    pub binary: Option<PathBuf>,
    /// Further keys of `[pair.t]`.
    pub keys: String,
    /// Further tables below `[pair.t]`; `{dir}` stands for the host's folder.
    pub tables: String,
    /// Programs in the host's folder: name and text.
    pub files: Vec<(&'static str, &'static str)>,
    /// Further files of a machine that is booted: path and text.
    pub etc: Vec<(&'static str, &'static str)>,
    /// Further `[mysqld]` settings.
    pub mysqld: String,
    /// The buffer pool of each server.
    pub pool: String,
    /// Address of the endpoint.
    pub address: String,
    /// Further keys of `[pair.t.endpoint]`.
    pub endpoint: String,
    /// The least that is logged.
    pub level: String,
    /// Where the log goes.
    pub log: String,
    /// Further tables beside `[daemon]`.
    pub daemon: String,
}

impl Setup {
    /// The usual pair.
    pub fn new(family: Family) -> Self {
        Self {
            family,
            binary: None,
            keys: String::new(),
            tables: String::new(),
            files: Vec::new(),
            etc: Vec::new(),
            mysqld: String::new(),
            pool: POOL.into(),
            address: "127.0.0.1".into(),
            endpoint: String::new(),
            level: std::env::var("DUALMASTERD_TEST_LOG").unwrap_or_else(|_| "info".into()),
            log: "text".into(),
            daemon: String::new(),
        }
    }

    /// MySQL's server of this setup.
    pub fn mysqld(&self) -> PathBuf {
        self.binary.clone().unwrap_or_else(mysqld)
    }

    /// The text of `dualmasterd.toml` for a pair below this folder.
    pub fn text(&self, folder: &Path) -> String {
        let dir = folder.display();
        format!(
            r#"[daemon]
state_dir = "{dir}/state"
run_dir = "{dir}/run"
control = "{dir}/run/control.sock"

[log]
level = "{level}"
format = "{log}"

{daemon}

{pair}"#,
            level = self.level,
            log = self.log,
            daemon = self.daemon,
            pair = self.pair(&dir.to_string()),
        )
    }

    /// The tables of the pair; the application's password lies in `dir`.
    pub fn pair(&self, dir: &str) -> String {
        let family = name(self.family);
        let mut keys = self.keys.clone();
        if self.family == Family::Mysql {
            writeln!(keys, "binary = {:?}", self.mysqld()).expect("write to a string");
        }
        let mut mysqld = self.mysqld.clone();
        writeln!(mysqld, "innodb_buffer_pool_size = {:?}", self.pool).expect("write to a string");
        mysqld.push_str(match self.family {
            Family::Mariadb => "innodb_log_file_size = \"16M\"\n",
            Family::Mysql => "innodb_redo_log_capacity = \"32M\"\n",
        });
        format!(
            r#"[pair.{PAIR}]
family = "{family}"
{keys}
[pair.{PAIR}.member.a]
port = 26001
admin_port = 27001

[pair.{PAIR}.member.b]
port = 26002
admin_port = 27002

[pair.{PAIR}.endpoint]
redirect = "{address}:{ENDPOINT}"
reader = {READER}
{endpoint}

[pair.{PAIR}.app]
user = "{APP}"
database = "{APP}"
password_file = "{dir}/app.cnf"

[pair.{PAIR}.flap]
changes = 0

[pair.{PAIR}.mysqld]
{mysqld}
{tables}"#,
            address = self.address,
            endpoint = self.endpoint,
            tables = self.tables.replace("{dir}", dir),
        )
    }
}

/// A member's `server_id`: its port, where nothing else is configured.
pub fn server_id(member: &str) -> u32 {
    if member == "a" { 26001 } else { 26002 }
}

/// The family as the configuration names it.
pub fn name(family: Family) -> &'static str {
    match family {
        Family::Mariadb => "mariadb",
        Family::Mysql => "mysql",
    }
}

/// The family that `SERVER` names; MariaDB where it is not set.
///
/// # Panics
/// Where it names neither.
pub fn family_of_environment() -> Family {
    match std::env::var("SERVER").as_deref() {
        Err(_) | Ok("mariadb") => Family::Mariadb,
        Ok("mysql") => Family::Mysql,
        Ok(other) => panic!("SERVER={other}: expected mariadb or mysql"),
    }
}

/// MySQL's server as `tests/setup/mysql.sh` installs it.
pub fn mysqld() -> PathBuf {
    let cache = std::env::var_os("DUALMASTERD_CACHE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache"),
        PathBuf::from,
    );
    let path = cache.join("mysql/bin/mysqld");
    assert!(
        path.exists(),
        "{} is not there: run tests/setup/mysql.sh",
        path.display()
    );
    path
}
