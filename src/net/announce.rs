//! Tells the neighbours of an interface who has an address now.
//!
//! IPv4: two gratuitous ARP packets, a request and a reply, because routers and switches differ in
//! which of them they believe (RFC 5227 §3). IPv6: an unsolicited neighbour advertisement with the
//! override flag (RFC 4861 §7.2.6). Whole Ethernet frames leave through a packet socket, which
//! needs CAP_NET_RAW, not CAP_NET_ADMIN.
//!
//! The functions are plain calls: they hand at most two frames to the interface's queue.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

const BROADCAST: [u8; 6] = [0xff; 6];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
/// ARPHRD_ETHER (linux/if_arp.h).
const ETHERNET: u16 = 1;
const ARP_REQUEST: u8 = 1;
const ARP_REPLY: u8 = 2;
/// All nodes on the link, and the Ethernet group it maps to (RFC 2464 §7).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ICMPV6: u8 = 58;

/// Why an address could not be announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// There is no such interface in this network namespace.
    #[error("could not announce {ip}: there is no interface {interface:?}")]
    NoInterface {
        /// The address.
        ip: IpAddr,
        /// The interface.
        interface: String,
    },
    /// Neighbours of this kind of interface are not told by Ethernet frames.
    #[error("cannot announce {ip} on {interface}: it is no Ethernet (hardware type {kind})")]
    NotEthernet {
        /// The address.
        ip: IpAddr,
        /// The interface.
        interface: String,
        /// ARPHRD number.
        kind: u16,
    },
    /// The kernel refused for lack of a capability.
    #[error("may not announce {ip} on {interface}: it needs CAP_NET_RAW")]
    NotPermitted {
        /// The address.
        ip: IpAddr,
        /// The interface.
        interface: String,
        /// The kernel's word.
        source: io::Error,
    },
    /// Any other failure; a link that is down gives ENETDOWN.
    #[error("could not announce {ip} on {interface}")]
    Failed {
        /// The address.
        ip: IpAddr,
        /// The interface.
        interface: String,
        /// The kernel's word.
        source: io::Error,
    },
}

/// What [`announce`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// The frames were sent.
    Sent,
    /// The interface is a loopback: it has no neighbours.
    NoNeighbours,
}

/// Announces that `interface` has `ip`.
///
/// # Errors
/// [`AnnounceError`].
pub fn announce(interface: &str, ip: IpAddr) -> Result<Announced, AnnounceError> {
    let failed = |errno: Errno| explain(interface, ip, errno);
    let Some((flags, link)) = link_of(interface).map_err(failed)? else {
        return Err(AnnounceError::NoInterface {
            ip,
            interface: interface.to_owned(),
        });
    };
    if flags.contains(InterfaceFlags::IFF_LOOPBACK) {
        return Ok(Announced::NoNeighbours);
    }
    let Some(mac) = link.addr().filter(|_| link.hatype() == ETHERNET) else {
        let kind = link.hatype();
        return Err(AnnounceError::NotEthernet {
            ip,
            interface: interface.to_owned(),
            kind,
        });
    };
    // No protocol: this socket sends only. The kernel takes the frame's own type.
    let packets = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .map_err(failed)?;
    for frame in frames(mac, ip) {
        sendto(packets.as_raw_fd(), &frame, &link, MsgFlags::MSG_DONTWAIT).map_err(failed)?;
    }
    Ok(Announced::Sent)
}

fn explain(interface: &str, ip: IpAddr, errno: Errno) -> AnnounceError {
    let (interface, source) = (interface.to_owned(), io::Error::from(errno));
    if matches!(errno, Errno::EPERM | Errno::EACCES) {
        AnnounceError::NotPermitted {
            ip,
            interface,
            source,
        }
    } else {
        AnnounceError::Failed {
            ip,
            interface,
            source,
        }
    }
}

/// The flags and the link-layer address, which carries the interface's index and hardware type.
fn link_of(interface: &str) -> nix::Result<Option<(InterfaceFlags, LinkAddr)>> {
    Ok(getifaddrs()?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| {
            let link = *entry.address.as_ref()?.as_link_addr()?;
            Some((entry.flags, link))
        }))
}

fn frames(mac: [u8; 6], ip: IpAddr) -> Vec<Vec<u8>> {
    match ip {
        IpAddr::V4(ip) => vec![arp(mac, ip, ARP_REQUEST), arp(mac, ip, ARP_REPLY)],
        IpAddr::V6(ip) => vec![neighbour_advertisement(mac, ip)],
    }
}

fn ethernet(to: [u8; 6], from: [u8; 6], kind: [u8; 2]) -> Vec<u8> {
    [to.as_slice(), &from, &kind].concat()
}

/// An ARP packet (RFC 826) in which sender and target are the same address.
fn arp(mac: [u8; 6], ip: Ipv4Addr, operation: u8) -> Vec<u8> {
    /// Ethernet, IPv4, lengths 6 and 4, high byte of the operation.
    const HEAD: [u8; 7] = [0, 1, 8, 0, 6, 4, 0];
    let mut frame = ethernet(BROADCAST, mac, ETHERTYPE_ARP);
    frame.extend(HEAD);
    frame.push(operation);
    frame.extend(mac);
    frame.extend(ip.octets());
    frame.extend(if operation == ARP_REPLY {
        mac
    } else {
        BROADCAST
    });
    frame.extend(ip.octets());
    frame
}

