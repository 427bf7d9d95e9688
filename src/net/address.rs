//! Addresses on interfaces, by rtnetlink: the address of a pair that is ours to keep (the VIP).
//!
//! Every call may be repeated and is safe to cancel: the kernel has made the change or it has not.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::{Handle, MulticastGroup};
use tokio::task::JoinHandle;

/// The kernel answers in microseconds; this bounds a call whose driver task is gone.
const LIMIT: Duration = Duration::from_secs(1);

/// What can go wrong with an address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// There is no such interface in this network namespace.
    #[error("could not {attempted}: there is no interface {interface:?}")]
    NoInterface {
        /// What was to be done.
        attempted: String,
        /// Its name.
        interface: String,
    },
    /// The kernel refused for lack of a capability.
    #[error("may not {attempted}: it needs CAP_NET_ADMIN")]
    NotPermitted {
        /// What was to be done.
        attempted: String,
        /// The kernel's word.
        source: io::Error,
    },
    /// The kernel refused for another reason.
    #[error("could not {attempted}")]
    Refused {
        /// What was to be done.
        attempted: String,
        /// The kernel's word.
        source: io::Error,
    },
    /// The netlink socket could not be opened, or it failed.
    #[error("could not {attempted}: the route netlink socket failed")]
    Socket {
        /// What was to be done.
        attempted: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An address with its prefix length, `192.0.2.10/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    /// The address.
    pub ip: IpAddr,
    /// Bits of the network: 0-32 or 0-128.
    pub prefix: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

/// The handle on the addresses of this network namespace.
#[derive(Debug)]
pub struct Addresses {
    handle: Handle,
    driver: JoinHandle<()>,
}

impl Drop for Addresses {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Addresses {
    /// Opens the netlink socket. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`AddressError::Socket`].
    pub fn start() -> Result<Self, AddressError> {
        let (connection, handle, _unsolicited) =
            rtnetlink::new_connection().map_err(|e| socket_failed("open", e))?;
        Ok(Self {
            handle,
            driver: tokio::spawn(connection),
        })
    }

    /// Puts `address` on `interface`; no error if it is there.
    ///
    /// An IPv6 address is usable at once: duplicate address detection would hold it back for a
    /// second or two.
    ///
    /// # Errors
    /// [`AddressError`].
    pub async fn add(&self, interface: &str, address: Cidr) -> Result<(), AddressError> {
        let attempted = format!("add {address} to {interface}");
        let index = index_of(interface, &attempted)?;
        let mut request = self.handle.address().add(index, address.ip, address.prefix);
        if address.ip.is_ipv6() {
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        tolerate(Errno::EEXIST, bounded(attempted, request.execute()).await)
    }

    /// Whether `interface` has exactly `address`, prefix included.
    ///
    /// # Errors
    /// [`AddressError`].
    pub async fn present(&self, interface: &str, address: Cidr) -> Result<bool, AddressError> {
        let attempted = format!("look for {address} on {interface}");
        let index = index_of(interface, &attempted)?;
        let all = self
            .handle
            .address()
            .get()
            .execute()
            .try_collect::<Vec<_>>();
        let all = bounded(attempted, all).await?;
        Ok(all
            .iter()
            .any(|found| found.header.index == index && cidr(found) == Some(address)))
    }
}

/// An address that went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// This one; the interface may be gone too.
    Of {
        /// The interface's index.
        index: u32,
        /// The address.
        address: Cidr,
    },
    /// Events came faster than they were read and some were lost: look for every address.
    Lost,
}

/// The stream of address removals in this network namespace, from [`Removals::watch`] on.
///
/// It speaks of every interface, because one that is deleted and made again has another index.
pub struct Removals {
    messages: std::pin::Pin<Box<dyn Stream<Item = NetlinkMessage<RouteNetlinkMessage>> + Send>>,
    driver: JoinHandle<()>,
}

impl fmt::Debug for Removals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Removals").finish_non_exhaustive()
    }
}

impl Drop for Removals {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Removals {
    /// Subscribes. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`AddressError::Socket`].
    pub fn watch() -> Result<Self, AddressError> {
        let groups = [MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let (connection, _handle, messages) = rtnetlink::new_multicast_connection(&groups)
            .map_err(|e| socket_failed("watch addresses", e))?;
        let messages = Box::pin(messages.map(|(message, _from)| message));
        Ok(Self {
            messages,
            driver: tokio::spawn(connection),
        })
    }

    /// Waits for the next removal. Safe to cancel.
    ///
    /// # Errors
    /// [`AddressError::Socket`] once the socket has failed; the stream must then be opened anew.
    pub async fn next(&mut self) -> Result<Removal, AddressError> {
        loop {
            let Some(message) = self.messages.next().await else {
                let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(socket_failed("watch addresses", ended));
            };
            if matches!(message.payload, NetlinkPayload::Overrun(_)) {
                return Ok(Removal::Lost);
            }
            if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(gone)) =
                message.payload
                && let Some(address) = cidr(&gone)
            {
                return Ok(Removal::Of {
                    index: gone.header.index,
                    address,
                });
            }
        }
    }
}

/// The interface's own address: IFA_LOCAL where there is one (IFA_ADDRESS is then the peer's on a
/// point-to-point interface), else IFA_ADDRESS.
fn cidr(message: &AddressMessage) -> Option<Cidr> {
    let mut ip = None;
    for attribute in &message.attributes {
        if let AddressAttribute::Local(local) = attribute {
            ip = Some(*local);
        } else if let AddressAttribute::Address(address) = attribute {
            ip = ip.or(Some(*address));
        }
    }
    ip.map(|ip| Cidr {
        ip,
        prefix: message.header.prefix_len,
    })
}

fn index_of(interface: &str, attempted: &str) -> Result<u32, AddressError> {
    if_nametoindex(interface).map_err(|_errno| AddressError::NoInterface {
        attempted: attempted.to_owned(),
        interface: interface.to_owned(),
    })
}

async fn bounded<T>(
    attempted: String,
    request: impl Future<Output = Result<T, rtnetlink::Error>>,
) -> Result<T, AddressError> {
    match tokio::time::timeout(LIMIT, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(rtnetlink::Error::NetlinkError(refusal))) => {
            Err(refused(attempted, refusal.to_io()))
        }
        Ok(Err(other)) => Err(AddressError::Socket {
            attempted,
            source: Box::new(other),
        }),
        Err(elapsed) => Err(AddressError::Socket {
            attempted,
            source: Box::new(elapsed),
        }),
    }
}

fn refused(attempted: String, source: io::Error) -> AddressError {
    if source.kind() == io::ErrorKind::PermissionDenied {
        AddressError::NotPermitted { attempted, source }
    } else {
        AddressError::Refused { attempted, source }
    }
}

fn tolerate(errno: Errno, result: Result<(), AddressError>) -> Result<(), AddressError> {
    match result {
        Err(AddressError::Refused { source, .. })
            if source.raw_os_error() == Some(errno as i32) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn socket_failed(attempted: &str, source: io::Error) -> AddressError {
    AddressError::Socket {
        attempted: attempted.to_owned(),
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::namespace;

    fn vip(ip: &str, prefix: u8) -> Cidr {
        Cidr {
            ip: ip.parse().unwrap(),
            prefix,
        }
    }

    #[test]
    fn an_address_comes_however_often_it_is_asked() {
        namespace::run(
            "net::address::tests::an_address_comes_however_often_it_is_asked",
            |outside| async move {
                let addresses = Addresses::start().unwrap();
                for vip in [
                    vip("10.77.0.50", 32),
                    vip("10.77.0.51", 24),
                    vip("fd77::50", 64),
                ] {
                    assert!(!addresses.present("veth0", vip).await.unwrap());
                    for _twice in 0..2 {
                        addresses.add("veth0", vip).await.unwrap();
                        assert!(addresses.present("veth0", vip).await.unwrap(), "{vip}");
                        assert!(!addresses.present("lo", vip).await.unwrap());
                    }
                    let ip = vip.ip.to_string();
                    let ping = outside
                        .command("python3")
                        .args(["-c", &listening(&ip)])
                        .status();
                    assert!(ping.unwrap().success(), "{vip} does not answer");
                    namespace::sh(&format!("ip addr del {vip} dev veth0"));
                    assert!(!addresses.present("veth0", vip).await.unwrap(), "{vip}");
                }
            },
        );
    }

    /// A script that succeeds if `ip` refuses a connection: somebody is there.
    fn listening(ip: &str) -> String {
        format!(
            "import socket\ntry: socket.create_connection(('{ip}',22999),3)\n\
             except ConnectionRefusedError: pass"
        )
    }

    #[test]
    fn errors_name_the_interface_and_the_capability() {
        namespace::run(
            "net::address::tests::errors_name_the_interface_and_the_capability",
            |_| async {
                let addresses = Addresses::start().unwrap();
                let error = addresses
                    .add("nosuch0", vip("10.77.0.50", 32))
                    .await
                    .unwrap_err();
                assert!(matches!(error, AddressError::NoInterface { .. }), "{error}");
                let error = addresses
                    .add("veth0", vip("10.77.0.50", 33))
                    .await
                    .unwrap_err();
                assert!(matches!(error, AddressError::Refused { .. }), "{error}");
                let eperm = io::Error::from_raw_os_error(Errno::EPERM as i32);
                let error = refused("add it".to_owned(), eperm);
                assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
            },
        );
    }

    #[test]
    fn a_removal_is_heard_also_when_the_interface_goes() {
        namespace::run(
            "net::address::tests::a_removal_is_heard_also_when_the_interface_goes",
            |_| async {
                let addresses = Addresses::start().unwrap();
                let mut removals = Removals::watch().unwrap();
                let index = if_nametoindex("veth0").unwrap();
                for (address, by) in [
                    (vip("10.77.0.50", 32), "ip addr del 10.77.0.50/32 dev veth0"),
                    (vip("fd77::50", 64), "ip addr del fd77::50/64 dev veth0"),
                    (vip("10.77.0.50", 32), "ip link del veth0"),
                ] {
                    addresses.add("veth0", address).await.unwrap();
                    namespace::sh(by);
                    let expected = Removal::Of { index, address };
                    while removals.next().await.unwrap() != expected {}
                }
            },
        );
    }
}
