//! Whether a server could listen on a port, and who does instead.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use super::proc;

/// State of a listening socket in `/proc/net/tcp` (TCP_LISTEN).
const LISTENING: &str = "0A";

/// Whoever listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its process; `None` where we may not see whose the socket is.
    pub pid: Option<i32>,
    /// The name of its program.
    pub name: Option<String>,
}

/// Why it cannot be said whether a port is in use.
#[derive(Debug, thiserror::Error)]
#[error("cannot try to use {address}")]
pub struct PortError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said, for instance that the address is none of this host's.
    pub source: io::Error,
}

/// Tries the address as a server would (with SO_REUSEADDR, yet without listening, so that no client
/// is ever accepted) and says who holds it; `None` where it is free.
///
/// # Errors
/// The address cannot be tried at all.
pub fn port_in_use(address: SocketAddr) -> Result<Option<Listener>, PortError> {
    match try_bind(address) {
        Ok(()) => Ok(None),
        Err(Errno::EADDRINUSE) => Ok(Some(listener(address))),
        Err(errno) => Err(PortError {
            address,
            source: errno.into(),
        }),
    }
}

fn try_bind(address: SocketAddr) -> Result<(), Errno> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))
}

fn listener(address: SocketAddr) -> Listener {
    let pid = inodes(address)
        .iter()
        .find_map(|inode| holder(&format!("socket:[{inode}]")));
    let name = pid.and_then(|pid| proc::name(pid).ok().flatten());
    Listener { pid, name }
}

/// The sockets that listen there or on all addresses of the port.
fn inodes(address: SocketAddr) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let lines = tables.iter().flatten().flat_map(|table| table.lines());
    let all = address.ip().is_unspecified();
    lines
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            let local = parse_address(local)?;
            let there = all || local.ip().is_unspecified() || local.ip() == address.ip();
            (*state == LISTENING && local.port() == address.port() && there)
                .then(|| (*inode).to_owned())
        })
        .collect()
}

/// An address as the kernel prints it: 32-bit words in the machine's byte order, and the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |n: usize| {
        Some(
            u32::from_str_radix(ip.get(n * 8..n * 8 + 8)?, 16)
                .ok()?
                .to_ne_bytes(),
        )
    };
    let ip = if ip.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let mut bytes = [0; 16];
        for (n, place) in bytes.chunks_exact_mut(4).enumerate() {
            place.copy_from_slice(&word(n)?);
        }
        IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
    };
    Some(SocketAddr::new(ip, port))
}

/// The process with this open file.
fn holder(link: &str) -> Option<i32> {
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let mut files = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        files
            .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == link))
            .then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_listener_is_named() {
        for (listen, tries) in [
            ("127.0.0.1:0", ["127.0.0.1", "0.0.0.0"]),
            ("0.0.0.0:0", ["127.0.0.1", "0.0.0.0"]),
            ("[::1]:0", ["::1", "::"]),
        ] {
            let listener = TcpListener::bind(listen).unwrap();
            let port = listener.local_addr().unwrap().port();
            for ip in tries {
                let address = SocketAddr::new(ip.parse().unwrap(), port);
                let found = port_in_use(address).unwrap().unwrap();
                assert_eq!(
                    found.pid,
                    Some(i32::try_from(std::process::id()).unwrap()),
                    "{address}"
                );
                assert!(found.name.unwrap().starts_with("dualmasterd"));
            }
            drop(listener);
            let address = SocketAddr::new(tries[0].parse().unwrap(), port);
            assert_eq!(port_in_use(address).unwrap(), None);
        }
    }

    #[test]
    fn an_address_of_another_host_is_an_error() {
        let error = port_in_use("192.0.2.1:3306".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "cannot try to use 192.0.2.1:3306");
    }
}
