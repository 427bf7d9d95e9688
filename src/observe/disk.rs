//! A small write with fdatasync on a member's file system, again and again, and the space that is left.
//!
//! The write blocks a thread of its own, so that a disk that hangs makes this fact old and nothing slow.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Publisher, Seen};
use crate::model::instance::FULL_MB;
use crate::model::member::Side;
use crate::model::probe::{ProbeError, ProbeFact, ProbeKind};
use crate::model::time::Timestamp;
use crate::runtime::plain;
use crate::runtime::prepare::Marker;
use crate::runtime::prepare::inspect::{MARKER, PROBE};

/// No marker is longer.
const MARKER_MAX: u64 = 4096;

/// Writes to a file in `datadir` every `interval` and publishes how it went, until nobody listens. A
/// datadir without the marker `ours` is not touched.
pub async fn run(
    side: Side,
    (datadir, ours): (PathBuf, Marker),
    interval: Duration,
    clock: fn() -> Timestamp,
    seen: Publisher,
) {
    let mut fact = ProbeFact::default();
    let file = datadir.join(PROBE);
    loop {
        let sent = clock();
        let (path, datadir, ours) = (file.clone(), datadir.clone(), ours.clone());
        let mut write = spawn_blocking(move || touch(&path, &datadir, &ours));
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
            // The datadir is not there yet, or not ours: nothing is known of its disk, and nothing is wrong.
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
        sleep(clock().until_tick(interval)).await;
    }
}

/// One block, overwritten in place: it allocates nothing after the first time. Whether there is space for
/// more is asked apart, as a server's account may not use what is kept for root.
fn touch(path: &Path, datadir: &Path, ours: &Marker) -> io::Result<()> {
    if !is_ours(datadir, ours) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = plain::open_or_make(path, OpenOptions::new().write(true), |_| Ok(()))?;
    file.write_all_at(&[0_u8; 512], 0)?;
    file.sync_data()?;
    let free = free_mb(datadir);
    if free < FULL_MB {
        let why = format!("its disk is full, {free} MB are free");
        return Err(io::Error::new(io::ErrorKind::StorageFull, why));
    }
    Ok(())
}

/// What the server may still write, in megabytes, on the file system of the nearest folder that is there.
pub(super) fn free_mb(path: &Path) -> u64 {
    let stat = path
        .ancestors()
        .find_map(|folder| nix::sys::statvfs::statvfs(folder).ok());
    stat.map_or(u64::MAX, |stat| {
        stat.blocks_available().saturating_mul(stat.fragment_size()) >> 20
    })
}

/// We made this datadir, for this member.
fn is_ours(datadir: &Path, ours: &Marker) -> bool {
    let file = plain::open(&datadir.join(MARKER), OpenOptions::new().read(true));
    let said = file.and_then(|file| io::read_to_string(file.take(MARKER_MAX)));
    said.is_ok_and(|said| serde_json::from_str::<Marker>(&said).ok().as_ref() == Some(ours))
}

fn failed(at: Timestamp, file: &Path, error: &io::Error) -> ProbeError {
    ProbeError {
        at,
        errno: None,
        lost: false,
        text: format!("writing {}: {error}", file.display()),
    }
}
