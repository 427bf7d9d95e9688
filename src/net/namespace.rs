//! Network namespaces for tests: a test runs itself again inside one of its own.
//!
//! Inside, `veth0` (10.77.0.1/24, fd77::1/64) leads to a second namespace that plays the outside
//! (10.77.0.2/24, fd77::2/64). Both are deleted when the test ends, however it ends.

use std::future::Future;
use std::process::{Command, Stdio};
use std::time::Duration;

const INSIDE: &str = "DMNET_OUTSIDE_NAMESPACE";
const LIMIT: Duration = Duration::from_secs(60);

/// The namespace on the other end of `veth0`.
#[derive(Clone)]
pub(super) struct Outside {
    name: String,
}

impl Outside {
    /// A command that runs outside, not yet started.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Connects from outside to `ip:port` and returns what the server said.
    pub(super) fn hear(&self, ip: &str, port: u16) -> String {
        let script = format!(
            "import socket; s=socket.create_connection(('{ip}',{port}),3); print(s.recv(99).decode(),end='')"
        );
        let output = self
            .command("python3")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Runs `body` in a namespace of its own; `test` is the test's full path, `module::name`.
pub(super) fn run<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Outside) -> F) {
    if let Ok(name) = std::env::var(INSIDE) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(async {
            tokio::time::timeout(LIMIT, body(Outside { name }))
                .await
                .expect("test took too long");
        });
    }
    assert!(
        nix::unistd::geteuid().is_root(),
        "{test} makes network namespaces: run it as root"
    );
    let home = format!("dmnet{}a", std::process::id());
    let outside = format!("dmnet{}b", std::process::id());
    let _guard = [Made::new(&home), Made::new(&outside)];
    wire(&home, &outside);
    let output = Command::new("ip")
        .args(["netns", "exec", &home])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(INSIDE, &outside)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    eprint!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{test} failed inside its namespace: {}",
        output.status
    );
    // A path that matches no test would succeed as well.
    assert!(
        said.contains("1 passed"),
        "{test} is not the path of a test"
    );
}

/// Runs `line`, split at spaces, and demands success.
pub(super) fn sh(line: &str) -> String {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn wire(home: &str, outside: &str) {
    sh(&format!(
        "ip -n {home} link add veth0 type veth peer name veth0 netns {outside}"
    ));
    for (name, host) in [(home, 1), (outside, 2)] {
        sh(&format!(
            "ip -n {name} addr add 10.77.0.{host}/24 dev veth0"
        ));
        sh(&format!(
            "ip -n {name} addr add fd77::{host}/64 dev veth0 nodad"
        ));
        sh(&format!("ip -n {name} link set lo up"));
        sh(&format!("ip -n {name} link set veth0 up"));
    }
}

struct Made {
    name: String,
}

impl Made {
    fn new(name: &str) -> Self {
        sh(&format!("ip netns add {name}"));
        Self {
            name: name.to_owned(),
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}
