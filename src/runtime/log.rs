//! The last words of a server: its own log says best why it did not start.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::plain;

/// How far back from the end a log is read.
pub const TAIL_BYTES: u64 = 64 * 1024;

/// The last `lines` lines of a log, oldest first, out of its last [`TAIL_BYTES`]. A longer line is
/// left out; what is not UTF-8 is replaced.
///
/// # Errors
/// The file cannot be read, or is no plain file.
pub fn tail_log(path: &Path, lines: usize) -> io::Result<Vec<String>> {
    let mut file = plain::open(path, OpenOptions::new().read(true))?;
    let size = file.metadata()?.len();
    let start = size.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = if start == 0 {
        &*text
    } else {
        text.split_once('\n').map_or("", |(_, rest)| rest)
    };
    let mut last: Vec<String> = whole.lines().rev().take(lines).map(str::to_owned).collect();
    last.reverse();
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(content: &[u8], lines: usize) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        tail_log(file.path(), lines).unwrap()
    }

    #[test]
    fn the_last_lines_come_oldest_first() {
        assert_eq!(tail(b"one\ntwo\nthree\n", 2), ["two", "three"]);
        assert_eq!(tail(b"one\nno newline", 9), ["one", "no newline"]);
        assert_eq!(tail(b"bad \xff byte\n", 1), ["bad \u{fffd} byte"]);
        assert!(tail(b"", 3).is_empty());
    }

    #[test]
    fn no_more_than_the_end_is_read_and_no_half_line() {
        let content: Vec<u8> = (0..100_000)
            .flat_map(|n| format!("{n}\n").into_bytes())
            .collect();
        let last = tail(&content, usize::MAX);
        assert_eq!(last.last().unwrap(), "99999");
        assert!(last.len() < 12_000 && last[0].len() == 5);
        assert!(tail(&vec![b'x'; 100_000], 3).is_empty());
    }
}
