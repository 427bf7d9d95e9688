//! Where log events go: the journal with fields of our own, or stderr as text or JSON.
//!
//! Lines for stderr are written by a thread of their own behind a bounded queue: whoever reads our
//! stderr and stops doing so must not stop the loop. Lines that find the queue full are dropped and
//! counted.

use std::io::Write;
use std::os::linux::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tracing::field::{Field, Visit};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, filter::ParseError, reload};

use crate::config::LogFormat;

/// Lines that may wait for stderr.
const QUEUE: usize = 4096;

/// How long the end of the process waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Why logging could not begin.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter makes no sense.
    #[error("the log level `{filter}`")]
    Filter {
        /// As it was given.
        filter: String,
        /// Why.
        source: ParseError,
    },
    /// There is no journal.
    #[error("connecting to the journal")]
    Journal(#[source] std::io::Error),
    /// The writer's thread could not be started.
    #[error("starting the thread that writes the log")]
    Thread(#[source] std::io::Error),
    /// Logging has begun already.
    #[error("beginning to log")]
    Init(#[source] TryInitError),
}

/// Changes the level, and writes the last lines when dropped. Keep it until the end of the process.
#[derive(Debug)]
pub struct LogGuard {
    level: reload::Handle<EnvFilter, Registry>,
    writer: Option<LinesThread>,
}

impl LogGuard {
    /// From now on events are logged by another level or filter.
    ///
    /// # Errors
    /// [`LogError::Filter`]; the one before stays in force.
    pub fn set_level(&self, filter: &str) -> Result<(), LogError> {
        let level = parse(filter)?;
        // It fails only where nobody logs any more.
        let _ = self.level.reload(level);
        Ok(())
    }
}

#[cfg(test)]
impl LogGuard {
    /// Of a process that logs nothing.
    pub fn silent() -> Self {
        Self {
            level: reload::Layer::new(EnvFilter::default()).1,
            writer: None,
        }
    }
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(filter).map_err(|source| LogError::Filter {
        filter: filter.to_owned(),
        source,
    })
}

/// Begins to log. `filter` is a level or a filter in `RUST_LOG`'s syntax.
///
/// # Errors
/// [`LogError`].
pub fn init(format: LogFormat, filter: &str) -> Result<LogGuard, LogError> {
    let (filter, level) = reload::Layer::new(parse(filter)?);
    let registry = tracing_subscriber::registry().with(filter);
    let format = match format {
        LogFormat::Auto if stderr_is_journal() => LogFormat::Journald,
        LogFormat::Auto => LogFormat::Text,
        LogFormat::Text | LogFormat::Json | LogFormat::Journald => format,
    };
    if format == LogFormat::Journald {
        let journal = journal().map_err(LogError::Journal)?;
        registry.with(journal).try_init().map_err(LogError::Init)?;
        return Ok(LogGuard {
            level,
            writer: None,
        });
    }
    let (lines, writer) = Lines::start().map_err(LogError::Thread)?;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(lines)
        .with_ansi(false)
        .with_target(false);
    let begun = match format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LogFormat::Auto | LogFormat::Text | LogFormat::Journald => {
            registry.with(layer.fmt_fields(ShortFields)).try_init()
        }
    };
    begun.map_err(LogError::Init)?;
    Ok(LogGuard {
        level,
        writer: Some(writer),
    })
}

/// The journal's layer: fields keep their own names in capitals, and `info` is informational.
fn journal() -> std::io::Result<tracing_journald::Layer> {
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
        ..PriorityMappings::new()
    };
    Ok(tracing_journald::layer()?
        .with_field_prefix(None)
        .with_priority_mappings(priorities)
        .with_syslog_identifier("dualmasterd".to_owned())
        .with_custom_fields([("SYSLOG_FACILITY", "3")]))
}

/// systemd names the device and inode of the journal's stream in `JOURNAL_STREAM`; a redirected stderr
/// is another one.
fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    stream == format!("{}:{}", stderr.st_dev(), stderr.st_ino())
}

/// Fields as text: `pair=orders` for `dualmaster_pair`, and no message id.
struct ShortFields;

impl<'writer> FormatFields<'writer> for ShortFields {
    fn format_fields<R: RecordFields>(
        &self,
        writer: Writer<'writer>,
        fields: R,
    ) -> std::fmt::Result {
        let mut text = ShortVisit {
            writer,
            comma: "",
            result: Ok(()),
        };
        fields.record(&mut text);
        text.result
    }
}

struct ShortVisit<'writer> {
    writer: Writer<'writer>,
    comma: &'static str,
    result: std::fmt::Result,
}

