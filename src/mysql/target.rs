//! Where a server is and with which accounts it is spoken to.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};

use super::secrets::Secrets;
use crate::model::secret::Secret;
use crate::model::server::Family;

/// One member as this driver needs it.
#[derive(Debug, Clone)]
pub struct ServerTarget {
    /// Its name in the configuration.
    pub name: String,
    /// Its family.
    pub family: Family,
    /// Its Unix socket, the first way in.
    pub socket: Option<PathBuf>,
    /// The address at which clients and its peer reach it.
    pub host: String,
    /// The port beside it.
    pub port: u16,
    /// Address and port of MySQL's `admin_address` or MariaDB's `extra_port`: the way in when the
    /// server has too many connections.
    pub admin: Option<(String, u16)>,
    /// Its `server_id`.
    pub server_id: u32,
    /// The datadir was made by the daemon: root accounts without a password that the initialisation
    /// left open to the network are dropped.
    pub made_by_us: bool,
    /// The address at which clients meet the pair. Whoever connects to it on this host comes from it.
    pub endpoint: Option<IpAddr>,
    /// Its peer, which it replicates from.
    pub peer: Peer,
    /// Passwords of the three accounts.
    pub secrets: Arc<Secrets>,
    /// Root's password; without one root has none and comes by the socket.
    pub root: Option<Secret>,
    /// TLS of the link.
    pub tls: Option<LinkTls>,
}

/// The other member, as its replica reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `server_id`.
    pub server_id: u32,
}

/// Files for a link over TLS that checks certificates, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTls {
    /// Certificate authority.
    pub ca: PathBuf,
    /// The replica's certificate and its key, where the source asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// With which right the daemon logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Looks and probes; nothing it may do passes `read_only`.
    Monitor,
    /// Changes roles and links.
    Manage,
    /// Used by the servers' receivers; the daemon logs in with it only to prove that it can.
    Replicate,
    /// `root@localhost`, for what creates accounts.
    Root,
}

impl Account {
    /// The three accounts that the daemon makes.
    pub const OURS: [Self; 3] = [Self::Monitor, Self::Manage, Self::Replicate];

    /// Its user name.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Monitor => "dualmasterd_monitor",
            Self::Manage => "dualmasterd_manage",
            Self::Replicate => "dualmasterd_replicate",
            Self::Root => "root",
        }
    }
}

/// The way into a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The Unix socket, or the TCP port where there is none.
    Front,
    /// The port that is open when the server has too many connections.
    Admin,
    /// The TCP port, as the peer comes.
    Tcp,
    /// The same with the link's TLS, which checks the server's name.
    Tls,
    /// The same where the address is one that no certificate needs to name, as the endpoint's.
    TlsAnywhere,
}

/// What our statements rest on, whatever the server's own settings are: texts are quoted for a mode in
/// which a backslash escapes, each write commits by itself, the heartbeat's time knows no summer, limits
/// are ours alone, and a session that nobody used for a while is still there.
const SETTINGS: &str = "SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', autocommit=1, \
    time_zone='+00:00', wait_timeout=28800";

impl ServerTarget {
    /// The same accounts at another address: the endpoint's.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self {
            socket: None,
            admin: None,
            host: address.ip().to_string(),
            port: address.port(),
            ..self.clone()
        }
    }

    /// Connection options for an account; `None` where the server has no such door.
    pub(super) fn opts(&self, account: Account, password: &str, door: Door) -> Option<Opts> {
        let opts = OptsBuilder::default()
            .user(Some(account.user()))
            .pass(Some(password))
            .prefer_socket(false)
            .tcp_nodelay(true)
            // Both are asked of the server otherwise, by one more round trip.
            .max_allowed_packet(Some(64 << 20))
            .wait_timeout(Some(28_800))
            .stmt_cache_size(0)
            .init(vec![settings(self.family)])
            .connect_attribute("program_name", "dualmasterd");
        let front = |opts: OptsBuilder| opts.ip_or_hostname(&self.host).tcp_port(self.port);
        Some(match (door, &self.socket, &self.admin, &self.tls) {
            (Door::Front, Some(path), _, _) => opts.socket(Some(path.to_string_lossy())).into(),
            (Door::Admin, _, Some((host, port)), _) => {
                opts.ip_or_hostname(host).tcp_port(*port).into()
            }
            (Door::Tls, _, _, Some(tls)) => front(opts).ssl_opts(tls.client_options()).into(),
            (Door::TlsAnywhere, _, _, Some(tls)) => {
                let options = tls.client_options();
                let options = options.with_danger_skip_domain_validation(true);
                front(opts).ssl_opts(options).into()
            }
            (Door::Admin, _, None, _) | (Door::Tls | Door::TlsAnywhere, _, _, None) => return None,
            (Door::Front, None, _, _) | (Door::Tcp, _, _, _) => front(opts).into(),
        })
    }
}

/// In one statement, which is one round trip. MySQL has its limit of a statement since 5.7.8.
fn settings(family: Family) -> String {
    match family {
        Family::Mariadb => format!("{SETTINGS}, max_statement_time=0"),
        Family::Mysql => format!("{SETTINGS}/*!50708 , max_execution_time=0 */"),
    }
}

impl LinkTls {
    fn client_options(&self) -> SslOpts {
        let identity = self.identity.clone();
        let identity = identity.map(|(cert, key)| ClientIdentity::new(cert.into(), key.into()));
        SslOpts::default()
            .with_root_certs(vec![self.ca.clone().into()])
            .with_disable_built_in_roots(true)
            .with_client_identity(identity)
    }
}
