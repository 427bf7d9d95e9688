//! What stands before every event, and what a file says of itself.

use super::{HEADER, ReadError};
use crate::binlog::bytes::Bytes;

/// An event's header, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Start of the event, in bytes from the start of the file.
    pub at: u64,
    /// Seconds since 1970, of the statement.
    pub timestamp: u32,
    /// One of [`kind`](super::kind).
    pub kind: u8,
    /// `server_id` of the server that wrote the event first.
    pub server_id: u32,
    /// Header, body and checksum, in bytes.
    pub length: u32,
    /// The event's flags.
    pub flags: u16,
    /// The position behind the event as its writer counted it, modulo 2^32. In a relay log that is a
    /// position in the source's binary log.
    pub next: u32,
}

impl Header {
    /// Position behind the event.
    pub fn end(&self) -> u64 {
        self.at + u64::from(self.length)
    }

    pub(super) fn parse(at: u64, bytes: &[u8; HEADER]) -> Result<Self, ReadError> {
        let mut bytes = Bytes::new(bytes, at);
        let (timestamp, kind) = (bytes.u32()?, bytes.u8()?);
        let (server_id, length) = (bytes.u32()?, bytes.u32()?);
        let next = bytes.u32()?;
        Ok(Self {
            at,
            timestamp,
            kind,
            server_id,
            length,
            flags: bytes.u16()?,
            next,
        })
    }

    /// Its two ways to tell where it ends agree: the position of 32 bits wraps in files beyond 4 GiB.
    pub(super) fn ends_where_it_says(&self) -> bool {
        self.next == self.end() as u32
    }
}

/// What the format description says of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The server's version, as `10.11.19-MariaDB-log`.
    pub server_version: String,
    /// Not 0 in the first file after a start of the server; 0 after a rotation.
    pub created: u32,
    /// The file is being written, or was when its server died.
    pub in_use: bool,
    /// Events end with a CRC-32.
    pub checksums: bool,
}
