//! The configuration as the rest of the program gets it: complete, typed and free of contradictions.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::model::instance::ServerFile;
use crate::model::member::{Both, Side};
use crate::model::policy::{HookEvent, Policy};

use super::secret::{Login, Secret};

/// Everything that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The daemon itself.
    pub daemon: DaemonSettings,
    /// Its log.
    pub log: LogSettings,
    /// Metrics and health checks.
    pub http: HttpSettings,
    /// The pairs, by name; at least one.
    pub pairs: BTreeMap<String, PairSettings>,
    /// The digest of the files that say all this, names and order included.
    pub digest: String,
}

/// Where the daemon keeps what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSettings {
    /// What must outlive a boot: the store, secrets, server files, default datadirs.
    pub state_dir: PathBuf,
    /// What need not outlive a boot: sockets and pid files.
    pub run_dir: PathBuf,
    /// The control socket.
    pub control: PathBuf,
}

/// The daemon's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// The least that is logged.
    pub level: LogLevel,
    /// Where to and how.
    pub format: LogFormat,
}

/// Metrics and health checks over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where they are served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

/// The least that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the usual five")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Its name, as a filter takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Where the log goes and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// The journal where stderr is connected to it, else text.
    Auto,
    /// Lines of text to stderr.
    Text,
    /// JSON objects to stderr.
    Json,
    /// The journal.
    Journald,
}

/// How a member's server is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// A plain process of this host.
    Process,
    /// A unit of systemd.
    Systemd,
}

/// What a server may use at most, where systemd runs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory; `None`: all there is.
    pub memory: Option<u64>,
    /// Open files; `None`: as the unit says.
    pub open_files: Option<u64>,
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairSettings {
    /// What the core may know.
    pub policy: Policy,
    /// The members; side A is the first by name.
    pub members: Both<MemberSettings>,
    /// Its own folder in the state directory.
    pub home: PathBuf,
    /// What clients connect to, if the daemon is to lead them.
    pub endpoint: Option<EndpointSettings>,
    /// The application's account and schema, if they are to be created.
    pub app: Option<AppSettings>,
    /// Accounts whose passwords are given; the others get random ones.
    pub accounts: AccountSettings,
    /// The links.
    pub link: LinkSettings,
    /// Programs to run at role changes.
    pub hooks: HookSettings,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSettings {
    /// Its name.
    pub name: String,
    /// Its side.
    pub side: Side,
    /// How its server is run.
    pub runtime: Runtime,
    /// The unit that runs it under systemd: of ours, or one that was taken over.
    pub unit: String,
    /// What it may use.
    pub limits: Limits,
    /// The address at which its peer and the daemon reach it.
    pub host: String,
    /// What its `my.cnf` is rendered from: family, ports, paths, `server_id`, own settings.
    pub server: ServerFile,
    /// Where its `my.cnf` goes: `STATE_DIR/PAIR/MEMBER.cnf`, in a folder that the server cannot write.
    pub cnf: PathBuf,
    /// The folder of its default datadir and its log, the server's own: `STATE_DIR/PAIR/MEMBER`, or the
    /// units' folder.
    pub home: PathBuf,
    /// The folder of its default socket and its pid file, the server's own: `RUN_DIR/PAIR.MEMBER`, or the
    /// units' folder.
    pub run_dir: PathBuf,
    /// The server's binary; it need not exist, which is found at the start.
    pub binary: PathBuf,
    /// `mariadb-install-db`; MySQL's server initialises a datadir itself.
    pub install_db: Option<PathBuf>,
    /// The system account it runs as.
    pub account: Account,
    /// How to log in as administrator where `root@localhost` by the socket is not enough.
    pub root: Option<Login>,
}

impl MemberSettings {
    /// Its name on the host: `PAIR.MEMBER`.
    pub fn server_name(&self) -> String {
        format!("{}.{}", self.server.pair, self.name)
    }

    /// A folder of the server's own for what is saved before something removes it.
    pub fn saved(&self) -> PathBuf {
        self.home.join("saved")
    }

    /// A copy of its `my.cnf` as it was at the last start of its server.
    pub fn started_cnf(&self) -> PathBuf {
        self.cnf.with_extension("cnf.started")
    }
}

/// An account of the operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
}

/// What clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Leads to the writer.
    pub writer: SocketAddr,
    /// Leads to the reader.
    pub reader: Option<SocketAddr>,
    /// Where the address is added, if the daemon is to do that.
    pub address: Option<AddressSettings>,
    /// The redirect is taken away on a clean stop.
    pub remove_on_stop: bool,
}

/// An address that the daemon adds to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSettings {
    /// The interface.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Length of its prefix, in bits.
    pub prefix: u8,
}

/// The application's account and schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSettings {
    /// The account's user.
    pub user: String,
    /// The account's host.
    pub host: String,
    /// The schema it owns.
    pub database: String,
    /// Its password; `None`: a random one is made and kept.
    pub password: Option<Secret>,
}

/// Given logins of the three accounts that the daemon creates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// Looks and writes the heartbeat.
    pub monitor: Option<Login>,
    /// Changes roles.
    pub manage: Option<Login>,
    /// Replicates.
    pub replicate: Option<Login>,
}

/// The links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkSettings {
    /// Certificates for the links.
    pub tls: Option<TlsSettings>,
}

/// Certificates for the links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Whose certificates are believed.
    pub ca: PathBuf,
    /// The client's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Programs to run at role changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookSettings {
    /// By event, in order. Which of them must succeed is in the policy.
    pub programs: BTreeMap<HookEvent, Vec<PathBuf>>,
    /// The name that hooks may point at the writer.
    pub dns_name: Option<String>,
    /// How long each may take.
    pub timeout: Duration,
}
