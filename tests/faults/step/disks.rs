//! Disks that are full, slow or broken; clocks that are wrong.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::LONG;
use crate::faults::case::{Clock, Space, Who};
use crate::faults::ground::Ground;
use crate::support::{Group, fault};

const BALLAST: &str = "ballast";

/// A disk, or some files, get no more space.
pub(super) async fn fill(ground: &Ground, space: Space) {
    match space {
        Space::State => ground.state.as_ref().expect("a disk").fill(),
        Space::Data(who) => {
            let member = ground.member(who).await;
            fill_up(image(ground, &member).path());
        }
        Space::Files(who, name) => {
            let data = ground.data(&ground.member(who).await);
            let line = format!("{}\n", data.join(name).display());
            let fresh = ground.full().with_extension("new");
            std::fs::write(&fresh, line).expect("write the order");
            std::fs::rename(fresh, ground.full()).expect("give the order");
        }
    }
}

/// It has space again. A server that waits for space looks again after a minute: it is ended.
pub(super) async fn free(ground: &mut Ground, space: Space) {
    let member = match space {
        Space::State => {
            ground.state.as_ref().expect("a disk").free();
            return;
        }
        Space::Data(who) => {
            let member = ground.member(who).await;
            let ballast = image(ground, &member).path().join(BALLAST);
            std::fs::remove_file(ballast).expect("remove the ballast");
            member
        }
        Space::Files(who, _) => {
            std::fs::remove_file(ground.full()).expect("take the order back");
            ground.member(who).await
        }
    };
    if let Some(pid) = ground.host.pid(&member) {
        ground.ended.insert(member, pid);
        fault::kill(pid);
    }
}

fn fill_up(path: &Path) {
    let file = std::fs::File::create(path.join(BALLAST)).expect("make a file");
    let block = vec![1; 1 << 16];
    for size in [1 << 16, 4096, 1] {
        while std::io::Write::write_all(&mut &file, block.get(..size).expect("a part")).is_ok() {}
    }
}

fn image<'a>(ground: &'a Ground, member: &str) -> &'a crate::support::Image {
    ground.images.get(member).expect("a disk of its own")
}

/// The file system below a datadir becomes read-only.
pub(super) async fn read_only(ground: &Ground, who: Who) {
    let member = ground.member(who).await;
    image(ground, &member).fail();
}

/// The disk is replaced by one that works, with the same content.
pub(super) async fn repair(ground: &Ground, who: Who) {
    let member = ground.member(who).await;
    // The daemon starts it again until the disk is gone.
    let deadline = Instant::now() + LONG;
    while let Some(pid) = ground.host.pid(&member) {
        fault::kill(pid);
        assert!(Instant::now() < deadline, "{member} does not end");
        sleep(Duration::from_millis(5)).await;
    }
    image(ground, &member).repair().await;
}

/// A server writes slowly.
pub(super) async fn slow(ground: &mut Ground, who: Who, bytes: u64) {
    let member = ground.member(who).await;
    let (_, number) = image(ground, &member).device();
    let group = Group::writes(ground.pid(who).await, &number, bytes);
    ground.groups.push(group);
}

/// Sets a clock so many seconds beside the true time.
pub(super) async fn set_clock(ground: &Ground, clock: Clock, seconds: i64) {
    let path = match clock {
        Clock::Daemon => ground.clock("daemon"),
        Clock::Of(who) => ground.clock(&ground.member(who).await),
    };
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, format!("{seconds:+}\n")).expect("write a time");
    std::fs::rename(fresh, path).expect("set a clock");
}
