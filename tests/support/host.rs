//! One host: a folder, a configuration, the built daemon, and the servers that it makes.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use dualmasterd::control::commands::{Answer, Command as Word};
use dualmasterd::control::report::{
    MemberState, OperationReport, PairReport, PairState, ThreadState,
};
use mysql_async::Conn;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::folder::Folder;
use super::notify::Notify;
use super::settings::{APP_PASSWORD, PAIR, Setup};
use super::{fault, sql, words};

/// How long a daemon may take until it says READY, servers of both members made included.
const READY: Duration = Duration::from_secs(60);
/// How long the daemon may take to answer the socket.
const ANSWER: Duration = Duration::from_secs(15);
/// Transactions that the reader of a pair under the usual load may lack: the two are looked at in turn.
const SMALL_GAP: u64 = 200;
/// An account without any right that may look at a server's variables.
pub const LOOKER: &str = "looker";

/// The host.
pub struct Host {
    /// Its setup.
    pub setup: Setup,
    /// What the daemon told its service manager.
    pub notify: Notify,
    /// What the daemon finds in its environment beside the usual.
    pub environment: Vec<(&'static str, OsString)>,
    daemon: Option<Child>,
    // Last: ends whatever the others left.
    folder: Folder,
}

/// What `dualmasterctl` answered.
#[derive(Debug)]
pub struct Ctl {
    /// Its exit code.
    pub code: i32,
    /// Its output.
    pub out: String,
    /// Its complaints.
    pub err: String,
}

impl Ctl {
    /// Its output as JSON; null where it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_default()
    }
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

    /// Whether the daemon has ended by itself.
    ///
    /// # Panics
    /// Where none was started.
    pub fn daemon_has_ended(&mut self) -> bool {
        let daemon = self.daemon.as_mut().expect("a daemon was started");
        daemon.try_wait().expect("look at the daemon").is_some()
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
        self.path().join("run/control.sock")
    }

    /// A member's own socket.
    pub fn socket(&self, member: &str) -> PathBuf {
        self.path().join(format!("run/{PAIR}.{member}/mysqld.sock"))
    }

    /// A member's `my.cnf`.
    pub fn my_cnf(&self, member: &str) -> PathBuf {
        self.path().join(format!("state/{PAIR}/{member}.cnf"))
    }

    // ---- the daemon

    /// Starts the daemon and waits for its READY.
    ///
    /// # Panics
    /// Where it does not come.
    pub async fn start(&mut self) {
        let before = self.notify.count();
        self.launch();
        let daemon = self.daemon.as_mut().expect("the daemon was started");
        let ready = self.notify.heard(before, |line| line == "READY=1", READY);
        tokio::select! {
            ready = ready => assert!(ready, "the daemon did not say READY within {READY:?}"),
            ended = daemon.wait() => panic!("the daemon ended before it said READY: {ended:?}"),
        }
    }

    /// Starts the daemon.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn launch(&mut self) {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path());
        let log: File = log.expect("open the log");
        let daemon = Command::new(binary("dualmasterd"))
            .arg("--config")
            .arg(self.config())
            .env("NOTIFY_SOCKET", self.path().join("notify.sock"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("clone a file"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        self.daemon = Some(daemon.expect("start dualmasterd"));
    }

    /// The daemon's process.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn daemon_pid(&self) -> i32 {
        let pid = self
            .daemon
            .as_ref()
            .and_then(Child::id)
            .expect("the daemon runs");
        i32::try_from(pid).expect("a pid")
    }

    /// Waits for the daemon's end.
    ///
    /// # Panics
    /// Where it does not come.
    pub async fn daemon_ended(&mut self, wait: Duration) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("the daemon runs");
        let ended = timeout(wait, daemon.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("the daemon did not end within {wait:?}"));
        ended.expect("wait for the daemon")
    }

    /// Kills the daemon.
    pub async fn kill_daemon(&mut self) {
        fault::kill(self.daemon_pid());
        self.daemon_ended(ANSWER).await;
    }

    /// Stops the daemon cleanly.
    pub async fn stop_daemon(&mut self) -> ExitStatus {
        fault::terminate(self.daemon_pid());
        self.daemon_ended(Duration::from_secs(30)).await
    }

    fn log_path(&self) -> PathBuf {
        self.path().join("daemon.log")
    }

    /// The daemon's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    // ---- its words

    /// Asks the daemon.
    ///
    /// # Errors
    /// Nobody answers, or not in time.
    pub async fn ask(&self, word: Word) -> Result<Answer, String> {
        words::ask(&self.control(), word, ANSWER).await
    }

