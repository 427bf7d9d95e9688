//! Lines of text or JSON on stderr.

use std::io::Write;

use tracing_subscriber::fmt::MakeWriter;

use super::queue::{Queue, Sink};

/// Stderr at the end of the queue.
pub(super) struct Stderr;

impl Sink for Stderr {
    fn take(&mut self, line: &[u8]) -> std::io::Result<()> {
        std::io::stderr().write_all(line)
    }

    fn lost(&mut self, count: u64) -> std::io::Result<()> {
        writeln!(
            std::io::stderr(),
            "{count} log lines were dropped: stderr was not read"
        )
    }
}

/// Makes one line of each event.
pub(super) struct Lines(pub(super) Queue);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;
    fn make_writer(&'a self) -> Line<'a> {
        Line {
            queue: &self.0,
            text: Vec::new(),
        }
    }
}

/// One line on its way into the queue.
pub(super) struct Line<'a> {
    queue: &'a Queue,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.queue.put(readable(&self.text));
    }
}

/// One event as text. What servers and programs said may hold anything: further lines of it are indented,
/// so that none can pass for an event of its own, and what a terminal would obey is written out.
fn readable(text: &[u8]) -> Vec<u8> {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let mut line = Vec::with_capacity(text.len());
    for byte in body {
        match byte {
            b'\n' => line.extend(b"\n    "),
            b'\t' | 0x20..=0x7e | 0x80.. => line.push(*byte),
            control => line.extend(format!("\\x{control:02x}").bytes()),
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_said_forges_no_line_and_moves_no_terminal() {
        let forged = readable(b"said: x\n2026 ERROR no\x1b[2J\x00\n");
        assert_eq!(forged, b"said: x\n    2026 ERROR no\\x1b[2J\\x00\n");
        let kept = "größer\tals";
        assert_eq!(readable(kept.as_bytes()), format!("{kept}\n").into_bytes());
    }
}
