//! The example hook `dns-nsupdate`, run as the daemon runs it, against a real BIND on loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use dualmasterd::act::hook::{HookContext, HookError, HookMember, run};
use dualmasterd::model::action::OpId;
use dualmasterd::model::hook::HookCommand;
use dualmasterd::model::policy::HookEvent;

const HOOK: &str = "packaging/examples/hooks/dns-nsupdate";
const SECRET: &str = "ZHVhbG1hc3RlcmQgdGVzdCBrZXkgMDEyMzQ1Njc4OQ==";
const OTHER_SECRET: &str = "c29tZWJvZHkgZWxzZSdzIGtleSAwMTIzNDU2Nzg5MDE=";
const NAME: &str = "db.example.test";
const DB1: &str = "192.0.2.11";
const DB2: &str = "192.0.2.12";
/// As long as the daemon gives a hook by default.
const LIMIT: Duration = Duration::from_secs(10);
/// Ports of these tests.
const PORTS: std::ops::Range<u16> = 24_500..25_000;

/// A name server with one zone, and the hook in a folder of its own.
struct Dns {
    folder: tempfile::TempDir,
    port: u16,
    _reserved: TcpListener,
    named: Child,
}

impl Drop for Dns {
    fn drop(&mut self) {
        let _ = self.named.kill();
        let _ = self.named.wait();
    }
}

impl Dns {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        // Under another path no profile of AppArmor keeps it out of our folder.
        let program = at.join("named");
        fs::copy("/usr/sbin/named", &program).expect("BIND is installed by tests/setup/host.sh");
        let zone =
            format!("$TTL 5\n@ SOA ns root 1 60 60 3600 5\n@ NS ns\nns A 127.0.0.1\ndb A {DB1}\n");
        fs::write(at.join("zone"), zone).expect("the zone");
        private(&at.join("key"), &key(SECRET));
        let (port, reserved) = port();
        let named = named(at, &program, port);
        let dns = Self {
            folder,
            port,
            _reserved: reserved,
            named,
        };
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(HOOK), dns.hook()).expect("the hook");
        dns.configure("");
        assert_eq!(dns.record(), DB1);
        dns
    }

    fn hook(&self) -> PathBuf {
        self.folder.path().join("dns-nsupdate")
    }

    /// The hook's settings, and `more` of them: a later line wins.
    fn configure(&self, more: &str) {
        let (port, key) = (self.port, self.folder.path().join("key"));
        let text = format!(
            "# of a test\nserver = 127.0.0.1\nport={port}\nzone = example.test\nname = {NAME}\n\
             key = {}\n{more}",
            key.display()
        );
        fs::write(self.folder.path().join("dns-nsupdate.conf"), text).expect("its settings");
    }

    async fn run(&self, context: &HookContext) -> Result<String, HookError> {
        run(&self.hook(), context, LIMIT).await
    }

    /// What the hook says where it fails; its last line is what the daemon shows.
    async fn refusal(&self, context: &HookContext) -> String {
        let error = self.run(context).await.expect_err("it fails").to_string();
        let at = error.rfind("dns-nsupdate: ").expect(&error);
        error[at..].to_owned()
    }

    fn record(&self) -> String {
        let port = self.port.to_string();
        let out = Command::new("dig")
            .args(["@127.0.0.1", "-p", &port, "+short", "+time=5", NAME, "A"])
            .output()
            .expect("dig is installed by tests/setup/host.sh");
        assert!(out.status.success(), "{out:?}");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Somebody else with the same right changes the record.
    fn change(&self, address: &str) {
        let script = format!(
            "server 127.0.0.1 {}\nzone example.test\nupdate delete {NAME} A\n\
             update add {NAME} 5 A {address}\nsend\n",
            self.port
        );
        let file = self.folder.path().join("change");
        fs::write(&file, script).expect("a script");
        let key = self.folder.path().join("key");
        let status = Command::new("nsupdate")
            .arg("-k")
            .args([key, file])
            .status();
        assert!(status.expect("nsupdate").success());
        assert_eq!(self.record(), address);
    }
}

fn key(secret: &str) -> String {
    format!("key \"dualmasterd.\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n")
}

fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
}

/// A port for one BIND, for as long as the listener lives: BIND itself shares its port with whoever asks.
fn port() -> (u16, TcpListener) {
    let held = |port| TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).ok();
    let free = |port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    };
    PORTS
        .filter_map(|port| held(port).map(|held| (port, held)))
        .find(|(port, _)| free(*port))
        .expect("a free port")
}

