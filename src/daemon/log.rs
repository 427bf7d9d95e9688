//! Where log events go: the journal with fields of our own, or stderr as text or JSON.
//!
//! Both are written by a thread behind a queue: see [`queue`].

mod journald;
mod queue;
mod stderr;

use std::os::linux::fs::MetadataExt;

use thiserror::Error;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, filter::ParseError, reload};

use self::journald::{JournalLayer, Journald};
use self::queue::{Queue, Writing};
use self::stderr::{Lines, Stderr};
use crate::config::LogFormat;

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
    _writing: Option<Writing>,
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
            _writing: None,
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
        let journal = Journald::connect(journald::SOCKET).map_err(LogError::Journal)?;
        let (queue, writing) = Queue::start(journal).map_err(LogError::Thread)?;
        let begun = registry.with(JournalLayer(queue)).try_init();
        begun.map_err(LogError::Init)?;
        return Ok(LogGuard {
            level,
            _writing: Some(writing),
        });
    }
    let (queue, writing) = Queue::start(Stderr).map_err(LogError::Thread)?;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(Lines(queue))
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
        _writing: Some(writing),
    })
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

/// Fields as text: `pair=orders` for `dualmaster_pair`, and nothing that is the journal's own.
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
        if matches!(field.name(), "message_id" | "priority") || self.result.is_err() {
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
