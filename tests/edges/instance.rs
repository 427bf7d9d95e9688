//! A host that lacks what a server needs: each lack is named with the server's own last words, nothing
//! is deleted, nothing is tried again and again, and the pair goes on by itself once it is put right.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dualmasterd::model::server::Family;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use tokio::time::{Instant, sleep};

use super::named::{named, named_with, until_no};
use crate::support::check::check;
use crate::support::settings::{PAIR, mysqld};
use crate::support::{Disk, Host, Load, Setup, fault, in_namespace};

/// Longer than the pause after a third start in vain.
const LONG: Duration = Duration::from_secs(60);
/// What the server says that ends at once.
const BOOM: &str = "error while loading shared libraries: libboom.so.7";

#[test]
fn mariadb_starts() {
    in_namespace(async || starts(Family::Mariadb).await);
}

#[test]
fn mysql_starts() {
    in_namespace(async || starts(Family::Mysql).await);
}

#[test]
fn mariadb_full_disk() {
    in_namespace(async || full_disk(Family::Mariadb).await);
}

#[test]
fn mysql_full_disk() {
    in_namespace(async || full_disk(Family::Mysql).await);
}

/// One lack after the other, at a pair that is to be made.
async fn starts(family: Family) {
    let mut host = Host::new(Setup::new(family));
    let site = Site::new(&host, family, &host.path().join("b"));
    let port = TcpListener::bind("127.0.0.1:26001").expect("a port");
    host.start().await;

    let missing = named(&host, "BinaryUnusable", "b").await;
    assert!(missing.contains("No such file"), "{missing}");
    let taken = named(&host, "PortTaken", "a").await;
    assert!(taken.contains("edges"), "{taken}");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(host.begun("start"), 0, "a start without a port or a binary");

    // There before the binary is: a member that lacks both would be made at once.
    site.other_family();
    site.repair();
    let foreign = named_with(&host, "DatadirForeign", "b", "belongs to root").await;
    eprintln!("{foreign}");
    site.chown("mysql");
    let other = match family {
        Family::Mariadb => "was written by MySQL 9.",
        Family::Mysql => "was written by MariaDB 1",
    };
    let foreign = named_with(&host, "DatadirOtherVersion", "b", other).await;
    eprintln!("{foreign}");
    site.precious();
    let foreign = named_with(&host, "DatadirForeign", "b", "precious").await;
    eprintln!("{foreign}");
    assert_eq!(host.begun("initialise"), 1, "something was made at b");
    site.take_precious_back();
    drop(port);
    host.until_healthy(LONG).await;

    host.kill_daemon().await;
    fault::kill(host.pid("b").expect("b runs"));
    site.written_by_newer(true);
    host.start().await;
    let newer = named_with(&host, "DatadirOtherVersion", "b", " 99.1.0, and ").await;
    eprintln!("{newer}");
    site.hide_binary();
    let hidden = named_with(&host, "BinaryUnusable", "b", "Permission denied").await;
    eprintln!("{hidden}");
    assert_eq!(host.pid("b"), None, "it was started");
    site.written_by_newer(false);
    site.repair();
    host.until_healthy(LONG).await;

    site.break_binary();
    let pid = host.pid("b").expect("b runs");
    fault::kill(pid);
    let words = named_with(&host, "ServerDoesNotStart", "b", BOOM).await;
    eprintln!("{words}");
    let explained = host.ctl(&["explain"]).await.out;
    assert!(explained.contains(BOOM), "{explained}");
    assert!(host.log().contains(BOOM), "not in the log");
    sleep(Duration::from_secs(3)).await;
    let tries = site.tries();
    assert!((1..=3).contains(&tries), "{tries} starts in 3 s");
    site.repair();
    host.until_healthy(LONG).await;
    until_no(&host, "ServerDoesNotStart").await;
}

/// The disk of one member is full: at its making, as reader, as writer.
async fn full_disk(family: Family) {
    let mut host = Host::new(Setup::new(family));
    let disk = Disk::mount(&host.path().join("disk"), 24);
    let site = Site::new(&host, family, &host.path().join("disk/b"));
    site.repair();
    host.start().await;
    let words = named(&host, "ServerDoesNotStart", "b").await;
    eprintln!("{words}");
    let reason = match family {
        Family::Mariadb => "failed with error 28",
        Family::Mysql => "No space left on device",
    };
    assert!(words.contains(reason), "{words}");
    sleep(Duration::from_secs(3)).await;
    let tries = host.begun("initialise");
    assert!(tries <= 10, "{tries} tries to make two datadirs");
    disk.resize(800);
    host.until_healthy(LONG).await;

    if host.roles().await.0 == "a" {
        host.switched().await;
        host.until_healthy(LONG).await;
    }
    for role in ["writer", "reader"] {
        let load = Load::start(&host, role, 4, Duration::from_millis(1)).await;
        disk.fill();
        let since = Instant::now();
        let words = named(&host, "DiskFull", "b").await;
        eprintln!("{role}: after {:?}: {words}", since.elapsed());
        // What was under way when it was full has ended by now, and writes go on at the other one.
        sleep(Duration::from_secs(3)).await;
        let began = Instant::now();
        load.until_acked(began, |server| server == 26001, LONG)
            .await;
        let gap = load.so_far().longest_gap(since, Instant::now());
        eprintln!("{role}: longest gap {gap:?}");
        disk.free();
        // A server that waits for space looks again after a minute: the test does not wait for it.
        if let Some(pid) = host.pid("b") {
            fault::kill(pid);
        }
        host.until_healthy(LONG).await;
        let history = load.finish().await;
        let verdict = check(&host, role, &history).await;
        eprintln!("{role}: {verdict:?}");
        until_no(&host, "DiskFull").await;
    }
    let starts = host.begun("start");
    assert!(starts <= 8, "{starts} starts");
}

