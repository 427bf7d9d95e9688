//! Ends TCP connections of this network namespace: SOCK_DESTROY, what `ss -K` does.
//!
//! The peer hears a reset at once, also when the owning process is frozen or dying slowly and
//! would close its sockets only after its memory is freed. The owner's own calls fail with
//! ECONNABORTED. Needs CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY.
//!
//! The functions are plain calls and not async: the kernel answers inside the send, in a
//! fraction of a millisecond for a hundred sockets, and nothing is waited for.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::netlink::{
    Message, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, Netlink, push_message,
};

/// SOCK_DIAG_BY_FAMILY (linux/sock_diag.h).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// SOCK_DESTROY (linux/sock_diag.h).
const SOCK_DESTROY: u16 = 21;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
/// struct inet_diag_sockid: ports, addresses, interface, cookie.
const SOCKET_ID: usize = 48;
/// Acknowledgements of one batch stay far below the smallest usual receive buffer (212,992 bytes).
const BATCH: usize = 64;

/// States of which the kernel tells the peer by a reset (`tcp_need_reset`): SYN-RECV, ESTABLISHED,
/// FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT.
const WITH_RESET: u32 = 1 << 3 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8;

/// Why connections could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum SocketsError {
    /// The kernel refused for lack of a capability.
    #[error("may not end TCP connections of port {port}: it needs CAP_NET_ADMIN")]
    NotPermitted {
        /// Their port here.
        port: u16,
        /// The kernel's word.
        source: io::Error,
    },
    /// The kernel was built without CONFIG_INET_DIAG_DESTROY.
    #[error("cannot end TCP connections of port {port}: this kernel has no SOCK_DESTROY")]
    Unsupported {
        /// Their port here.
        port: u16,
        /// The kernel's word.
        source: io::Error,
    },
    /// Any other failure of the socket.
    #[error("could not {what} TCP connections of port {port}")]
    Failed {
        /// List or end.
        what: &'static str,
        /// Their port here.
        port: u16,
        /// The kernel's word.
        source: io::Error,
    },
}

/// One TCP connection, seen from its socket on this host. IPv4 over an IPv6 socket is shown as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// Address and port on this side.
    pub local: SocketAddr,
    /// Address and port of the peer.
    pub remote: SocketAddr,
    /// The owner's user id.
    pub uid: u32,
    /// The socket's inode as in `/proc/PID/fd`, 0 once its process has closed it.
    pub inode: u32,
}

/// Ends the connections whose local port is `port` and that `wanted` picks: the server's side of
/// its clients' connections. Returns how many. Listening sockets are left alone.
///
/// # Errors
/// [`SocketsError`]. A connection that ended by itself meanwhile is no error.
pub fn destroy_local_port(
    port: u16,
    wanted: impl Fn(&Connection) -> bool,
) -> Result<usize, SocketsError> {
    let failed = |what| move |source| explain(what, port, source);
    let mut netlink = Netlink::open(SockProtocol::NetlinkSockDiag)
        .map_err(|errno| explain("list", port, errno.into()))?;
    let mut doomed = Vec::new();
    for family in [AF_INET, AF_INET6] {
        list(&mut netlink, family, port, &wanted, &mut doomed).map_err(failed("list"))?;
    }
    let mut ended = 0;
    for batch in doomed.chunks(BATCH) {
        ended += destroy_batch(&mut netlink, batch).map_err(failed("end"))?;
    }
    Ok(ended)
}

fn explain(what: &'static str, port: u16, source: io::Error) -> SocketsError {
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM) => SocketsError::NotPermitted { port, source },
        Some(Errno::EOPNOTSUPP) => SocketsError::Unsupported { port, source },
        _ => SocketsError::Failed { what, port, source },
    }
}

/// The body of a request: struct inet_diag_req_v2, 56 bytes.
type Request = [u8; 56];

fn request(family: u8, states: u32, id: &[u8; SOCKET_ID]) -> Request {
    let mut body = [0; 56];
    body[0] = family;
    body[1] = IPPROTO_TCP;
    body[4..8].copy_from_slice(&states.to_ne_bytes());
    body[8..].copy_from_slice(id);
    body
}

/// Appends to `doomed` the destroy requests of the sockets that `wanted` picks.
fn list(
    netlink: &mut Netlink,
    family: u8,
    port: u16,
    wanted: impl Fn(&Connection) -> bool,
    doomed: &mut Vec<Request>,
) -> io::Result<()> {
    let mut id = [0; SOCKET_ID];
    id[0..2].copy_from_slice(&port.to_be_bytes());
    let mut out = Vec::new();
    let body = request(family, WITH_RESET, &id);
    push_message(
        &mut out,
        SOCK_DIAG_BY_FAMILY,
        NLM_F_REQUEST | NLM_F_DUMP,
        &body,
    );
    netlink.send(&out)?;
    loop {
        for message in netlink.receive()? {
            match message.kind {
                NLMSG_DONE | NLMSG_ERROR => return message.acknowledgement(),
                SOCK_DIAG_BY_FAMILY => {
                    if let Some((id, connection)) = read_socket(message)
                        && wanted(&connection)
                    {
                        doomed.push(request(family, 0, id));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Reads struct inet_diag_msg: four bytes, the socket's id, expires, two queues, uid, inode.
fn read_socket(message: Message<'_>) -> Option<(&[u8; SOCKET_ID], Connection)> {
    let family = *message.body.first()?;
    let id: &[u8; SOCKET_ID] = message.body.get(4..)?.first_chunk()?;
    let number = |at: usize| {
        message
            .body
            .get(at..)?
            .first_chunk()
            .map(|bytes| u32::from_ne_bytes(*bytes))
    };
    let connection = Connection {
        local: endpoint(family, id, 0, 4)?,
        remote: endpoint(family, id, 2, 20)?,
        uid: number(64)?,
        inode: number(68)?,
    };
    Some((id, connection))
}

fn endpoint(family: u8, id: &[u8; SOCKET_ID], port: usize, address: usize) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(*id.get(port..)?.first_chunk()?);
    let bytes = id.get(address..)?;
    let ip = if family == AF_INET {
        IpAddr::from(*bytes.first_chunk::<4>()?)
    } else {
        IpAddr::from(*bytes.first_chunk::<16>()?).to_canonical()
    };
    Some(SocketAddr::new(ip, port))
}

/// Ends one batch; a socket that is gone already is not counted and no error.
fn destroy_batch(netlink: &mut Netlink, batch: &[Request]) -> io::Result<usize> {
    let mut out = Vec::new();
    for body in batch {
        push_message(&mut out, SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, body);
    }
    netlink.send(&out)?;
    let (mut answers, mut ended, mut refusal) = (0, 0, None);
    while answers < batch.len() {
        for message in netlink
            .receive()?
            .filter(|message| message.kind == NLMSG_ERROR)
        {
            answers += 1;
            match message.acknowledgement() {
                Ok(()) => ended += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => refusal = Some(error),
            }
        }
    }
    refusal.map_or(Ok(ended), Err)
}

#[cfg(test)]
mod tests;
