//! The events of one file: headers, the format description, checksums.
//!
//! Layout: MySQL's "Binary Log Event" and MariaDB's "2-Binlog Event Header", both version 4:
//! timestamp 4, type 1, `server_id` 4, length 4, next position 4, flags 2, then the body, then a
//! CRC-32 where the format description says so.

pub mod kind;

mod header;

use std::io::{self, Read, Seek, SeekFrom};

use super::bytes::Bytes;

pub use self::header::{Format, Header};

/// The first bytes of an unencrypted log.
pub const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];
/// The first bytes of a log that MySQL encrypted.
pub const MAGIC_ENCRYPTED: [u8; 4] = [0xfd, b'b', b'i', b'n'];
/// Bytes of an event's header.
pub const HEADER: usize = 19;
/// Where the low byte of the first event's flags lies in a file; bit 0 is [`IN_USE`].
pub const FLAGS_AT: u64 = 21;
/// `LOG_EVENT_BINLOG_IN_USE_F`: the server writes the file, or died while it did.
pub const IN_USE: u8 = 1;
/// Bit of the format description's flags: the file is a relay log (`LOG_EVENT_RELAY_LOG_F`).
const RELAY_LOG: u16 = 0x40;
/// Bytes of the checksum at an event's end.
const CRC: u64 = 4;

/// Why the bytes of a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system's answer.
    #[error("reading failed")]
    Io(#[from] io::Error),
    /// The first four bytes are not a binary log's.
    #[error("it is no binary log: it does not start with fe 62 69 6e")]
    NotABinlog,
    /// Encrypted: nothing in it can be read without the server's keys.
    #[error("it is encrypted")]
    Encrypted,
    /// The content contradicts itself.
    #[error("it is damaged at position {at}: {what}")]
    Damaged {
        /// Start of the event, in bytes from the start of the file.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Reads a file's events in order. The end of the last whole event is the end; what stands behind
/// it, an event that a dying server began, is told by [`Events::torn_at`].
#[derive(Debug)]
pub struct Events<R> {
    input: R,
    size: u64,
    /// Where `input` stands.
    input_at: u64,
    /// Start of the next event.
    next: u64,
    checksums: bool,
    torn_at: Option<u64>,
    format: Format,
    first: Header,
}

impl<R: Read + Seek> Events<R> {
    /// Reads magic and format description.
    ///
    /// # Errors
    /// [`ReadError`], among them no binary log, encrypted, or cut off before its first event ends.
    pub fn open(mut input: R) -> Result<Self, ReadError> {
        let size = input.seek(SeekFrom::End(0))?;
        input.seek(SeekFrom::Start(0))?;
        let mut magic = [0; 4];
        if size < 4 {
            return Err(ReadError::NotABinlog);
        }
        input.read_exact(&mut magic)?;
        match magic {
            MAGIC => {}
            MAGIC_ENCRYPTED => return Err(ReadError::Encrypted),
            _ => return Err(ReadError::NotABinlog),
        }
        let nothing = Header {
            at: 4,
            timestamp: 0,
            kind: 0,
            server_id: 0,
            length: 0,
            flags: 0,
            next: 0,
        };
        let format = Format {
            server_version: String::new(),
            created: 0,
            in_use: false,
            checksums: false,
        };
        let mut events = Self {
            input,
            size,
            input_at: 4,
            next: 4,
            checksums: false,
            torn_at: None,
            format,
            first: nothing,
        };
        let damaged = |what| ReadError::Damaged { at: 4, what };
        let header = events.next()?.ok_or(damaged("no whole event in it"))?;
        if header.kind != kind::FORMAT_DESCRIPTION {
            return Err(damaged("the first event is no format description"));
        }
        events.first = header;
        events.format = events.read_format(&header)?;
        Ok(events)
    }

    /// What the file says of itself.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Position behind the last event that was read.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// After the end: where an event starts that is not whole.
    pub fn torn_at(&self) -> Option<u64> {
        self.torn_at
    }

    /// Goes on at an event's start.
    pub fn go_to(&mut self, at: u64) {
        self.next = at;
        self.torn_at = None;
    }

    /// The next whole event's header. A format description inside the file, which relay logs have,
    /// changes how the following events are read.
    ///
    /// # Errors
    /// [`ReadError`], also for MariaDB's start of encryption.
    #[expect(
        clippy::should_implement_trait,
        reason = "it lends nothing and may fail"
    )]
    pub fn next(&mut self) -> Result<Option<Header>, ReadError> {
        let at = self.next;
        let left = self.size.saturating_sub(at);
        if left < HEADER as u64 {
            self.torn_at = (left > 0).then_some(at);
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        self.read_at(at, &mut bytes)?;
        let header = Header::parse(at, &bytes)?;
        // Zeros are what a file system leaves of a write that a power loss interrupted.
        let zeros = bytes.iter().all(|b| *b == 0);
        if u64::from(header.length) > left || zeros {
            // A damaged length would pass for the end of the file, and hide whatever follows.
            let is_relay_log = self.first.flags & RELAY_LOG != 0;
            if !zeros && !is_relay_log && !header.ends_where_it_says() {
                return Err(ReadError::Damaged {
                    at,
                    what: "an event that does not end where it says",
                });
            }
            self.torn_at = Some(at);
            return Ok(None);
        }
        if (header.length as usize) < HEADER {
            return Err(ReadError::Damaged {
                at,
                what: "an event shorter than its header",
            });
        }
        self.next = header.end();
        match header.kind {
            kind::MARIADB_START_ENCRYPTION => Err(ReadError::Encrypted),
            kind::FORMAT_DESCRIPTION if at > 4 => {
                self.checksums = self.read_format(&header)?.checksums;
                Ok(Some(header))
            }
            _ => Ok(Some(header)),
        }
    }

    /// An event's body without header and checksum; the checksum was compared.
    ///
    /// # Errors
    /// [`ReadError`]: unreadable, or the checksum does not fit.
    pub fn body(&mut self, header: &Header) -> Result<Vec<u8>, ReadError> {
        let mut event = self.raw(header)?;
        if self.checksums {
            check(header.at, &mut event)?;
        }
        event.drain(..HEADER.min(event.len()));
        Ok(event)
    }

    /// All bytes of an event.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub fn raw(&mut self, header: &Header) -> Result<Vec<u8>, ReadError> {
        let mut event = vec![0; header.length as usize];
        self.read_at(header.at, &mut event)?;
        Ok(event)
    }

    /// Compares an event's checksum without keeping the event.
    ///
    /// # Errors
    /// [`ReadError`]: unreadable, or the checksum does not fit.
    pub fn verify(&mut self, header: &Header) -> Result<(), ReadError> {
        const CHUNK: u64 = 1 << 16;
        if !self.checksums {
            return Ok(());
        }
        let damaged = |what| ReadError::Damaged {
            at: header.at,
            what,
        };
        if header.length < HEADER as u32 + CRC as u32 {
            return Err(damaged("an event shorter than its checksum"));
        }
        let content_end = header.end() - CRC;
        let mut hasher = crc32fast::Hasher::new();
        let (mut at, mut chunk) = (header.at, Vec::new());
        while at < content_end {
            let length = CHUNK.min(content_end - at);
            chunk.resize(length as usize, 0);
            self.read_at(at, &mut chunk)?;
            hasher.update(&chunk);
            at += length;
        }
        let mut crc = [0; CRC as usize];
        self.read_at(content_end, &mut crc)?;
        if hasher.finalize() != u32::from_le_bytes(crc) {
            return Err(damaged("a checksum that does not fit"));
        }
        Ok(())
    }

    fn read_at(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        // Seeking by the difference keeps a buffered reader's buffer.
        let by = at as i64 - self.input_at as i64;
        self.input.seek_relative(by)?;
        self.input.read_exact(into)?;
        self.input_at = at + into.len() as u64;
        Ok(())
    }

    /// Body: version 2, server version 50, created 4, header length 1, one length for each event
    /// type, checksum algorithm 1, CRC 4. The CRC is there even where the algorithm is "none".
    fn read_format(&mut self, header: &Header) -> Result<Format, ReadError> {
        let mut event = self.raw(header)?;
        let damaged = |what| ReadError::Damaged {
            at: header.at,
            what,
        };
        let algorithm = event
            .len()
            .checked_sub(5)
            .and_then(|at| event.get(at))
            .copied();
        let checksums = match algorithm {
            Some(0 | 255) => false,
            Some(1) => true,
            _ => return Err(damaged("a checksum algorithm that neither server knows")),
        };
        if algorithm != Some(255) {
            // The server clears the flag in place when it closes the file, and leaves the CRC.
            if let Some(flags) = event.get_mut(17) {
                *flags &= !IN_USE;
            }
            check(header.at, &mut event)?;
        }
        self.checksums = checksums;
        let body = event.get(HEADER..).unwrap_or_default();
        let mut body = Bytes::new(body, header.at);
        if body.u16()? != 4 {
            return Err(damaged("a binary log of another version than 4"));
        }
        let version = body.take(50)?.split(|b| *b == 0).next().unwrap_or_default();
        Ok(Format {
            server_version: String::from_utf8_lossy(version).into_owned(),
            created: body.u32()?,
            in_use: header.flags & u16::from(IN_USE) != 0,
            checksums,
        })
    }
}

