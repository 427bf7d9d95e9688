//! Servers' processes: ended by the kernel, started by hand, waited for.

use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::LONG;
use crate::faults::case::Who;
use crate::faults::ground::Ground;
use crate::support::{Group, fault, sql};

/// What a server may allocate from now on.
const MEMORY_MB: u64 = 24;
/// Each session takes 15 MB.
const TAKE: &str = "SET @taken = REPEAT('x', 15000000)";
const SESSIONS: u32 = 60;

/// The kernel ends a server for want of memory.
pub(super) async fn out_of_memory(ground: &mut Ground, who: Who) {
    let member = ground.member(who).await;
    let pid = ground.ends(who).await;
    let group = Group::memory(pid, MEMORY_MB);
    let opts = sql::local(&ground.host.socket(&member), "root");
    let mut taken = Vec::new();
    for _ in 0..SESSIONS {
        if group.killed() > 0 {
            return;
        }
        // The one that asks for too much hears nothing.
        if let Ok(mut conn) = sql::connect(&opts).await {
            let _ = sql::run(&mut conn, TAKE, Duration::from_secs(2)).await;
            taken.push(conn);
        }
    }
    assert!(group.killed() > 0, "{member} found enough memory");
}

/// Somebody ends a server and starts it himself, with what it was started with.
pub(super) async fn restart_by_hand(ground: &mut Ground, who: Who) {
    let pid = ground.ends(who).await;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).expect("its arguments");
    let line = String::from_utf8(line).expect("arguments in UTF-8");
    let words: Vec<_> = line.split('\0').filter(|word| !word.is_empty()).collect();
    let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("its folder");
    fault::terminate(pid);
    let deadline = Instant::now() + LONG;
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "it did not end");
        sleep(Duration::from_millis(1)).await;
    }
    let mut server = Command::new("setpriv")
        .args(["--reuid=mysql", "--regid=mysql", "--clear-groups"])
        .args(words)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .expect("start a server");
    // One of two that are started at once ends by itself; the folder's keeper ends the other.
    std::thread::spawn(move || server.wait());
}

/// It is there, and no zombie.
pub(in crate::faults) fn is_alive(pid: i32) -> bool {
    let Ok(stat) = std::fs::File::open(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let mut bytes = [0; 512];
    let length = stat.read_at(&mut bytes, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
    let state = text.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
    state.is_some_and(|state| !state.starts_with('Z'))
}

/// Waits until a server runs as another process than the one that was seen last.
pub(super) async fn until_restarted(ground: &mut Ground, who: Who) {
    let member = ground.member(who).await;
    let old = ground.pids.get(&member).copied().unwrap_or(0);
    let pid = ground.host.until_restarted(&member, old, LONG).await;
    ground.pids.insert(member, pid);
}
