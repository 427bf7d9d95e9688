//! The control socket, spoken directly: typed, and without a process per question.

use std::path::Path;
use std::time::Duration;

use dualmasterd::control::commands::{Answer, Command, Frame, PROTOCOL};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Asks once.
///
/// # Errors
/// In words: no daemon, no answer, or not an answer.
pub async fn ask(socket: &Path, command: Command, wait: Duration) -> Result<Answer, String> {
    match timeout(wait, exchange(socket, command)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("the daemon did not answer within {wait:?}")),
    }
}

async fn exchange(socket: &Path, command: Command) -> Result<Answer, String> {
    let failed = |what: &str, error: std::io::Error| format!("{what} the control socket: {error}");
    let stream = UnixStream::connect(socket).await;
    let mut stream = BufReader::new(stream.map_err(|error| failed("connect to", error))?);
    let version = PROTOCOL;
    let mut line = serde_json::to_vec(&Frame { version, command }).map_err(|e| e.to_string())?;
    line.push(b'\n');
    let sent = stream.get_mut().write_all(&line).await;
    sent.map_err(|error| failed("write to", error))?;
    let mut answer = String::new();
    let read = stream.read_line(&mut answer).await;
    read.map_err(|error| failed("read from", error))?;
    serde_json::from_str(&answer).map_err(|error| format!("{error} in {answer:?}"))
}