/// What the host has for member `b`.
struct Site {
    family: Family,
    folder: PathBuf,
    binary: PathBuf,
    tries: PathBuf,
}

impl Site {
    /// Its datadir lies in this folder, its server is still missing.
    fn new(host: &Host, family: Family, folder: &Path) -> Self {
        let path = host.path();
        let site = Self {
            family,
            folder: folder.to_owned(),
            binary: path.join("server"),
            tries: path.join("tries"),
        };
        std::fs::create_dir(path.join("conf.d")).expect("make a folder");
        std::fs::create_dir(folder).expect("make a folder");
        site.chown("mysql");
        let text = format!(
            "[pair.{PAIR}.member.b]\nbinary = {:?}\ndatadir = {:?}\n",
            site.binary,
            site.datadir()
        );
        std::fs::write(path.join("conf.d/50-site.toml"), text).expect("write");
        site
    }

    fn datadir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// As often the broken binary was started.
    fn tries(&self) -> usize {
        let text = std::fs::read_to_string(&self.tries).unwrap_or_default();
        text.lines().count()
    }

    /// The binary is the server's.
    fn repair(&self) {
        let real = match self.family {
            Family::Mariadb => PathBuf::from("/usr/sbin/mariadbd"),
            Family::Mysql => mysqld(),
        };
        let fresh = self.binary.with_extension("new");
        symlink(real, &fresh).expect("a link");
        std::fs::rename(fresh, &self.binary).expect("put it there");
    }

    /// The server that wrote the datadir last is said to have been one of a version to come, or not.
    fn written_by_newer(&self, newer: bool) {
        let note = self.datadir().join(match self.family {
            Family::Mariadb => "mariadb_upgrade_info",
            Family::Mysql => "mysql_upgrade_history",
        });
        let kept = note.with_extension("kept");
        if !newer {
            std::fs::remove_file(&note).expect("remove the note");
            let _ = std::fs::rename(kept, note);
            return;
        }
        let _ = std::fs::rename(&note, kept);
        let text = match self.family {
            Family::Mariadb => "99.1.0-MariaDB",
            Family::Mysql => r#"{"upgrade_history":[{"version":"99.1.0"}]}"#,
        };
        std::fs::write(note, text).expect("write");
    }

    /// Nobody may execute the binary.
    fn hide_binary(&self) {
        let fresh = self.binary.with_extension("new");
        std::fs::write(&fresh, "").expect("write");
        std::fs::rename(fresh, &self.binary).expect("put it there");
    }

    /// The binary complains and ends at once.
    fn break_binary(&self) {
        std::fs::write(&self.tries, "").expect("write");
        std::fs::set_permissions(&self.tries, std::fs::Permissions::from_mode(0o666))
            .expect("chmod");
        let text = format!(
            "#!/bin/sh\necho >>{}\necho '{BOOM}' >&2\nexit 1\n",
            self.tries.display()
        );
        let fresh = self.binary.with_extension("new");
        std::fs::write(&fresh, text).expect("write");
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        std::fs::rename(fresh, &self.binary).expect("put it there");
    }

    /// A datadir that the other family made, for root.
    fn other_family(&self) {
        let data = self.datadir();
        let program = match self.family {
            Family::Mysql => PathBuf::from("mariadb-install-db"),
            Family::Mariadb => mysqld(),
        };
        let mut command = Command::new(program);
        command.arg("--no-defaults").arg("--user=root");
        command.arg(format!("--datadir={}", data.display()));
        if self.family == Family::Mariadb {
            command.arg("--initialize-insecure");
        }
        let ran = command.output().expect("run it");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
    }

    fn chown(&self, user: &str) {
        let ran = Command::new("chown")
            .arg("-R")
            .arg(user)
            .arg(&self.folder)
            .status();
        assert!(ran.expect("run chown").success());
    }

    /// A folder that holds something else than a server's data.
    fn precious(&self) {
        let other = self.folder.join("other");
        std::fs::create_dir(&other).expect("make a folder");
        std::fs::write(other.join("precious"), "mine").expect("write");
        self.chown("mysql");
        // At no moment is there none, which the daemon would fill.
        let exchange = RenameFlags::RENAME_EXCHANGE;
        renameat2(AT_FDCWD, &other, AT_FDCWD, &self.datadir(), exchange).expect("exchange");
    }

    /// Everything is as it was left; the folder is moved out of the way.
    fn take_precious_back(&self) {
        let text = std::fs::read_to_string(self.datadir().join("precious"));
        assert_eq!(text.expect("still there"), "mine");
        let there = std::fs::read_dir(self.datadir()).expect("read").count();
        assert_eq!(there, 1, "something was added");
        std::fs::rename(self.datadir(), self.folder.join("precious")).expect("move it away");
    }
}
