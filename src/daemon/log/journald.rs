//! The journal by its own protocol: one datagram for each event, with fields of our own.
//!
//! Every field of an event becomes `DUALMASTER_NAME`, but for `message_id` and `priority`, which are the
//! journal's own. A field whose value has several lines carries its length, so that no value can pass for
//! another field.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::queue::{Queue, Sink};

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// Bytes of one value. A datagram has to fit into the socket's buffer, 208 KiB by default.
const LONGEST: usize = 32 * 1024;

/// What begins the name of every field of ours.
const PREFIX: &str = "DUALMASTER_";

/// The socket at the end of the queue.
#[derive(Debug)]
pub(super) struct Journald {
    socket: UnixDatagram,
    to: PathBuf,
}

impl Journald {
    /// A socket whose other end answers.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(super) fn connect(to: impl Into<PathBuf>) -> std::io::Result<Self> {
        let to = to.into();
        // An empty datagram is no entry, and shows whether somebody listens.
        let socket = UnixDatagram::unbound()?;
        socket.send_to(&[], &to)?;
        Ok(Self { socket, to })
    }
}

impl Sink for Journald {
    fn take(&mut self, record: &[u8]) -> std::io::Result<()> {
        self.socket.send_to(record, &self.to).map(|_| ())
    }

    fn lost(&mut self, count: u64) -> std::io::Result<()> {
        let mut record = Record::new(4);
        record.put(
            "MESSAGE",
            &format!("{count} log lines were dropped: the journal did not take them"),
        );
        self.take(&record.bytes)
    }
}

/// Turns events into records of the journal.
pub(super) struct JournalLayer(pub(super) Queue);

impl<S: Subscriber> Layer<S> for JournalLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let data = event.metadata();
        let mut record = Record::new(priority(*data.level()));
        event.record(&mut record);
        record.put("TARGET", data.target());
        if let (Some(file), Some(line)) = (data.file(), data.line()) {
            record.put("CODE_FILE", file);
            record.put("CODE_LINE", &line.to_string());
        }
        self.0.put(record.finish());
    }
}

/// Syslog's number for a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// One entry of the journal as it is sent.
struct Record {
    bytes: Vec<u8>,
    priority: u8,
}

impl Record {
    fn new(priority: u8) -> Self {
        let mut record = Self {
            bytes: Vec::with_capacity(512),
            priority,
        };
        record.put("SYSLOG_IDENTIFIER", "dualmasterd");
        record.put("SYSLOG_FACILITY", "3");
        record
    }

    /// Appends a field. Its name is one of ours: capitals, digits and underscores.
    fn put(&mut self, name: &str, value: &str) {
        let value = value.as_bytes();
        let value = value.get(..LONGEST).unwrap_or(value);
        self.bytes.extend(name.bytes());
        if value.contains(&b'\n') {
            self.bytes.push(b'\n');
            self.bytes
                .extend(u64::try_from(value.len()).unwrap_or(0).to_le_bytes());
        } else {
            self.bytes.push(b'=');
        }
        self.bytes.extend(value);
        self.bytes.push(b'\n');
    }

    fn finish(mut self) -> Vec<u8> {
        let priority = self.priority.to_string();
        self.put("PRIORITY", &priority);
        self.bytes
    }

    fn field(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.put("MESSAGE", value),
            "message_id" => self.put("MESSAGE_ID", value),
            name => {
                let name = name.to_uppercase().replace(['.', '-'], "_");
                let name = name.strip_prefix(PREFIX).unwrap_or(&name);
                self.put(&format!("{PREFIX}{name}"), value);
            }
        }
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match (field.name(), u8::try_from(value)) {
            ("priority", Ok(priority)) => self.priority = priority,
            _ => self.field(field, &value.to_string()),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.field(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    /// What the journal hears of one call.
    fn heard(log: impl FnOnce()) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let (queue, guard) = Queue::start(Journald::connect(&path).unwrap()).unwrap();
        let journal = tracing_subscriber::registry().with(JournalLayer(queue));
        tracing::subscriber::with_default(journal, log);
        drop(guard);
        let mut buffer = vec![0; 1 << 18];
        assert_eq!(socket.recv(&mut buffer).unwrap(), 0, "the greeting");
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn fields_get_our_prefix_and_the_journals_own_do_not() {
        let text = heard(|| {
            tracing::warn!(
                message_id = "00ff",
                priority = 1_u64,
                dualmaster_pair = "orders",
                error = "no way",
                dualmaster_op_id = None::<u64>,
                "the writer {}",
                "moved"
            );
        });
        for field in [
            "MESSAGE=the writer moved\n",
            "MESSAGE_ID=00ff\n",
            "PRIORITY=1\n",
            "DUALMASTER_PAIR=orders\n",
            "DUALMASTER_ERROR=no way\n",
            "SYSLOG_IDENTIFIER=dualmasterd\n",
        ] {
            assert!(text.contains(field), "{field} is not in {text}");
        }
        assert!(!text.contains("OP_ID"), "{text}");
    }

    #[test]
    fn a_value_of_several_lines_forges_no_field() {
        let text = heard(|| tracing::info!("one\nPRIORITY=0"));
        let at = text.find("MESSAGE\n").unwrap() + "MESSAGE\n".len();
        let length = u64::from_le_bytes(text.as_bytes()[at..at + 8].try_into().unwrap());
        assert_eq!(length, 14);
        assert!(text[at + 8..].starts_with("one\nPRIORITY=0\n"));
        assert!(text.ends_with("PRIORITY=6\n"));
    }

    #[test]
    fn a_journal_that_stands_still_stops_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        // Nobody reads it: its buffer is full soon.
        let _socket = UnixDatagram::bind(&path).unwrap();
        let (queue, guard) = Queue::start(Journald::connect(&path).unwrap()).unwrap();
        let journal = tracing_subscriber::registry().with(JournalLayer(queue));
        tracing::subscriber::with_default(journal, || {
            for n in 0..20_000 {
                tracing::info!(n, "a line of some length that fills the buffer quite soon");
            }
        });
        drop(guard);
    }

    #[test]
    fn nobody_listens() {
        let error = Journald::connect("/nonexistent/socket").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
