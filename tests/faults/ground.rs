//! What a fault is done to: a host with its pair, its disks and clocks, and the sessions that stay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::case::{Site, Who};
use super::step::{LONG, is_alive};
use crate::support::host::is_whole;
use crate::support::settings::{PAIR, mysqld};
use crate::support::{Disk, Group, Host, Image, Setup, preload};

/// A datadir of MySQL has 170 MB when it is made.
const DATA_MB: u64 = 512;
const STATE_MB: u32 = 48;

/// A host and what belongs to it.
pub(super) struct Ground {
    pub(super) host: Host,
    /// The load's table.
    pub(super) table: String,
    /// Writer and reader of the beginning.
    pub(super) roles: (String, String),
    /// The file system of each member's datadir, on [`Site::Disks`].
    pub(super) images: BTreeMap<String, Image>,
    /// The file system of the daemon's state, on [`Site::Disks`].
    pub(super) state: Option<Disk>,
    /// Sessions that stay until they are released.
    pub(super) held: Vec<JoinHandle<()>>,
    /// Sessions that take up room.
    pub(super) crowd: Vec<Conn>,
    /// The session of the large transaction.
    pub(super) large: Option<Conn>,
    /// The large transaction was answered OK.
    pub(super) large_acked: Arc<AtomicBool>,
    /// Limits of servers.
    pub(super) groups: Vec<Group>,
    /// The servers' processes, as they were seen last.
    pub(super) pids: BTreeMap<String, i32>,
    /// Servers' processes that were ended: a pair is not whole while it has one of them.
    pub(super) ended: BTreeMap<String, i32>,
    /// The copy of the state file.
    pub(super) kept: Vec<u8>,
}

impl Ground {
    /// Makes a pair on this site.
    pub(super) async fn make(family: Family, site: Site) -> Self {
        let host = Host::new(Setup::new(family));
        let mut ground = Self {
            host,
            table: String::new(),
            roles: Default::default(),
            images: BTreeMap::new(),
            state: None,
            held: Vec::new(),
            crowd: Vec::new(),
            large: None,
            large_acked: Arc::default(),
            groups: Vec::new(),
            pids: BTreeMap::new(),
            ended: BTreeMap::new(),
            kept: Vec::new(),
        };
        match site {
            Site::Usual | Site::Spent => {}
            Site::Disks => ground.make_disks(),
            Site::Clocks => ground.make_clocks(family),
        }
        ground.host.serve().await;
        ground
    }

    fn make_disks(&mut self) {
        let folder = self.host.path().to_owned();
        // The namespace of its mounts is the images' as well.
        self.state = Some(Disk::mount(&folder.join("state"), STATE_MB));
        let mut text = String::new();
        for member in ["a", "b"] {
            let path = folder.join(format!("disk_{member}"));
            let file = folder.join(format!("{member}.img"));
            self.images
                .insert(member.to_owned(), Image::mount(&file, &path, DATA_MB));
            let home = path.join("mysql");
            std::fs::create_dir(&home).expect("make a folder");
            let owned = Command::new("chown").arg("mysql").arg(&home).status();
            assert!(owned.expect("run chown").success());
            let data = self.data(member);
            text += &format!("[pair.{PAIR}.member.{member}]\ndatadir = {data:?}\n");
        }
        self.site(&text);
        self.host.environment = vec![
            ("LD_PRELOAD", preload::build("full", &folder).into()),
            ("DUALMASTERD_TEST_FULL", self.full().into()),
        ];
    }

    fn make_clocks(&mut self, family: Family) {
        let folder = self.host.path().to_owned();
        let program = match family {
            Family::Mariadb => PathBuf::from("/usr/sbin/mariadbd"),
            Family::Mysql => mysqld(),
        };
        let mut text = String::new();
        for member in ["a", "b"] {
            // A server is known again by the name of its program.
            let name = program.file_name().expect("a program");
            let wrapper = folder.join(format!("program_{member}")).join(name);
            std::fs::create_dir(wrapper.parent().expect("a folder")).expect("make a folder");
            let (library, clock) = (faketime(), self.clock(member));
            let script = format!(
                "#!/bin/sh\nexport LD_PRELOAD={library:?} FAKETIME_TIMESTAMP_FILE={clock:?}\n\
                 export FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1\n\
                 exec {program:?} \"$@\"\n"
            );
            std::fs::write(&wrapper, script).expect("write a program");
            let run = Command::new("chmod").arg("755").arg(&wrapper).status();
            assert!(run.expect("run chmod").success());
            text += &format!("[pair.{PAIR}.member.{member}]\nbinary = {wrapper:?}\n");
        }
        for of in ["a", "b", "daemon"] {
            std::fs::write(self.clock(of), "+0\n").expect("set a clock");
        }
        self.site(&text);
        self.host.environment = vec![
            ("LD_PRELOAD", preload::build("clock", &folder).into()),
            ("DUALMASTERD_TEST_CLOCK", self.clock("daemon").into()),
        ];
    }

