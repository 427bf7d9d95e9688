//! The figures as JSON, with the machine that they were taken on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use dualmasterd::daemon::clock;
use dualmasterd::model::server::Family;
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::support::host::binary;
use crate::support::settings;

/// Writes `target/bench/SERVER/NAME.json`, and the same as `target/bench/NAME.json`: the newest run of
/// either server.
pub(crate) fn keep(name: &str, asked: &Asked, mut value: Value) {
    value["machine"] = machine(asked.family);
    value["parameters"] = asked.parameters();
    let mut text = serde_json::to_string_pretty(&value).expect("JSON");
    text.push('\n');
    let all = target().join("bench");
    let of_server = all.join(settings::name(asked.family));
    std::fs::create_dir_all(&of_server).expect("make target/bench");
    for folder in [of_server, all] {
        std::fs::write(folder.join(format!("{name}.json")), &text).expect("write the figures");
    }
}

/// `target/PROFILE`, where the daemon that is measured lies.
fn profile() -> PathBuf {
    let program = binary("dualmasterd");
    program.parent().expect("a profile's folder").to_owned()
}

fn target() -> PathBuf {
    profile().parent().expect("a target folder").to_owned()
}

/// What a figure depends on beside the program.
fn machine(family: Family) -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let memory = read("/proc/meminfo");
    let memory = memory
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1));
    let load = read("/proc/loadavg");
    let server = match family {
        Family::Mariadb => PathBuf::from("mariadbd"),
        Family::Mysql => settings::mysqld(),
    };
    let version = output(&server, &["--no-defaults", "--version"]);
    // Before it stands the program's path.
    let version = version
        .split_once("Ver ")
        .map(|(_, version)| version.to_owned());
    let dirty = !output(Path::new("git"), &["status", "--porcelain"]).is_empty();
    let commit = output(Path::new("git"), &["rev-parse", "--short=12", "HEAD"]);
    let seconds = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": model.and_then(|line| line.split(": ").nth(1)),
        "memory_mb": memory.and_then(|kib| kib.parse::<u64>().ok()).map(|kib| kib / 1024),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_average": load.split_whitespace().next(),
        "server_version": version,
        "commit": if dirty { format!("{commit} and changes") } else { commit },
        "profile": profile().file_name().map(|name| name.to_string_lossy()),
        "taken_unix_s": seconds.as_secs(),
    })
}

/// What a program says on one line; empty where it cannot be asked.
fn output(program: &Path, arguments: &[&str]) -> String {
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let said = ran.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_default()
}
