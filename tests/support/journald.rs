//! A real systemd-journald of our own, in a mount namespace in which `/run` and `/var/log` are empty.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

const SOCKET: &str = "/run/systemd/journal/socket";
const CATALOGS: &str = "/usr/lib/systemd/catalog";

/// The journal of this thread and of the processes that it starts.
pub struct Journald(Child);

impl Journald {
    /// Takes this thread into a mount namespace of its own and starts a journal there, with the catalog
    /// at `catalog` as the only one.
    ///
    /// # Panics
    /// Where that cannot be done; it needs root and systemd's journal.
    #[expect(
        clippy::disallowed_methods,
        reason = "journald started by hand tells nobody that it is up"
    )]
    pub fn start(catalog: &Path) -> Self {
        let catalog = fs::read(catalog).expect("the catalog");
        unshare(CloneFlags::CLONE_NEWNS).expect("make a mount namespace (this needs root)");
        let none: Option<&str> = None;
        let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, flags, none).expect("keep mounts to ourselves");
        for at in ["/run", "/var/log", "/var/lib/systemd/catalog", CATALOGS] {
            fs::create_dir_all(at).expect("a folder to mount on");
            let tmpfs = Some("tmpfs");
            mount(tmpfs, at, tmpfs, MsFlags::empty(), none).expect("mount a tmpfs");
        }
        fs::create_dir_all("/run/systemd/journald.conf.d").expect("a folder");
        let settings =
            "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n";
        fs::write("/run/systemd/journald.conf.d/test.conf", settings).expect("settings");
        fs::write(Path::new(CATALOGS).join("dualmasterd.catalog"), catalog).expect("the catalog");
        let read = Command::new("journalctl").arg("--update-catalog").output();
        let read = read.expect("run journalctl");
        let said = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success() && said.trim().is_empty(), "{said}");
        let child = Command::new("/lib/systemd/systemd-journald")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let journal = Self(child.expect("start systemd-journald"));
        let up = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            Path::new(SOCKET).exists()
        });
        assert!(up, "the journal did not come up");
        journal
    }

    /// Its process.
    ///
    /// # Panics
    /// Never: a pid fits.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a pid")
    }

    /// What `journalctl` prints for these arguments.
    ///
    /// # Panics
    /// Where it fails.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let run = Command::new("journalctl").arg("--sync").status();
        assert!(run.expect("run journalctl").success());
        let run = Command::new("journalctl")
            .args(["-D", "/run/log/journal", "--no-pager", "-q"])
            .args(arguments)
            .output()
            .expect("run journalctl");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{said}");
        String::from_utf8_lossy(&run.stdout).into_owned()
    }

    /// The entries that match, with all their fields.
    ///
    /// # Panics
    /// Where `journalctl` does not print JSON.
    pub fn entries(&self, matches: &[&str]) -> Vec<serde_json::Value> {
        let text = self.ctl(&[&["-o", "json"], matches].concat());
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
