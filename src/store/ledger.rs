//! The history of operations, for people: one JSON object per line in `history.jsonl`.
//!
//! Nothing is decided by it, so it is not synced. A line torn by a crash or a full disk is closed by
//! a newline before the next one, and passed over by the reader.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

/// The size at which the file becomes `history.jsonl.1`, replacing the one before: about four
/// thousand records are kept, four thousand more come.
pub const ROTATE_BYTES: u64 = 1024 * 1024;

/// What kept a record from being written or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A system call failed.
    #[error("cannot {attempt} the history {path}")]
    Io {
        /// What was being done.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record has no JSON form.
    #[error("cannot write a record for the history {path}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
}

/// The open history.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    size: u64,
    /// The file does not end with a newline.
    torn: bool,
}

impl Ledger {
    /// Opens the history of a state directory, making it where it is missing.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn open(state_dir: &Path) -> Result<Self, LedgerError> {
        let path = state_dir.join("history.jsonl");
        let (file, size) = open_end(&path).map_err(|source| LedgerError::Io {
            attempt: "open",
            path: path.clone(),
            source,
        })?;
        let mut last = [b'\n'];
        if size > 0 {
            file.read_exact_at(&mut last, size - 1)
                .map_err(|source| LedgerError::Io {
                    attempt: "read",
                    path: path.clone(),
                    source,
                })?;
        }
        Ok(Self {
            path,
            file,
            size,
            torn: last != [b'\n'],
        })
    }

    /// Appends one record. It survives the daemon's death, and may be lost with the machine.
    ///
    /// # Errors
    /// `Record` if it cannot be serialised, `Io` if it was not written whole; the next append works
    /// in both cases.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), LedgerError> {
        let mut line = Vec::new();
        if self.torn {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, record).map_err(|source| LedgerError::Record {
            path: self.path.clone(),
            source,
        })?;
        line.push(b'\n');
        if self.size > 0 && self.size + line.len() as u64 > ROTATE_BYTES {
            self.rotate()?;
        }
        match self.file.write_all(&line) {
            Ok(()) => {
                self.size += line.len() as u64;
                self.torn = false;
                Ok(())
            }
            Err(source) => {
                self.torn = true;
                Err(self.io_error("append to", source))
            }
        }
    }

    /// The newest `count` records, oldest first. Lines that are no such record are passed over.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn last<T: DeserializeOwned>(&self, count: usize) -> Result<Vec<T>, LedgerError> {
        let mut records = Vec::new();
        for path in [self.path.clone(), older(&self.path)] {
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(source) => {
                    return Err(LedgerError::Io {
                        attempt: "read",
                        path,
                        source,
                    });
                }
            };
            let lines = bytes.rsplit(|byte| *byte == b'\n');
            let wanted = count - records.len();
            records.extend(
                lines
                    .filter_map(|line| serde_json::from_slice(line).ok())
                    .take(wanted),
            );
        }
        records.reverse();
        Ok(records)
    }

    fn rotate(&mut self) -> Result<(), LedgerError> {
        fs::rename(&self.path, older(&self.path))
            .map_err(|source| self.io_error("rotate", source))?;
        (self.file, self.size) =
            open_end(&self.path).map_err(|source| self.io_error("open", source))?;
        Ok(())
    }

    fn io_error(&self, attempt: &'static str, source: io::Error) -> LedgerError {
        LedgerError::Io {
            attempt,
            path: self.path.clone(),
            source,
        }
    }
}

/// The thread that owns the history, so that a disk that hangs holds up nobody else.
///
/// Dropping it lets the thread write what waits and end by itself.
#[derive(Debug)]
pub struct LedgerWriter<T> {
    records: mpsc::Sender<(T, oneshot::Sender<()>)>,
}

/// Resolves once a record is written, or could not be.
pub type Written = oneshot::Receiver<()>;

