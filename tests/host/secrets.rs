//! No password is seen where anybody but its owner looks: in a command line, an environment, the journal, an
//! order, a file outside of the folder of secrets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::settings::APP_PASSWORD;
use crate::support::{Host, machine};

const LONG: Duration = Duration::from_secs(30);
const MADE: Duration = Duration::from_secs(90);
const SECRETS: &str = "var/lib/dualmasterd/secrets";
const OTHER: &str = "u";

/// A second pair is set up and a switchover made, while everything that others can read is read.
pub(super) async fn nowhere(host: &mut Host) {
    let orders = host.path().join("machine/now/run/dualmasterd/orders");
    let reader = Reader::start(orders);
    let usual = machine::text(&host.setup);
    host.configure(&format!("{usual}\n{}", another_pair(&usual)));
    host.must(&["systemctl", "reload", "dualmasterd"]).await;
    let deadline = tokio::time::Instant::now() + MADE;
    while !host.report_of(OTHER).await.is_ok_and(|pair| pair.in_sync) {
        assert!(tokio::time::Instant::now() < deadline, "no second pair");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    host.must(&["dualmasterctl", "switchover", "t"]).await;
    host.until_healthy(LONG).await;
    let mut seen = reader.finish();

    let journal = host
        .must(&["journalctl", "--no-pager", "-q", "-o", "export"])
        .await;
    seen.insert(journal.into_bytes());
    for words in [["history", "t"], ["explain", OTHER], ["list", OTHER]] {
        let told = host
            .must(&["dualmasterctl", "-f", "json", words[0], words[1]])
            .await;
        seen.insert(told.into_bytes());
    }
    let passwords = passwords(host);
    assert!(passwords.len() >= 7, "{} passwords", passwords.len());
    for folder in [
        "var/lib/dualmasterd",
        "run/dualmasterd",
        "run/dualmasterd-mysqld",
    ] {
        read_below(&in_machine(host, folder), &mut seen);
    }
    for text in &seen {
        for password in &passwords {
            let found = text
                .windows(password.len())
                .any(|part| part == password.as_bytes());
            assert!(!found, "a password in: {}", String::from_utf8_lossy(text));
        }
    }
    no_core(host).await;
    host.configure(&usual);
    host.must(&["systemctl", "reload", "dualmasterd"]).await;
    for member in ["a", "b"] {
        let unit = format!("dualmasterd-mysqld@{OTHER}.{member}.service");
        host.must(&["systemctl", "stop", &unit]).await;
    }
}

/// Nor in a core: neither the daemon nor a server leaves one.
async fn no_core(host: &Host) {
    let units = [
        "dualmasterd.service",
        "dualmasterd-mysqld@t.a.service",
        "dualmasterd-prepare@t.a:cut.service",
    ];
    for unit in units {
        assert_eq!(host.property(unit, "LimitCORE").await, "0", "{unit}");
    }
    // What may not be dumped belongs to root in /proc.
    let daemon = host.unit_daemon(None).await;
    let owner = std::fs::metadata(format!("/proc/{daemon}/environ")).expect("its environment");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 0);
}

/// The tables of the pair once more, with another name and other ports.
fn another_pair(usual: &str) -> String {
    let (_, pair) = usual.split_once("[pair.t]").expect("the pair");
    let pair = format!("[pair.t]{pair}").replace("[pair.t", &format!("[pair.{OTHER}"));
    // 26000, 26001, 26002, 26005 and 27001, 27002.
    pair.replace("2600", "2610").replace("2700", "2710")
}

fn in_machine(host: &Host, path: &str) -> PathBuf {
    host.machine.as_ref().expect("a machine").path(path)
}

/// Every password that the daemon made or was given: of the three accounts of each pair, of the application.
fn passwords(host: &Host) -> BTreeSet<String> {
    let files = std::fs::read_dir(in_machine(host, SECRETS)).expect("the secrets");
    let mut passwords = BTreeSet::from([APP_PASSWORD.to_owned()]);
    for file in files.flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a secret");
        // Files for people have `password=`; the daemon's own are JSON.
        let accounts: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let of_accounts = accounts
            .as_object()
            .into_iter()
            .flat_map(|all| all.values());
        passwords.extend(of_accounts.filter_map(|one| one.as_str().map(str::to_owned)));
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("password="));
        passwords.extend(lines.map(str::to_owned));
    }
    passwords
}

/// What stands in the files below, but for the secrets and the servers' own data.
fn read_below(folder: &Path, seen: &mut BTreeSet<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        match kind {
            Ok(kind) if kind.is_dir() && !path.ends_with("secrets") => read_below(&path, seen),
            Ok(kind) if kind.is_file() => seen.extend(std::fs::read(&path).ok()),
            _ => {}
        }
    }
}

/// Reads command lines, environments and orders again and again, and keeps what differs.
struct Reader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Reader {
    #[expect(
        clippy::disallowed_methods,
        reason = "a thread of its own, beside the clocks of the test"
    )]
    fn start(orders: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                read_below(&orders, &mut seen);
                for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    for file in ["cmdline", "environ"] {
                        seen.extend(std::fs::read(entry.path().join(file)).ok());
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            seen
        });
        Self { stop, thread }
    }

    fn finish(self) -> BTreeSet<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("what was read")
    }
}
