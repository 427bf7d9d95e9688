//! A small write with fdatasync on a member's file system, again and again.
//!
//! The write blocks a thread of its own, so that a disk that hangs makes this fact old and nothing slow.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{ProbeKind, Publisher, Seen};
use crate::model::member::Side;
use crate::model::probe::{ProbeError, ProbeFact};
use crate::model::time::Timestamp;
use crate::runtime::plain;

/// Writes to `file` every `interval` and publishes how it went, until nobody listens.
pub async fn run(
    side: Side,
    file: PathBuf,
    interval: Duration,
    clock: fn() -> Timestamp,
    seen: Publisher,
) {
    let mut fact = ProbeFact::default();
    loop {
        let sent = clock();
        let path = file.clone();
        let mut write = spawn_blocking(move || touch(&path));
        let result = tokio::select! {
            result = &mut write => result,
            () = sleep(interval) => {
                fact.pending_since = Some(sent);
                let _ = seen.send(Seen::Probe(side, ProbeKind::Disk, fact.clone()));
                write.await
            }
        };
        let at = clock();
        fact.pending_since = None;
        match result {
            Ok(Ok(())) => {
                fact.last_ok = Some(at);
                fact.last_ok_sent = Some(sent);
                fact.took = at.since(sent);
                fact.error = None;
            }
            // The datadir is not there yet: nothing is known of its disk, and nothing is wrong.
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(error)) => fact.error = Some(failed(at, &file, &error)),
            Err(_) => return,
        }
        if seen
            .send(Seen::Probe(side, ProbeKind::Disk, fact.clone()))
            .is_err()
        {
            return;
        }
        sleep(interval).await;
    }
}

/// One block, overwritten in place: it allocates nothing after the first time.
fn touch(path: &Path) -> io::Result<()> {
    let file = plain::open_or_make(path, OpenOptions::new().write(true), |_| Ok(()))?;
    file.write_all_at(&[0_u8; 512], 0)?;
    file.sync_data()
}

fn failed(at: Timestamp, file: &Path, error: &io::Error) -> ProbeError {
    ProbeError {
        at,
        errno: None,
        lost: false,
        text: format!("cannot write {}: {error}", file.display()),
    }
}