impl Visit for ShortVisit<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match value.contains([' ', '"', '=']) {
            true => self.record_debug(field, &value),
            false => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message_id" || self.result.is_err() {
            return;
        }
        let comma = std::mem::replace(&mut self.comma, " ");
        let name = field.name();
        let name = name.strip_prefix("dualmaster_").unwrap_or(name);
        self.result = match name {
            "message" => write!(self.writer, "{comma}{value:?}"),
            name => write!(self.writer, "{comma}{name}={value:?}"),
        };
    }
}

/// The way to the thread that writes lines, and the thread.
type LinesThread = (SyncSender<Message>, JoinHandle<()>);

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    End,
}

/// The queue before stderr.
#[derive(Clone)]
struct Lines {
    to: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Lines {
    fn start() -> std::io::Result<(Self, LinesThread)> {
        let (to, from) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&from, &counter, &mut std::io::stderr()))?;
        Ok((
            Self {
                to: to.clone(),
                lost,
            },
            (to, thread),
        ))
    }
}

fn write_lines(from: &Receiver<Message>, lost: &AtomicU64, to: &mut impl Write) {
    while let Ok(Message::Line(line)) = from.recv() {
        // A stderr that is closed is nothing to stop for.
        let _ = to.write_all(&line);
        let dropped = lost.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let _ = writeln!(to, "{dropped} log lines were dropped: stderr was not read");
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let Some((to, thread)) = self.writer.take() else {
            return;
        };
        // Ends behind the last line. A stderr that nobody reads gets a moment and no more.
        let (told, done) = sync_channel::<()>(0);
        let waiter = std::thread::Builder::new().spawn(move || {
            let _ = to.send(Message::End);
            let _ = thread.join();
            drop(told);
        });
        if waiter.is_ok() {
            match done.recv_timeout(LAST_LINES) {
                Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;
    fn make_writer(&'a self) -> Line<'a> {
        Line {
            lines: self,
            text: Vec::new(),
        }
    }
}

/// One line on its way into the queue.
struct Line<'a> {
    lines: &'a Lines,
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
        let line = readable(&self.text);
        if self.lines.to.try_send(Message::Line(line)).is_err() {
            self.lines.lost.fetch_add(1, Ordering::Relaxed);
        }
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
    use std::process::{Command, Stdio};

    fn run(name: &str, format: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", name, "--nocapture"])
            .env("DM_TEST_CHILD", format);
        command
    }

    /// In a process of its own: a subscriber is for ever.
    fn child(format: &str) {
        let format = match format {
            "json" => LogFormat::Json,
            _ => LogFormat::Auto,
        };
        let _guard = init(format, "info").unwrap();
        tracing::info!(
            dualmaster_pair = "orders",
            dualmaster_error = "no way",
            message_id = "00ff",
            "the writer moved"
        );
        tracing::debug!("not shown");
    }

    #[test]
    fn text_is_short_and_json_is_whole() {
        if let Ok(format) = std::env::var("DM_TEST_CHILD") {
            return child(&format);
        }
        let name = "daemon::log::tests::text_is_short_and_json_is_whole";
        let text = run(name, "auto").output().unwrap();
        let text = String::from_utf8(text.stderr).unwrap();
        assert!(
            text.contains("INFO the writer moved pair=orders error=\"no way\"\n"),
            "{text}"
        );
        assert!(!text.contains("not shown"));
        let json = run(name, "json").output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
        assert_eq!(json["dualmaster_pair"], "orders");
        assert_eq!(json["message_id"], "00ff");
    }

    #[test]
    fn what_others_said_forges_no_line_and_moves_no_terminal() {
        let forged = readable(b"said: x\n2026 ERROR no\x1b[2J\x00\n");
        assert_eq!(forged, b"said: x\n    2026 ERROR no\\x1b[2J\\x00\n");
        let kept = "größer\tals";
        assert_eq!(readable(kept.as_bytes()), format!("{kept}\n").into_bytes());
    }

    #[test]
    fn a_stderr_that_nobody_reads_stops_nothing() {
        if std::env::var_os("DM_TEST_CHILD").is_some() {
            let _guard = init(LogFormat::Text, "info").unwrap();
            for n in 0..20_000 {
                tracing::info!(n, "a line of some length that fills the pipe quite soon");
            }
            return;
        }
        let name = "daemon::log::tests::a_stderr_that_nobody_reads_stops_nothing";
        let mut child = run(name, "1").stderr(Stdio::piped()).spawn().unwrap();
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = init(LogFormat::Text, "loud=very").unwrap_err();
        assert_eq!(error.to_string(), "the log level `loud=very`");
    }
}
