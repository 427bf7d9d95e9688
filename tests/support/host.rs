//! One host: a folder, a configuration, the built daemon, and the servers that it makes.

mod daemon;
mod servers;
mod talk;

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Child;

use super::fault;
use super::folder::Folder;
use super::machine::Machine;
use super::notify::Notify;
use super::settings::{APP_PASSWORD, PAIR, Setup};

pub use self::daemon::binary;
pub use self::servers::LOOKER;
pub use self::talk::{Ctl, is_whole};

/// How long a daemon may take until it says READY, servers of both members made included.
const READY: Duration = Duration::from_secs(60);
/// How long the daemon may take to answer the socket.
const ANSWER: Duration = Duration::from_secs(15);

/// The host.
pub struct Host {
    /// Its setup.
    pub setup: Setup,
    /// What the daemon told its service manager.
    pub notify: Notify,
    /// What the daemon finds in its environment beside the usual.
    pub environment: Vec<(&'static str, OsString)>,
    daemon: Option<Child>,
    /// The machine with systemd that all of it runs in, where one was booted.
    pub machine: Option<Machine>,
    // Last: ends whatever the others left.
    folder: Folder,
}

impl Host {
    /// A host with its configuration written and nothing started.
    ///
    /// # Panics
    /// Where the folder or its files cannot be made.
    pub fn new(setup: Setup) -> Self {
        let folder = Folder::new().expect("make a folder");
        let path = folder.path();
        for name in ["state", "run"] {
            std::fs::create_dir(path.join(name)).expect("make a folder");
        }
        let password = path.join("app.cnf");
        let text = format!("[client]\npassword = {APP_PASSWORD}\n");
        std::fs::write(&password, text).expect("write the password");
        std::fs::set_permissions(&password, Permissions::from_mode(0o600)).expect("chmod");
        for (name, text) in &setup.files {
            let file = path.join(name);
            std::fs::write(&file, text).expect("write a program");
            std::fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("chmod");
        }
        std::fs::write(path.join("dualmasterd.toml"), setup.text(path)).expect("write the file");
        let notify = Notify::bind(&path.join("notify.sock"));
        Self {
            setup,
            notify,
            environment: Vec::new(),
            daemon: None,
            machine: None,
            folder,
        }
    }

    /// A host whose daemon runs and whose pair is in sync.
    pub async fn serving(setup: Setup) -> Self {
        let mut host = Self::new(setup);
        host.serve().await;
        host
    }

    /// Starts the daemon for the first time, and waits until the pair is in sync.
    pub async fn serve(&mut self) {
        self.start().await;
        self.until_healthy(READY).await;
        self.add_looker().await;
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's configuration.
    pub fn config(&self) -> PathBuf {
        self.path().join("dualmasterd.toml")
    }

    /// The control socket.
    pub fn control(&self) -> PathBuf {
        match &self.machine {
            Some(machine) => machine.path("run/dualmasterd/control.sock"),
            None => self.path().join("run/control.sock"),
        }
    }

    /// A member's own socket.
    pub fn socket(&self, member: &str) -> PathBuf {
        let socket = format!("{PAIR}.{member}/mysqld.sock");
        match &self.machine {
            Some(machine) => machine.path("run/dualmasterd-mysqld").join(socket),
            None => self.path().join("run").join(socket),
        }
    }

    /// A member's `my.cnf`.
    pub fn my_cnf(&self, member: &str) -> PathBuf {
        self.path().join(format!("state/{PAIR}/{member}.cnf"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(pid) = self.daemon.as_ref().and_then(Child::id) {
            fault::kill(i32::try_from(pid).expect("a pid"));
        }
        if std::thread::panicking() {
            complain("daemon.log", &self.log(), 60);
            if let Some(machine) = &self.machine {
                complain("journal", &machine.journal(), 120);
            }
            for member in ["a", "b"] {
                let path = self.path().join(format!("state/{PAIR}/{member}/error.log"));
                let text = std::fs::read_to_string(path).unwrap_or_default();
                complain(member, &text, 15);
            }
        }
    }
}

fn complain(name: &str, text: &str, count: usize) {
    let lines: Vec<&str> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(count)..)
        .unwrap_or_default();
    eprintln!("--- last lines of {name}:\n{}", last.join("\n"));
}
