//! Sessions with the servers: as root at one member, as the application through the endpoint.

use std::path::Path;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::time::timeout;

use super::settings::{APP, APP_PASSWORD};

/// A client gives up connecting after this time.
pub const CONNECT: Duration = Duration::from_secs(1);

/// The application, at a port of this host. No question precedes the first statement: the client's own
/// round trips would count as the pair's.
pub fn app(port: u16) -> Opts {
    app_at("127.0.0.1", port)
}

/// The application, at an address and a port.
pub fn app_at(address: &str, port: u16) -> Opts {
    base()
        .ip_or_hostname(address)
        .tcp_port(port)
        .user(Some(APP))
        .pass(Some(APP_PASSWORD))
        .db_name(Some(APP))
        .into()
}

/// An account at a member's own socket.
pub fn local(socket: &Path, user: &str) -> Opts {
    base()
        .socket(Some(socket.display().to_string()))
        .user(Some(user))
        .into()
}

fn base() -> OptsBuilder {
    OptsBuilder::default()
        .prefer_socket(false)
        .stmt_cache_size(0)
        .max_allowed_packet(Some(16 << 20))
        .wait_timeout(Some(28_800))
}

/// Connects, within [`CONNECT`].
///
/// # Errors
/// In words.
pub async fn connect(opts: &Opts) -> Result<Conn, String> {
    match timeout(CONNECT, Conn::new(opts.clone())).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no session after {CONNECT:?}")),
    }
}

/// Connects, and asks for the `server_id` at the other end.
///
/// # Errors
/// In words.
pub async fn who(opts: &Opts) -> Result<u32, String> {
    let mut conn = connect(opts).await?;
    let id = match timeout(CONNECT, conn.query_first("SELECT @@server_id")).await {
        Ok(Ok(Some(id))) => Ok(id),
        Ok(Ok(None)) => Err("no server_id".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer after {CONNECT:?}")),
    };
    let _ = timeout(CONNECT, conn.disconnect()).await;
    id
}

/// Runs a statement; whatever it answers is dropped.
///
/// # Errors
/// In the server's words, or that there was no answer within `wait`.
pub async fn run(conn: &mut Conn, statement: &str, wait: Duration) -> Result<(), String> {
    match timeout(wait, conn.query_drop(statement)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer after {wait:?}")),
    }
}
