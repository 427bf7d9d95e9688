//! Lines of bounded length, read within a bounded time.

use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Why no line came.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The line is longer than allowed; what follows it cannot be told from it any more.
    #[error("a request is longer than {0} bytes")]
    TooLong(usize),
    /// The client closed in the middle of a line.
    #[error("a request ended without a newline")]
    Half,
    /// The line was not complete in time.
    #[error("no complete request within {0:?}")]
    Late(Duration),
    /// The connection broke.
    #[error("reading a request")]
    Read(#[source] std::io::Error),
}

/// The next line without its newline, at most `limit` bytes long and complete within `wait`;
/// `None` where the client closed between lines.
///
/// # Errors
/// [`FrameError`]; the connection is of no further use then.
pub async fn read_line(
    from: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
    wait: Duration,
) -> Result<Option<Vec<u8>>, FrameError> {
    match timeout(wait, collect(from, limit)).await {
        Ok(line) => line,
        Err(_) => Err(FrameError::Late(wait)),
    }
}

async fn collect(
    from: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut line = Vec::new();
    loop {
        let chunk = from.fill_buf().await.map_err(FrameError::Read)?;
        if chunk.is_empty() {
            return match line.is_empty() {
                true => Ok(None),
                false => Err(FrameError::Half),
            };
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        if line.len() + taken.len() > limit {
            return Err(FrameError::TooLong(limit));
        }
        line.extend_from_slice(taken);
        let used = taken.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// Writes a line with its newline within `wait`.
///
/// # Errors
/// The connection broke, or the client does not read.
pub async fn write_line(
    to: &mut (impl AsyncWrite + Unpin),
    mut line: Vec<u8>,
    wait: Duration,
) -> std::io::Result<()> {
    line.push(b'\n');
    match timeout(wait, to.write_all(&line)).await {
        Ok(written) => written,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
