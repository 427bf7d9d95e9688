//! What a server of this host is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::server::Family;

/// A server with less than this many megabytes to write to is about to stand still, and none can start:
/// the temporary tablespace alone takes 12.
pub const FULL_MB: u64 = 16;

/// Everything that a member's `my.cnf` is rendered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFile {
    /// The pair's name, for the header.
    pub pair: String,
    /// The member's name, for the header.
    pub member: String,
    /// Family of the server.
    pub family: Family,
    /// The account it changes to; `None` where it is started as that account already.
    pub user: Option<String>,
    /// Its data.
    pub datadir: PathBuf,
    /// Its Unix socket.
    pub socket: PathBuf,
    /// Its pid file.
    pub pid_file: PathBuf,
    /// Its error log.
    pub log: PathBuf,
    /// Its temporary files, its own alone: a starting MariaDB clears every temporary table it finds.
    pub tmpdir: PathBuf,
    /// Where it listens for clients: an address, or `*`.
    pub bind: String,
    /// The port for clients and for the peer.
    pub port: u16,
    /// The port on which the daemon gets in when all connections are taken.
    pub admin_port: u16,
    /// Its `server_id`, unique in the pair.
    pub server_id: u32,
    /// Its `auto_increment_offset`, 1 or 2.
    pub offset: u8,
    /// The pair's `gtid_domain_id`; MariaDB only.
    pub gtid_domain: u32,
    /// How long a commit waits for the standby; `None`: without end.
    pub ack_timeout: Option<Duration>,
    /// The operator's own `[mysqld]` settings, names in lower case with `_`.
    pub own: BTreeMap<String, String>,
}

impl ServerFile {
    /// The index of its binary logs.
    pub fn binlog_index(&self) -> PathBuf {
        self.datadir.join("binlog.index")
    }

    /// The index of its relay logs.
    pub fn relay_index(&self) -> PathBuf {
        self.datadir.join("relay.index")
    }
}