impl<T: Serialize + Send + 'static> LedgerWriter<T> {
    /// Starts the thread, which owns `ledger` from here on and tells `failed` of what it cannot write.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(
        mut ledger: Ledger,
        failed: impl Fn(LedgerError) + Send + 'static,
    ) -> io::Result<Self> {
        let (records, waiting) = mpsc::channel::<(T, oneshot::Sender<()>)>();
        let write_all = move || {
            for (record, written) in waiting {
                if let Err(error) = ledger.append(&record) {
                    failed(error);
                }
                let _ = written.send(());
            }
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(write_all)?;
        Ok(Self { records })
    }

    /// Hands a record over. Returns at once.
    pub fn append(&self, record: T) -> Written {
        let (tell, written) = oneshot::channel();
        // The thread ends only after this sender is gone, so there is always somebody to receive.
        let _ = self.records.send((record, tell));
        written
    }
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("jsonl.1")
}

fn open_end(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(ledger: &Ledger, count: usize) -> Vec<u64> {
        ledger.last(count).unwrap()
    }

    #[test]
    fn the_newest_come_back_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(directory.path()).unwrap();
        assert!(records(&ledger, 5).is_empty());
        for number in 0..10u64 {
            ledger.append(&number).unwrap();
        }
        let ledger = Ledger::open(directory.path()).unwrap();
        assert_eq!(records(&ledger, 3), [7, 8, 9]);
        assert!(records(&ledger, 0).is_empty());
        assert_eq!(records(&ledger, 99).len(), 10);
    }

    #[test]
    fn a_disk_that_hangs_holds_up_no_writer() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(directory.path()).unwrap();
        // A pipe that nobody reads takes 64 KB and then blocks its writer.
        let (_reader, pipe) = io::pipe().unwrap();
        ledger.file = File::from(std::os::fd::OwnedFd::from(pipe));
        let writer = LedgerWriter::start(ledger, |_| ()).unwrap();
        for _ in 0..100 {
            writer.append("x".repeat(4096));
        }
    }

    #[test]
    fn what_is_handed_over_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let (failed, fails) = mpsc::channel();
        let ledger = Ledger::open(directory.path()).unwrap();
        let writer = LedgerWriter::start(ledger, move |_| failed.send(()).unwrap()).unwrap();
        for number in 0..10u64 {
            writer.append(number);
        }
        drop(writer);
        // The thread drops its end of the channel when it ends.
        assert!(fails.recv().is_err());
        let ledger = Ledger::open(directory.path()).unwrap();
        assert_eq!(records(&ledger, 2), [8, 9]);
    }

    #[test]
    fn a_torn_last_line_is_passed_over_and_closed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("history.jsonl"), "1\n2\n\"tor").unwrap();
        let mut ledger = Ledger::open(directory.path()).unwrap();
        assert_eq!(records(&ledger, 9), [1, 2]);
        ledger.append(&3).unwrap();
        assert_eq!(records(&ledger, 9), [1, 2, 3]);
    }

    #[test]
    fn a_full_file_is_put_aside_and_still_read() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(directory.path()).unwrap();
        let filler = "x".repeat(1000);
        for number in 0..2500u64 {
            ledger.append(&(number, &filler)).unwrap();
        }
        let newest: Vec<(u64, String)> = ledger.last(1100).unwrap();
        let numbers: Vec<u64> = newest.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1400..2500).collect::<Vec<u64>>());
        for name in ["history.jsonl", "history.jsonl.1"] {
            let size = fs::metadata(directory.path().join(name)).unwrap().len();
            assert!(size > 0 && size <= ROTATE_BYTES, "{name}: {size}");
        }
    }

    #[test]
    fn after_a_full_disk_the_next_record_stands_on_its_own_line() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(directory.path()).unwrap();
        ledger.append(&1).unwrap();
        let file = std::mem::replace(&mut ledger.file, File::open("/dev/full").unwrap());
        ledger.file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        assert!(matches!(
            ledger.append(&2).unwrap_err(),
            LedgerError::Io { .. }
        ));
        ledger.file = file;
        ledger.append(&3).unwrap();
        assert_eq!(records(&ledger, 9), [1, 3]);
    }
}