    fn site(&self, text: &str) {
        let folder = self.host.path().join("conf.d");
        std::fs::create_dir(&folder).expect("make a folder");
        std::fs::write(folder.join("50-site.toml"), text).expect("write");
    }

    /// What a clock is told by.
    pub(super) fn clock(&self, of: &str) -> PathBuf {
        self.host.path().join(format!("clock.{of}"))
    }

    /// Names the files that get no space.
    pub(super) fn full(&self) -> PathBuf {
        self.host.path().join("full")
    }

    /// The datadir of a member on [`Site::Disks`].
    pub(super) fn data(&self, member: &str) -> PathBuf {
        let folder = format!("disk_{member}/mysql/data");
        self.host.path().join(folder)
    }

    /// The daemon's state file.
    pub(super) fn state_file(&self) -> PathBuf {
        self.host.path().join(format!("state/{PAIR}/state"))
    }

    /// A member by its role.
    pub(super) async fn member(&self, who: Who) -> String {
        match who {
            Who::Writer => self.roles.0.clone(),
            Who::Reader => self.roles.1.clone(),
            Who::WriterNow => self.host.roles().await.0,
        }
    }

    /// A member's process, as soon as it has one.
    ///
    /// # Panics
    /// Where it gets none.
    pub(super) async fn pid(&self, who: Who) -> i32 {
        let member = self.member(who).await;
        self.host.until_restarted(&member, 0, LONG).await
    }

    /// Notes who writes, and every server's process.
    pub(super) async fn look(&mut self) {
        self.roles = self.host.roles().await;
        for member in ["a", "b"] {
            if let Some(pid) = self.host.pid(member) {
                self.pids.insert(member.to_owned(), pid);
            }
        }
    }

    /// A server's process, which ends now.
    pub(super) async fn ends(&mut self, who: Who) -> i32 {
        let (member, pid) = (self.member(who).await, self.pid(who).await);
        self.ended.insert(member, pid);
        pid
    }

    /// Waits until the pair is whole, with servers that live, of which the writer alone is open.
    ///
    /// # Panics
    /// With the daemon's report, where that does not come in time.
    pub(super) async fn until_whole(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        let lives = |member: &str, pid: Option<i32>| {
            pid.is_some_and(|pid| self.ended.get(member) != Some(&pid) && is_alive(pid))
        };
        let whole = |report: &PairReport| {
            let mut members = report.members.iter();
            is_whole(report) && members.all(|member| lives(&member.name, member.pid))
        };
        self.host.until("a whole pair, in sync", wait, whole).await;
        loop {
            let (writer, reader) = self.host.roles().await;
            let open = [self.is_open(&writer).await, self.is_open(&reader).await];
            if open == [true, false] {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{writer}, {reader} open: {open:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_open(&self, member: &str) -> bool {
        let mut root = self.host.root(member).await;
        let open: Option<bool> = root
            .query_first("SELECT @@GLOBAL.read_only = 0")
            .await
            .expect("an answer");
        open.expect("a row")
    }

    /// Ends every session that stays.
    pub(super) fn release(&mut self) {
        self.held.drain(..).for_each(|session| session.abort());
        self.crowd.clear();
        self.large = None;
    }
}

/// The library of the package faketime for programs with threads.
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("read /usr/lib");
    let library = |folder: std::fs::DirEntry| folder.path().join("faketime/libfaketimeMT.so.1");
    let mut found = folders.flatten().map(library).filter(|path| path.exists());
    found.next().expect("the package faketime")
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.release();
        if std::thread::panicking() {
            eprintln!("the host was {}", Path::display(self.host.path()));
        }
    }
}