    /// The pair as the daemon sees it.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn try_report(&self) -> Result<PairReport, String> {
        self.report_of(PAIR).await
    }

    /// A pair as the daemon sees it.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn report_of(&self, pair: &str) -> Result<PairReport, String> {
        let pair = Some(pair.to_owned());
        match self.ask(Word::List { pair }).await? {
            Answer::Pairs(mut pairs) if pairs.len() == 1 => Ok(pairs.remove(0)),
            other => Err(format!("not one pair: {other:?}")),
        }
    }

    /// The same.
    ///
    /// # Panics
    /// Where nobody answers.
    pub async fn report(&self) -> PairReport {
        self.try_report().await.expect("the daemon's report")
    }

    /// Waits until the report is like this.
    ///
    /// # Panics
    /// With `what` and the last report, where it does not come to that.
    pub async fn until(
        &self,
        what: &str,
        wait: Duration,
        is: impl Fn(&PairReport) -> bool,
    ) -> PairReport {
        let deadline = Instant::now() + wait;
        loop {
            let report = self.try_report().await;
            if let Ok(report) = &report
                && is(report)
            {
                return report.clone();
            }
            if Instant::now() >= deadline {
                panic!("waited {wait:?} in vain for: {what}; at last: {report:#?}");
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the pair is whole: both run, both links as they should be, in sync, endpoint right.
    pub async fn until_healthy(&self, wait: Duration) -> PairReport {
        self.until("a whole pair, in sync", wait, is_whole).await
    }

    /// Waits for a whole pair whose reader has applied nearly all: what a load leaves behind would
    /// count as the cost of what comes next.
    pub async fn until_caught_up(&self, wait: Duration) -> PairReport {
        let caught_up = |report: &PairReport| {
            let gap = report.reader().and_then(|reader| reader.gtid_gap);
            is_whole(report) && gap.is_some_and(|gap| gap <= SMALL_GAP)
        };
        self.until("a whole pair whose reader keeps up", wait, caught_up)
            .await
    }

    /// The writer's and the reader's names.
    ///
    /// # Panics
    /// Where no writer is chosen.
    pub async fn roles(&self) -> (String, String) {
        let writer = self.report().await.writer.expect("a writer");
        let reader = if writer == "a" { "b" } else { "a" };
        (writer, reader.to_owned())
    }

    /// A planned switchover to its end.
    ///
    /// # Errors
    /// Refused, in words and with the names of the failed guards.
    pub async fn switchover(&self) -> Result<OperationReport, String> {
        let word = Word::Switchover {
            pair: None,
            to: None,
            accept_own_rows: false,
            dry_run: false,
        };
        match self.ask(word).await? {
            Answer::Granted { op: Some(op), .. } => self.watch(op).await,
            Answer::Refused { text, guards } => {
                let names: Vec<_> = guards.iter().map(|guard| guard.name.as_str()).collect();
                Err(format!("{text} [{}]", names.join(" ")))
            }
            other => Err(format!("{other:?}")),
        }
    }

    async fn watch(&self, op: u64) -> Result<OperationReport, String> {
        let word = Word::Watch {
            pair: None,
            op,
            timeout_ms: 30_000,
        };
        match words::ask(&self.control(), word, Duration::from_secs(40)).await? {
            Answer::Operation(operation) => Ok(operation),
            other => Err(format!("{other:?}")),
        }
    }

    /// Runs `dualmasterctl`.
    ///
    /// # Panics
    /// Where it cannot be run or does not end.
    pub async fn ctl(&self, arguments: &[&str]) -> Ctl {
        let run = Command::new(binary("dualmasterctl"))
            .arg("--socket")
            .arg(self.control())
            .args(["-f", "json"])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = timeout(Duration::from_secs(60), run).await;
        let ended = ended.unwrap_or_else(|_| panic!("dualmasterctl {arguments:?} did not end"));
        let output = ended.expect("run dualmasterctl");
        Ctl {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    // ---- its servers

    /// A member's process, looked for in /proc.
    pub fn pid(&self, member: &str) -> Option<i32> {
        fault::server_of(&self.my_cnf(member))
    }

    /// Waits until a member's process, as it is now, is another one than `old`.
    pub async fn until_restarted(&self, member: &str, old: i32, wait: Duration) -> i32 {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(pid) = self.pid(member)
                && pid != old
            {
                return pid;
            }
            assert!(
                Instant::now() < deadline,
                "{member} was not started again within {wait:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A session as root at a member.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn root(&self, member: &str) -> Conn {
        let opts = sql::local(&self.socket(member), "root");
        sql::connect(&opts)
            .await
            .unwrap_or_else(|why| panic!("root at {member}: {why}"))
    }

    /// Runs statements as root at a member.
    ///
    /// # Panics
    /// Where one fails.
    pub async fn as_root(&self, member: &str, statements: &[&str]) {
        let mut conn = self.root(member).await;
        for statement in statements {
            let ran = sql::run(&mut conn, statement, Duration::from_secs(10)).await;
            ran.unwrap_or_else(|why| panic!("root at {member}, {statement}: {why}"));
        }
        let _ = conn.disconnect().await;
    }

    /// Makes [`LOOKER`] at the writer, and by replication at the reader.
    async fn add_looker(&self) {
        let (writer, _) = self.roles().await;
        self.as_root(&writer, &[&format!("CREATE USER {LOOKER}@localhost")])
            .await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(pid) = self.daemon.as_ref().and_then(Child::id) {
            fault::kill(i32::try_from(pid).expect("a pid"));
        }
        if std::thread::panicking() {
            complain("daemon.log", &self.log(), 60);
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

/// The pair is as it should be.
pub fn is_whole(report: &PairReport) -> bool {
    let threads_fit = report.members.iter().all(|member| {
        let applier = if report.writer.as_ref() == Some(&member.name) {
            ThreadState::Gated
        } else {
            ThreadState::Running
        };
        member.state == MemberState::Running
            && member.receiver == ThreadState::Running
            && member.applier == applier
    });
    let endpoint = report.endpoint.as_ref();
    report.state == PairState::Serving
        && report.in_sync
        && threads_fit
        && endpoint.is_some_and(|endpoint| endpoint.writer == report.writer)
}

/// A program of this package, built with the same profile.
///
/// # Panics
/// Where it was not built.
pub fn binary(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("our own path");
    // target/PROFILE/{deps,examples}/OURSELVES
    let profile = here
        .parent()
        .and_then(Path::parent)
        .expect("a profile's folder");
    let path = profile.join(name);
    assert!(path.exists(), "{} was not built", path.display());
    path
}
