//! The few bytes of netlink that the socket destroyer and the nftables watcher share.
//!
//! A message is a 16-byte header and a body padded to four bytes; an attribute is a 4-byte header
//! and a value padded to four bytes (linux/netlink.h). Nothing here blocks longer than the kernel
//! needs to answer: netlink requests are handled inside the send.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// NLMSG_ERROR: an acknowledgement (errno 0) or a refusal.
pub(super) const NLMSG_ERROR: u16 = 2;
/// NLMSG_DONE: the end of a dump, with the errno that ended it.
pub(super) const NLMSG_DONE: u16 = 3;
/// NLM_F_REQUEST.
pub(super) const NLM_F_REQUEST: u16 = 0x1;
/// NLM_F_ACK.
pub(super) const NLM_F_ACK: u16 = 0x4;
/// NLM_F_ROOT | NLM_F_MATCH.
pub(super) const NLM_F_DUMP: u16 = 0x300;

const HEADER: usize = 16;
/// The kernel's dumps come in pieces of at most 32 KiB.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// One netlink socket with its receive buffer.
#[derive(Debug)]
pub(super) struct Netlink {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens a socket of `protocol`; a receive that waits for more than a second fails.
    pub(super) fn open(protocol: SockProtocol) -> nix::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )?;
        setsockopt(&fd, ReceiveTimeout, &TimeVal::seconds(1))?;
        Ok(Self {
            fd,
            buffer: vec![0; RECEIVE_BUFFER],
        })
    }

    /// Sends `request`, which may hold several messages.
    pub(super) fn send(&self, request: &[u8]) -> nix::Result<()> {
        send(self.fd.as_raw_fd(), request, MsgFlags::empty()).map(drop)
    }

    /// Receives one datagram, which may hold several messages.
    pub(super) fn receive(&mut self) -> nix::Result<Messages<'_>> {
        let length = recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty())?;
        Ok(Messages::of(self.buffer.get(..length).unwrap_or_default()))
    }
}

/// Appends one message to `out`.
pub(super) fn push_message(out: &mut Vec<u8>, kind: u16, flags: u16, body: &[u8]) {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// One received message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// nlmsg_type.
    pub(super) kind: u16,
    /// What follows the header.
    pub(super) body: &'a [u8],
}

impl Message<'_> {
    /// The errno that an NLMSG_ERROR or NLMSG_DONE begins with: `Ok` for an acknowledgement.
    pub(super) fn acknowledgement(&self) -> io::Result<()> {
        match i32_at(self.body, 0) {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The messages of one datagram; ends at the first one that is cut short.
#[derive(Debug)]
pub(super) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// The messages of `datagram`.
    pub(super) fn of(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::try_from(i32_at(self.rest, 0)?).ok()?;
        let kind = u16_at(self.rest, 4)?;
        let body = self.rest.get(HEADER..length)?;
        self.rest = self
            .rest
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
        Some(Message { kind, body })
    }
}

/// The (type, value) attributes in `bytes`; ends at the first one that is cut short.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// NLA_F_NESTED and NLA_F_NET_BYTEORDER share the type's field.
    const TYPE_MASK: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & TYPE_MASK;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u16::from_ne_bytes(*b))
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| i32::from_ne_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let mut out = Vec::new();
        push_message(&mut out, 20, NLM_F_DUMP, b"abcde");
        push_message(&mut out, 21, NLM_F_ACK, b"xy");
        assert_eq!(out.len() % 4, 0);
        let read: Vec<_> = Messages { rest: &out }
            .map(|m| (m.kind, m.body.to_vec()))
            .collect();
        assert_eq!(read, [(20, b"abcde".to_vec()), (21, b"xy".to_vec())]);
    }

    #[test]
    fn a_message_or_attribute_that_is_cut_short_ends_the_list() {
        let mut out = Vec::new();
        push_message(&mut out, 20, 0, b"abcdefgh");
        for cut in 0..out.len() {
            assert_eq!(
                Messages {
                    rest: out.get(..cut).unwrap()
                }
                .count(),
                0,
                "{cut}"
            );
        }
        assert_eq!(attributes(&[8, 0, 1, 0, b'a', b'b']).count(), 0);
        assert_eq!(attributes(&[0, 0, 1, 0]).count(), 0);
        let whole: Vec<_> = attributes(&[6, 0, 1, 0x80, b'a', b'b', 0, 0]).collect();
        assert_eq!(whole, [(1, b"ab".as_slice())]);
    }
}
