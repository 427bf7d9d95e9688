//! A machine with a real systemd, made and booted by `tests/host`, with dualmasterd installed in it.

use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use dualmasterd::model::server::Family;
use nix::sched::{CloneFlags, setns};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::fault;
use super::host::{Host, binary};
use super::settings::{APP_PASSWORD, PAIR, Setup, mysqld};

/// How long a boot may take.
const BOOT: Duration = Duration::from_secs(60);
/// The first start makes two datadirs.
const MADE: Duration = Duration::from_secs(90);
/// How long a command in it may take.
const COMMAND: Duration = Duration::from_secs(120);
/// Where MySQL's root is seen in it.
const MYSQL_ROOT: &str = "/opt/mysql";
/// What starts its server.
const MYSQLD: &str = "/usr/local/sbin/mysqld";
/// The secret comes as a credential of the unit.
const DROP_IN: &str = "[Service]\nLoadCredential=app.cnf:/etc/dualmasterd/app.cnf\n";

/// A running machine.
pub struct Machine {
    folder: PathBuf,
    /// Its PID 1, as it is called out here.
    leader: i32,
    nspawn: Child,
    seen: Vec<String>,
}

/// What a command in it said.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Its output, then its complaints.
    pub text: String,
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/host")
        .join(name)
}

/// MySQL is unpacked out here: its root is seen in the machine, and started there by a wrapper of its own.
/// Where the cache lies would be hidden from the units, by PrivateTmp= or ProtectHome=.
fn bring_mysql(folder: &Path) -> String {
    let here = mysqld().ancestors().nth(2).expect("a folder").join("root");
    let here = here.display().to_string();
    let wrapper = std::fs::read_to_string(mysqld()).expect("the wrapper");
    let at = folder.join("upper").join(MYSQLD.trim_start_matches('/'));
    write(&at, &wrapper.replace(&here, MYSQL_ROOT));
    std::fs::set_permissions(&at, Permissions::from_mode(0o755)).expect("chmod");
    format!("{here}:{MYSQL_ROOT}")
}

/// `seen`: folders out here that are seen in it, read-only, as `FROM:TO`.
fn power_on(folder: &Path, seen: &[String]) -> Child {
    let boot = std::process::Command::new(script("host.sh"))
        .arg("boot")
        .arg(folder)
        .args(seen)
        .stdin(Stdio::null())
        .spawn();
    boot.expect("run host.sh")
}

impl Host {
    /// A machine with this setup, booted, whose pair is in sync. The calling thread is in its network.
    pub async fn booted(setup: Setup) -> Self {
        let mut host = Self::new(setup);
        let folder = host.path().join("machine");
        let etc = folder.join("upper/etc");
        write(
            &etc.join("dualmasterd/dualmasterd.toml"),
            &text(&host.setup),
        );
        let secret = format!("[client]\npassword = {APP_PASSWORD}\n");
        write(&etc.join("dualmasterd/app.cnf"), &secret);
        write(
            &etc.join("systemd/system/dualmasterd.service.d/secret.conf"),
            DROP_IN,
        );
        for (path, text) in &host.setup.etc {
            write(&etc.join(path), text);
        }
        let seen = match host.setup.family {
            Family::Mysql => vec![bring_mysql(&folder)],
            Family::Mariadb => Vec::new(),
        };
        host.machine = Some(Machine::boot(folder, seen).await);
        host.until_healthy(MADE).await;
        host.add_looker().await;
        host
    }

    /// Puts another configuration in its place.
    pub fn configure(&self, text: &str) {
        let machine = self.machine.as_ref().expect("a machine");
        write(&machine.path("etc/dualmasterd/dualmasterd.toml"), text);
    }

    /// Runs a command in the machine.
    pub async fn run(&self, words: &[&str]) -> Ran {
        self.machine.as_ref().expect("a machine").run(words).await
    }

