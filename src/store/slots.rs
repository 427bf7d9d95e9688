//! A state file of two slots, overwritten in place by turns.
//!
//! The newest payload is always in one slot while the next one goes into the other, so that a write
//! torn by a crash costs only the payload that nobody was told is stored. All blocks are written
//! when the file is made: later writes need no space, and work on a full disk.
//!
//! A slot, little-endian: magic (8 bytes), format version (u32), payload length (u32), sequence
//! (u64), CRC32 (u32) of version, length, sequence and payload, 4 bytes of zero, payload.
//! Magic and version stay in these places in every future version.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The version of the format that this program writes.
pub const FORMAT_VERSION: u32 = 1;
/// The bytes of one slot: room for a pair's memory many times over, also with long sets of GTIDs, and
/// still written by one system call in well under a millisecond.
pub const SLOT_BYTES: usize = 64 * 1024;
/// The longest payload that fits a slot.
pub const MAX_PAYLOAD: usize = SLOT_BYTES - HEADER_BYTES;

const SLOTS: usize = 2;
const HEADER_BYTES: usize = 32;
const MAGIC: [u8; 8] = *b"DMD-SLOT";

/// What keeps the state file from being made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// A system call on the file failed.
    #[error("cannot {attempt} the state file {path}")]
    Io {
        /// What was being done.
        attempt: &'static str,
        /// The file, or the directory for "sync the directory of".
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither slot can be trusted.
    #[error("no valid slot in the state file {path}: the first is {first}, the second {second}")]
    NoValidSlot {
        /// The file; it was left as it is.
        path: PathBuf,
        /// What is wrong with the first slot.
        first: SlotFault,
        /// What is wrong with the second slot.
        second: SlotFault,
    },
    /// A newer program wrote the file; it was left as it is.
    #[error(
        "the state file {path} has format version {found}, written by a newer dualmasterd; \
         this one knows versions up to {FORMAT_VERSION}"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The payload does not fit; nothing was written.
    #[error(
        "a state of {length} bytes does not fit the state file {path}: a slot holds {MAX_PAYLOAD}"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bytes of the payload.
        length: usize,
    },
}

/// Why a slot is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotFault {
    /// The file ends before the slot does.
    Short,
    /// Only zeros: never written.
    Blank,
    /// Something else stands there.
    NotASlot,
    /// Its length is beyond the slot.
    Length(u32),
    /// Its checksum does not match: torn or damaged.
    Checksum {
        /// The sequence it claims.
        sequence: u64,
    },
}

impl fmt::Display for SlotFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "cut short"),
            Self::Blank => write!(f, "blank"),
            Self::NotASlot => write!(f, "not a slot of dualmasterd"),
            Self::Length(length) => write!(f, "damaged (a payload of {length} bytes)"),
            Self::Checksum { sequence } => {
                write!(f, "torn or damaged (sequence {sequence}, wrong checksum)")
            }
        }
    }
}

/// The open state file. One owner at a time, which [`super::lock`] sees to.
#[derive(Debug)]
pub struct Slots {
    path: PathBuf,
    file: File,
    /// The slot that holds the newest stored payload.
    current: usize,
    /// The highest sequence ever tried: a failed write may have reached the disk all the same.
    sequence: u64,
    may_be_old: bool,
}

impl Slots {
    /// Opens the state file, making it where it is missing, and returns the newest payload that was
    /// stored; `None` from a new file.
    ///
    /// Never writes to an existing file: one that cannot be trusted is evidence.
    ///
    /// # Errors
    /// See [`SlotsError`]; all but `TooLarge` are possible.
    pub fn open(path: &Path) -> Result<(Self, Option<Vec<u8>>), SlotsError> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
            Err(source) => return Err(io_error("open", path, source)),
        };
        let first = read_slot(&file, 0).map_err(|source| io_error("read", path, source))?;
        let second = read_slot(&file, 1).map_err(|source| io_error("read", path, source))?;
        for slot in [&first, &second] {
            if let Read::Newer(found) = slot {
                return Err(SlotsError::NewerFormat {
                    path: path.to_owned(),
                    found: *found,
                });
            }
        }
        let is_faulty =
            |read: &Read| matches!(read, Read::Fault(fault) if *fault != SlotFault::Blank);
        let may_be_old = is_faulty(&first) || is_faulty(&second);
        let (current, slot) = match (first, second) {
            (Read::Valid(a), Read::Valid(b)) if b.sequence > a.sequence => (1, b),
            (Read::Valid(a), _) => (0, a),
            (_, Read::Valid(b)) => (1, b),
            (first, second) => {
                let (first, second) = (first.fault(), second.fault());
                return Err(SlotsError::NoValidSlot {
                    path: path.to_owned(),
                    first,
                    second,
                });
            }
        };
        let slots = Self {
            path: path.to_owned(),
            file,
            current,
            sequence: slot.sequence,
            may_be_old,
        };
        Ok((slots, (slot.sequence > 0).then_some(slot.payload)))
    }

    /// The other slot was torn or damaged when the file was opened: what it held may have been newer than
    /// what was returned.
    pub fn may_be_old(&self) -> bool {
        self.may_be_old
    }

    /// Stores a payload durably: when this returns `Ok`, every later [`Slots::open`] finds it.
    ///
    /// After an error the payload stored before is still the newest; whether this one is found by a
    /// later open is not known until the next success. One write and one fdatasync.
    ///
    /// # Errors
    /// `TooLarge` and `Io`.
    pub fn store(&mut self, payload: &[u8]) -> Result<(), SlotsError> {
        let sequence = self.sequence.saturating_add(1);
        let Some(bytes) = encode(sequence, payload) else {
            return Err(SlotsError::TooLarge {
                path: self.path.clone(),
                length: payload.len(),
            });
        };
        let target = 1 - self.current;
        self.sequence = sequence;
        self.file
            .write_all_at(&bytes, offset(target))
            .map_err(|source| io_error("write", &self.path, source))?;
        self.file
            .sync_data()
            .map_err(|source| io_error("sync", &self.path, source))?;
        self.current = target;
        Ok(())
    }
}

