//! Names and folders that the units and the daemon agree on. The unit files say the same.

use std::path::PathBuf;

/// The daemon's own folder at run time.
pub const RUN: &str = "/run/dualmasterd";
/// What outlives a boot of the servers: `StateDirectory=` of the units.
pub const SERVERS_STATE: &str = "/var/lib/dualmasterd-mysqld";
/// Sockets and pid files of the servers: `RuntimeDirectory=` of the units.
pub const SERVERS_RUN: &str = "/run/dualmasterd-mysqld";
/// The account of the servers: `User=` of the units.
pub const SERVERS_USER: &str = "mysql";
/// The group of the daemon: `SupplementaryGroups=` of the units.
pub const DAEMON_GROUP: &str = "dualmasterd";
/// The template of a server.
pub const SERVER_TEMPLATE: &str = "dualmasterd-mysqld@.service";

/// The unit of a server, `PAIR.MEMBER`.
pub fn server_unit(server: &str) -> String {
    format!("dualmasterd-mysqld@{server}.service")
}

/// The unit that does one thing to a server's files; `work` is `PAIR.MEMBER:STEP`.
pub fn prepare_unit(work: &str) -> String {
    format!("dualmasterd-prepare@{work}.service")
}

/// Where a unit finds its order, by its instance.
pub fn order_file(instance: &str) -> PathBuf {
    PathBuf::from(RUN)
        .join("orders")
        .join(format!("{instance}.json"))
}

/// A server's folder: its datadir by default, its log, its answers.
pub fn home(server: &str) -> PathBuf {
    PathBuf::from(SERVERS_STATE).join(server)
}

/// A server's folder at run time.
pub fn run_dir(server: &str) -> PathBuf {
    PathBuf::from(SERVERS_RUN).join(server)
}

/// Where the server's [`super::fence`] listens.
pub fn fence_socket(server: &str) -> PathBuf {
    run_dir(server).join("fence.sock")
}