/// Gives every event from `start` to the end of `file` this `server_id`, and its checksum anew.
///
/// # Errors
/// [`ReadError`]: the bytes are no log, or its last event is not whole.
pub fn give_server(file: &mut [u8], start: u64, server: u32) -> Result<(), ReadError> {
    let checksums = Events::open(io::Cursor::new(&*file))?.format().checksums;
    let mut at = start;
    while at < file.len() as u64 {
        let damaged = || ReadError::Damaged {
            at,
            what: "an event that is not whole",
        };
        let from = usize::try_from(at).map_err(|_| damaged())?;
        let head = file.get(from..).and_then(|rest| rest.first_chunk());
        let header = Header::parse(at, head.ok_or_else(damaged)?)?;
        let length = header.length as usize;
        let event = file.get_mut(from..).and_then(|rest| rest.get_mut(..length));
        let event = event.filter(|_| length >= HEADER).ok_or_else(damaged)?;
        if let Some(id) = event.get_mut(5..9) {
            id.copy_from_slice(&server.to_le_bytes());
        }
        if checksums && let Some((content, crc)) = event.split_last_chunk_mut::<4>() {
            *crc = crc32fast::hash(content).to_le_bytes();
        }
        at = header.end();
    }
    Ok(())
}

/// Compares and removes the CRC-32 at the end.
fn check(at: u64, event: &mut Vec<u8>) -> Result<(), ReadError> {
    let Some((content, crc)) = event.split_last_chunk::<4>() else {
        return Err(ReadError::Damaged {
            at,
            what: "an event shorter than its checksum",
        });
    };
    if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
        return Err(ReadError::Damaged {
            at,
            what: "a checksum that does not fit",
        });
    }
    let length = content.len();
    event.truncate(length);
    Ok(())
}

#[cfg(test)]
mod tests;
