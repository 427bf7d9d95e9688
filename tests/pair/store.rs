//! The daemon's state file on a disk that is really full.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dualmasterd::control::report::PairReport;
use tokio::time::{Instant, sleep};

use super::trial::Trial;
use crate::support::settings::PAIR;
use crate::support::{Host, fault};

const LONG: Duration = Duration::from_secs(20);
/// As long writes are seen to wait.
const WAITS: Duration = Duration::from_secs(3);

/// A small file system of its own, taken away at the end.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir(&at).expect("make a folder");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "none"])
            .arg(&at));
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The reader freezes, and that cannot be recorded: no commit goes on alone before it is. The finding names it.
pub(super) async fn full(host: &mut Host) {
    let small = Small::mount(host.path().join("small"));
    let state = host.path().join(format!("state/{PAIR}/state"));
    let moved = small.0.join("state");
    host.stop_daemon().await;
    fs::copy(&state, &moved).expect("copy the state");
    fs::remove_file(&state).expect("remove it");
    std::os::unix::fs::symlink(&moved, &state).expect("link it");
    host.start().await;

    let trial = Trial::begin(host, "store_full").await;
    let filler = small.0.join("filler");
    fill(&filler, &moved);
    let at = Instant::now();
    let reader = trial.reader_pid(host);
    fault::freeze(reader);
    let fails = |report: &PairReport| report.findings.iter().any(is_named);
    host.until("StoreFails", LONG, fails).await;
    sleep(WAITS).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    assert!(
        gap >= WAITS,
        "a commit went on alone without a record: {gap:?}"
    );

    fs::remove_file(&filler).expect("remove the filler");
    trial.served(Instant::now(), LONG).await;
    fault::thaw(reader);
    host.until("the store works", LONG, |report| !fails(report))
        .await;
    trial.end(host).await;

    host.stop_daemon().await;
    fs::remove_file(&state).expect("remove the link");
    fs::copy(&moved, &state).expect("copy the state back");
    drop(small);
    host.start().await;
    host.until_healthy(LONG).await;
}

fn is_named(finding: &dualmasterd::control::report::FindingReport) -> bool {
    finding.kind == "StoreFails" && finding.detail.contains("No space left")
}

/// The state file's blocks are all there from the start, so that a full disk does it no harm: they are
/// taken away, and everything else is filled.
fn fill(filler: &Path, state: &Path) {
    let length = fs::metadata(state).expect("its length").len();
    run(Command::new("fallocate")
        .args(["--punch-hole", "--offset", "0", "--length"])
        .arg(length.to_string())
        .arg(state));
    let mut file = fs::File::create(filler).expect("make the filler");
    loop {
        match file.write(&[7; 4096]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) => panic!("fill: {error}"),
        }
    }
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(|status| status.success()),
        "{command:?}: {status:?}"
    );
}