/// What stands in the place of a slot.
enum Read {
    Valid(Slot),
    Newer(u32),
    Fault(SlotFault),
}

impl Read {
    /// The fault of a slot that is known not to be valid.
    fn fault(&self) -> SlotFault {
        match self {
            Self::Fault(fault) => *fault,
            Self::Valid(_) | Self::Newer(_) => SlotFault::NotASlot,
        }
    }
}

struct Slot {
    sequence: u64,
    payload: Vec<u8>,
}

fn read_slot(file: &File, index: usize) -> io::Result<Read> {
    let mut bytes = vec![0; SLOT_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset(index) + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(decode(&bytes))
}

fn decode(bytes: &[u8]) -> Read {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Read::Fault(SlotFault::Short);
    };
    let [
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        m6,
        m7,
        v0,
        v1,
        v2,
        v3,
        l0,
        l1,
        l2,
        l3,
        s @ ..,
    ] = *header;
    let [s0, s1, s2, s3, s4, s5, s6, s7, c0, c1, c2, c3, ..] = s;
    if header.iter().all(|byte| *byte == 0) {
        return Read::Fault(SlotFault::Blank);
    }
    if [m0, m1, m2, m3, m4, m5, m6, m7] != MAGIC {
        return Read::Fault(SlotFault::NotASlot);
    }
    let version = u32::from_le_bytes([v0, v1, v2, v3]);
    if version > FORMAT_VERSION {
        return Read::Newer(version);
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let sequence = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    if length as usize > MAX_PAYLOAD {
        return Read::Fault(SlotFault::Length(length));
    }
    let Some(payload) = rest.get(..length as usize) else {
        return Read::Fault(SlotFault::Short);
    };
    if checksum(version, length, sequence, payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Read::Fault(SlotFault::Checksum { sequence });
    }
    Read::Valid(Slot {
        sequence,
        payload: payload.to_vec(),
    })
}

/// The bytes of a slot as far as they matter; `None` where the payload does not fit.
fn encode(sequence: u64, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= MAX_PAYLOAD)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend(MAGIC);
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(checksum(FORMAT_VERSION, length, sequence, payload).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    Some(bytes)
}

fn checksum(version: u32, length: u32, sequence: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&version.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Makes the file beside its place and renames it, so that a half-made one is never seen.
///
/// Zeros are written, not only reserved: turning a reserved block into a written one may need space
/// in the file system's own tables. Copy-on-write file systems need space for every overwrite.
fn create(path: &Path) -> Result<File, SlotsError> {
    let beside = path.with_extension("new");
    let mut bytes = encode(0, &[]).unwrap_or_default();
    bytes.resize(SLOTS * SLOT_BYTES, 0);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|source| io_error("create", &beside, source))?;
    file.write_all(&bytes)
        .map_err(|source| io_error("fill", &beside, source))?;
    file.sync_all()
        .map_err(|source| io_error("sync", &beside, source))?;
    std::fs::rename(&beside, path).map_err(|source| io_error("put in place", path, source))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| io_error("sync the directory of", directory, source))?;
    Ok(file)
}

fn offset(slot: usize) -> u64 {
    (slot * SLOT_BYTES) as u64
}

fn io_error(attempt: &'static str, path: &Path, source: io::Error) -> SlotsError {
    SlotsError::Io {
        attempt,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