/// Starts BIND and waits until it serves.
fn named(at: &Path, program: &Path, port: u16) -> Child {
    let config = format!(
        "options {{ directory \"{}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion no; dnssec-validation no; notify no; }};\n\
         controls {{ }};\n{}\
         zone \"example.test\" {{ type primary; file \"zone\";\n\
         update-policy {{ grant dualmasterd. name {NAME}. A; }}; }};\n",
        at.display(),
        key(SECRET)
    );
    private(&at.join("named.conf"), &config);
    let mut child = Command::new(program)
        .args(["-g", "-n", "1", "-c"])
        .arg(at.join("named.conf"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("BIND starts");
    let log = BufReader::new(child.stderr.take().expect("its log"));
    let (lines, log_lines) = mpsc::channel();
    // It is read to its end, so that BIND never waits for its log.
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let mut said = String::new();
    while let Ok(line) = log_lines.recv_timeout(Duration::from_secs(10)) {
        if line.ends_with(" running") {
            return child;
        }
        said = said + &line + "\n";
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("BIND does not start:\n{said}")
}

fn member(name: &str, host: &str) -> HookMember {
    HookMember {
        name: name.to_owned(),
        host: host.to_owned(),
        port: 3306,
    }
}

fn failover(from: (&str, &str), to: (&str, &str)) -> HookContext {
    HookContext {
        event: HookEvent::PostFailover,
        op: Some(OpId(7)),
        pair: "orders".to_owned(),
        command: HookCommand::Auto,
        failed: Some(member(from.0, from.1)),
        successor: Some(member(to.0, to.1)),
        successor_gtid: String::new(),
        lost_transactions: None,
        reason: String::new(),
        vip: None,
        dns_name: None,
        successful: Some(true),
        dry_run: false,
    }
}

#[tokio::test]
async fn the_record_follows_the_writer_and_comes_back() {
    let dns = Dns::start();
    let there = failover(("db1", DB1), ("db2", DB2));
    let said = dns.run(&there).await.expect("it is moved");
    assert_eq!(said.trim(), format!("{NAME}. leads from {DB1} to {DB2}"));
    assert_eq!(dns.record(), DB2);

    let again = dns.run(&there).await.expect("it may be run again");
    assert_eq!(again.trim(), format!("{NAME}. leads to {DB2} already"));
    assert_eq!(dns.record(), DB2);

    let mut back = failover(("db2", DB2), ("db1", DB1));
    back.event = HookEvent::PostSwitchover;
    dns.run(&back).await.expect("it is moved back");
    assert_eq!(dns.record(), DB1);
}

#[tokio::test]
async fn what_somebody_else_wrote_stays() {
    let dns = Dns::start();
    dns.change("192.0.2.99");
    let said = dns.refusal(&failover(("db1", DB1), ("db2", DB2))).await;
    assert_eq!(
        said,
        format!(
            "dns-nsupdate: {NAME}. holds neither {DB1} nor {DB2}: somebody else has changed it, and \
             it is left as it is"
        )
    );
    assert_eq!(dns.record(), "192.0.2.99");
}

#[tokio::test]
async fn a_wrong_key_changes_nothing_and_is_named() {
    let dns = Dns::start();
    let wrong = dns.folder.path().join("wrong");
    private(&wrong, &key(OTHER_SECRET));
    dns.configure(&format!("key = {}\n", wrong.display()));
    let said = dns.refusal(&failover(("db1", DB1), ("db2", DB2))).await;
    assert!(said.contains("does not accept the key of"), "{said}");
    assert!(said.contains("the record is not changed"), "{said}");
    assert_eq!(dns.record(), DB1);

    private(&wrong, &key(SECRET));
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o644)).expect("its mode");
    let said = dns.refusal(&failover(("db1", DB1), ("db2", DB2))).await;
    assert!(said.contains("is open to everybody"), "{said}");
    assert_eq!(dns.record(), DB1);
}

#[tokio::test]
async fn addresses_come_from_the_settings_where_members_share_a_host() {
    let dns = Dns::start();
    let context = failover(("db1", "127.0.0.1"), ("db2", "127.0.0.1"));
    let said = dns.refusal(&context).await;
    assert!(
        said.contains("both members have the address 127.0.0.1"),
        "{said}"
    );

    dns.configure(&format!("address.db1 = {DB1}\naddress.db2 = {DB2}"));
    let mut dry = context.clone();
    dry.dry_run = true;
    dns.run(&dry).await.expect("nothing is done");
    assert_eq!(dns.record(), DB1);
    dns.run(&context).await.expect("it is moved");
    assert_eq!(dns.record(), DB2);
}

#[tokio::test]
async fn nothing_in_the_environment_becomes_a_command() {
    let dns = Dns::start();
    let trap = dns.folder.path().join("trap");
    let touch = format!("touch {}", trap.display());
    for host in [
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("{DB2}; {touch}"),
        format!("{DB2}\nshow\nupdate add evil.example.test 5 A {DB2}"),
        "*".to_owned(),
        "192.0.2.400".to_owned(),
        "192.0.2".to_owned(),
        "192.0.2.1.2".to_owned(),
        String::new(),
    ] {
        let said = dns.refusal(&failover(("db1", DB1), ("db2", &host))).await;
        assert!(said.contains("the address of db2"), "{host}: {said}");
        let strange = format!("db2$({touch})");
        dns.refusal(&failover(("db1", DB1), (&strange, DB2))).await;
    }
    assert!(!trap.exists());
    assert_eq!(dns.record(), DB1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let mut dns = Dns::start();
    dns.named.kill().expect("it runs");
    dns.named.wait().expect("it ends");
    let said = dns.refusal(&failover(("db1", DB1), ("db2", DB2))).await;
    assert!(said.contains("gave no usable answer"), "{said}");
}