    /// Runs a command in the machine, which has to succeed.
    pub async fn must(&self, words: &[&str]) -> String {
        let ran = self.run(words).await;
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.text);
        ran.text.trim().to_owned()
    }

    /// One property of a unit.
    pub async fn property(&self, unit: &str, name: &str) -> String {
        self.must(&["systemctl", "show", "-P", name, unit]).await
    }

    /// The daemon's process, as it is called out here: another one than `old`.
    pub async fn unit_daemon(&self, old: Option<i32>) -> i32 {
        let machine = self.machine.as_ref().expect("a machine");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = machine.program("/usr/sbin/dualmasterd");
            if let Some(pid) = found.filter(|pid| Some(*pid) != old) {
                return pid;
            }
            assert!(Instant::now() < deadline, "no daemon, or still {old:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The configuration in the machine.
pub fn text(setup: &Setup) -> String {
    let log = format!("[log]\nlevel = \"{}\"\n\n", setup.level);
    let pair = setup.pair("$CREDENTIALS_DIRECTORY");
    log + &setup.daemon
        + &match setup.family {
            Family::Mysql => pair.replace(&mysqld().display().to_string(), MYSQLD),
            Family::Mariadb => pair,
        }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
    std::fs::write(path, text).expect("write a file");
}

impl Machine {
    /// Installs what was built, and boots.
    async fn boot(folder: PathBuf, seen: Vec<String>) -> Self {
        let binaries = binary("dualmasterd");
        let installed = Command::new(script("install.sh"))
            .arg(&folder)
            .arg(binaries.parent().expect("a folder"))
            .status()
            .await;
        assert!(installed.expect("run install.sh").success(), "install.sh");
        let mut machine = Self {
            nspawn: power_on(&folder, &seen),
            folder,
            seen,
            leader: 0,
        };
        machine.enter().await;
        machine
    }

    /// Ends everything in it at once, and boots it again.
    pub async fn cut(&mut self) {
        self.power_off();
        self.nspawn = power_on(&self.folder, &self.seen);
        self.enter().await;
    }

    /// Waits until it is up, and takes the calling thread into its network.
    pub async fn enter(&mut self) {
        let seconds = BOOT.as_secs().to_string();
        let up = self.script("wait", &[&seconds]).await;
        assert_eq!(up.code, 0, "{}", up.text);
        self.leader = up.text.trim().parse().expect("a pid");
        // One path for its files, whichever its PID 1 is.
        let now = self.folder.join("now");
        let _ = std::fs::remove_file(&now);
        symlink(format!("/proc/{}/root", self.leader), now).expect("make a link");
        let network = File::open(format!("/proc/{}/ns/net", self.leader)).expect("its network");
        setns(network, CloneFlags::CLONE_NEWNET).expect("enter its network");
    }

    /// Boots it again, as an administrator does.
    pub async fn reboot(&mut self) {
        let before = self.leader;
        // The command dies with the machine.
        let _ = self.run(&["systemctl", "reboot"]).await;
        let deadline = Instant::now() + BOOT;
        while Path::new(&format!("/proc/{before}")).exists() {
            assert!(Instant::now() < deadline, "it did not go down");
            sleep(Duration::from_millis(20)).await;
        }
        self.enter().await;
    }

    /// Runs a command in it.
    pub async fn run(&self, words: &[&str]) -> Ran {
        self.script("run", words).await
    }

    async fn script(&self, verb: &str, words: &[&str]) -> Ran {
        let ran = Command::new(script("host.sh"))
            .arg(verb)
            .arg(&self.folder)
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = timeout(COMMAND, ran).await;
        let ended = ended.unwrap_or_else(|_| panic!("{verb} {words:?} did not end"));
        let output = ended.expect("run host.sh");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Ran {
            code: output.status.code().unwrap_or(-1),
            text,
        }
    }

    /// A path of its own, from out here.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join("now").join(path)
    }

    /// The server of a member, as its process is called out here.
    pub fn server(&self, member: &str) -> Option<i32> {
        let my_cnf = PathBuf::from(format!("/var/lib/dualmasterd/{PAIR}/{member}.cnf"));
        fault::server_among(&my_cnf, |pid| self.has(pid))
    }

    /// The first process in it that was started by this path.
    pub fn program(&self, path: &str) -> Option<i32> {
        std::fs::read_dir("/proc")
            .ok()?
            .flatten()
            .find_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                let first = line.split(|byte| *byte == 0).next()?;
                (first == path.as_bytes() && self.has(pid)).then_some(pid)
            })
    }

    fn has(&self, pid: i32) -> bool {
        let of = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let ours = of(self.leader);
        ours.is_some() && of(pid) == ours
    }

    /// Its journal.
    pub fn journal(&self) -> String {
        let output = std::process::Command::new(script("host.sh"))
            .arg("run")
            .arg(&self.folder)
            .args([
                "journalctl",
                "--no-pager",
                "-o",
                "short-precise",
                "-n",
                "150",
            ])
            .output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }
}

impl Machine {
    /// Ends everything in it at once, and whoever keeps it.
    fn power_off(&mut self) {
        let _ = std::process::Command::new(script("host.sh"))
            .arg("end")
            .arg(&self.folder)
            .status();
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.power_off();
    }
}
