//! Fencing without the right to kill, and a D-Bus that hangs.

use std::time::Duration;

use tokio::time::Instant;

use super::trial::{NO_HANG, Trial, assert_moved, print_steps};
use super::within;
use crate::support::{Host, fault};

const LONG: Duration = Duration::from_secs(30);
/// A hang is a verdict after 1 s and a probe; all else is as after a death.
const HUNG: Duration = Duration::from_millis(2500);

/// A frozen writer is killed by the fence that stands beside it.
pub(super) async fn writer_frozen(host: &mut Host) {
    let mut times = Vec::new();
    for run in 0..runs() {
        times.push(frozen(host, &format!("bus_frozen_{run}"), HUNG).await);
    }
    publish("fencing_by_the_fence", &times);
}

/// Without a fence it is killed over D-Bus.
pub(super) async fn writer_frozen_without_a_fence(host: &mut Host) {
    let mut times = Vec::new();
    for run in 0..runs() {
        let (writer, _) = host.roles().await;
        let socket = host.socket(&writer).with_file_name("fence.sock");
        std::fs::remove_file(socket).expect("remove the fence's socket");
        times.push(frozen(host, &format!("bus_no_fence_{run}"), HUNG).await);
    }
    publish("fencing_over_dbus", &times);
}

/// How often each way is measured.
fn runs() -> usize {
    let said = std::env::var("RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    said.unwrap_or(1)
}

/// `target/bench/NAME.json`: how long the step took that kills the frozen writer, in milliseconds.
fn publish(name: &str, times: &[f64]) {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let kept = serde_json::json!({
        "runs": sorted.len(),
        "p50_ms": sorted.get(sorted.len() / 2),
        "max_ms": sorted.last(),
        "times_ms": times,
    });
    eprintln!("  {name}: {kept}");
    let program = crate::support::host::binary("dualmasterctl");
    let folder = program.ancestors().nth(2).expect("target").join("bench");
    std::fs::create_dir_all(&folder).expect("make target/bench");
    std::fs::write(folder.join(format!("{name}.json")), format!("{kept:#}\n")).expect("write");
}

/// The bus and polkit stand still: a failover does not ask them.
pub(super) async fn writer_killed_while_the_bus_hangs(host: &mut Host) {
    let trial = Trial::begin(host, "bus_killed").await;
    let bus = Bus::freeze(host);
    let at = Instant::now();
    fault::kill(trial.writer_pid(host));
    within(
        "killed to first OK elsewhere",
        trial.taken_over(at, LONG).await,
        NO_HANG,
    );
    drop(bus);
    host.until_healthy(LONG).await;
    assert_moved(host, &trial).await;
    trial.end(host).await;
}

/// Nor does the fence.
pub(super) async fn writer_frozen_while_the_bus_hangs(host: &mut Host) {
    let trial = Trial::begin(host, "bus_both").await;
    let bus = Bus::freeze(host);
    let at = Instant::now();
    fault::freeze(trial.writer_pid(host));
    within(
        "frozen to first OK elsewhere",
        trial.taken_over(at, LONG).await,
        HUNG,
    );
    drop(bus);
    host.until_healthy(LONG).await;
    assert_moved(host, &trial).await;
    trial.end(host).await;
}

/// The bus was started anew: what was connected to it connects again.
pub(super) async fn writer_killed_after_a_restart_of_the_bus(host: &mut Host) {
    host.must(&["systemctl", "restart", "dbus.service"]).await;
    let trial = Trial::begin(host, "bus_restarted").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    within(
        "killed to first OK elsewhere",
        trial.taken_over(at, LONG).await,
        NO_HANG,
    );
    host.until_restarted(&trial.writer, pid, LONG).await;
    trial.end(host).await;
}

/// How long the Kill took, in milliseconds.
async fn frozen(host: &mut Host, table: &str, limit: Duration) -> f64 {
    let trial = Trial::begin(host, table).await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::freeze(pid);
    within(
        "frozen to first OK elsewhere",
        trial.taken_over(at, LONG).await,
        limit,
    );
    host.until_restarted(&trial.writer, pid, LONG).await;
    let report = host.until_healthy(LONG).await;
    let operation = report.operations.last().expect("a failover");
    print_steps(operation);
    let mut steps = operation.steps.iter();
    let kill = steps.find(|step| step.action == "Kill");
    let took = kill
        .and_then(|kill| kill.took_us)
        .expect("a kill that ended");
    assert_moved(host, &trial).await;
    trial.end(host).await;
    took as f64 / 1000.0
}

/// The bus and polkit, stopped until this is dropped.
struct Bus(Vec<i32>);

impl Bus {
    fn freeze(host: &Host) -> Self {
        let machine = host.machine.as_ref().expect("a machine");
        let programs = [
            "/usr/bin/dbus-daemon",
            "@dbus-daemon",
            "/usr/lib/polkit-1/polkitd",
        ];
        let pids: Vec<_> = programs
            .into_iter()
            .filter_map(|path| machine.program(path))
            .collect();
        assert!(!pids.is_empty(), "no bus");
        pids.iter().copied().for_each(fault::freeze);
        Self(pids)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.0.iter().copied().for_each(fault::thaw);
    }
}