/// A neighbour advertisement (RFC 4861 §4.4) to all nodes, with the target's link-layer address.
fn neighbour_advertisement(mac: [u8; 6], ip: Ipv6Addr) -> Vec<u8> {
    /// The override flag alone: neither from a router nor solicited.
    const OVERRIDE: u8 = 0x20;
    /// Option 2, target link-layer address, one unit of eight bytes.
    const TARGET_LINK: [u8; 2] = [2, 1];
    let mut body = vec![136, 0, 0, 0, OVERRIDE, 0, 0, 0];
    body.extend(ip.octets());
    body.extend(TARGET_LINK);
    body.extend(mac);
    let sum = checksum(ip, &body).to_be_bytes();
    body.splice(2..4, sum);

    let mut frame = ethernet(ALL_NODES_MAC, mac, ETHERTYPE_IPV6);
    // Version 6, no flow label, payload length, next header, hop limit 255 (checked by receivers).
    frame.extend([0x60, 0, 0, 0, 0, 32, ICMPV6, 255]);
    frame.extend(ip.octets());
    frame.extend(ALL_NODES.octets());
    frame.extend(body);
    frame
}

/// The ICMPv6 checksum over the pseudo header and the body (RFC 4443 §2.3, RFC 1071).
fn checksum(from: Ipv6Addr, body: &[u8]) -> u16 {
    let lengths = [0, 0, 0, 32, 0, 0, 0, ICMPV6];
    let bytes = [
        &from.octets(),
        &ALL_NODES.octets(),
        lengths.as_slice(),
        body,
    ]
    .concat();
    let sum = bytes
        .chunks(2)
        .map(|pair| {
            pair.iter()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        })
        .sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Stdio;

    use super::*;
    use crate::net::namespace;

    /// Prints the first `n` frames of Ethernet type `kind` that come in on veth0, as hex.
    fn listen(kind: u16, n: usize) -> String {
        format!(
            "import socket\ns=socket.socket(17,3,socket.htons({kind}));s.bind(('veth0',{kind}))\n\
             s.settimeout(5);print('up',flush=True);n=0\n\
             while n<{n}:\n f=s.recv(999)\n\
             \x20if {kind}==0x806 or (f[20]==58 and f[54]==136): print(f.hex(),flush=True);n+=1"
        )
    }

    #[test]
    fn neighbours_hear_the_announcement_and_believe_it() {
        namespace::run(
            "net::announce::tests::neighbours_hear_the_announcement_and_believe_it",
            |outside| async move {
                for (ip, kind, n) in [("10.77.0.50", 0x806, 2), ("fd77::50", 0x86dd, 1)] {
                    // A neighbour that believes in another owner.
                    let stale =
                        format!("neigh replace {ip} lladdr 02:00:00:00:00:99 dev veth0 nud stale");
                    assert!(
                        outside
                            .command("ip")
                            .args(stale.split(' '))
                            .status()
                            .unwrap()
                            .success()
                    );
                    let mut listener = outside
                        .command("python3")
                        .args(["-c", &listen(kind, n)])
                        .stdout(Stdio::piped())
                        .spawn()
                        .unwrap();
                    let mut heard = listener.stdout.take().unwrap();
                    heard.read_exact(&mut [0; 3]).unwrap();
                    let ip: IpAddr = ip.parse().unwrap();
                    assert_eq!(announce("veth0", ip).unwrap(), Announced::Sent);
                    let mut text = String::new();
                    heard.read_to_string(&mut text).unwrap();
                    assert!(listener.wait().unwrap().success(), "{text}");
                    let mac = link_of("veth0").unwrap().unwrap().1.addr().unwrap();
                    let expected: Vec<String> = frames(mac, ip).iter().map(|f| hex(f)).collect();
                    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
                    let colons: Vec<_> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
                    let colons = colons.join(":");
                    // A fresh interface drops IPv6 multicast for a moment.
                    for attempt in 1..=20 {
                        let known = outside.command("ip").args(["neigh", "show"]).output();
                        let known = String::from_utf8(known.unwrap().stdout).unwrap();
                        let ours = format!("{ip} dev veth0 lladdr {colons}");
                        if known.contains(&ours) {
                            eprintln!("{ip}: believed at announcement {attempt}");
                            break;
                        }
                        assert!(attempt < 20, "{ip}: {known}");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        announce("veth0", ip).unwrap();
                    }
                }
            },
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn loopback_is_silent_and_errors_have_names() {
        namespace::run(
            "net::announce::tests::loopback_is_silent_and_errors_have_names",
            |_| async {
                let ip = IpAddr::from([10, 77, 0, 50]);
                assert_eq!(announce("lo", ip).unwrap(), Announced::NoNeighbours);
                let error = announce("nosuch0", ip).unwrap_err();
                assert!(
                    matches!(error, AnnounceError::NoInterface { .. }),
                    "{error}"
                );
                namespace::sh("ip link set veth0 down");
                let error = announce("veth0", ip).unwrap_err();
                assert!(matches!(error, AnnounceError::Failed { .. }), "{error}");
                let error = explain("veth0", ip, Errno::EPERM);
                assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
            },
        );
    }

    #[test]
    fn an_arp_packet_is_28_bytes_behind_14() {
        let frame = arp([2, 0, 0, 0, 0, 1], Ipv4Addr::new(192, 0, 2, 10), ARP_REPLY);
        let expected = "ffffffffffff02000000000108060001080006040002\
                        020000000001c000020a020000000001c000020a";
        assert_eq!(hex(&frame), expected);
    }
}
