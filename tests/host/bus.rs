//! Fencing without the right to kill, and a D-Bus that hangs.

use std::time::Duration;

use tokio::time::Instant;

use super::trial::{NO_HANG, Trial, assert_moved, print_steps, within};
use crate::support::{Host, fault};

const LONG: Duration = Duration::from_secs(30);
/// A hang is a verdict after 1 s and a probe; all else is as after a death.
const HUNG: Duration = Duration::from_millis(2500);

/// A frozen writer is killed by the fence that stands beside it.
pub(super) async fn writer_frozen(host: &mut Host) {
    frozen(host, "bus_frozen", HUNG).await;
}

/// Without a fence it is killed over D-Bus.
pub(super) async fn writer_frozen_without_a_fence(host: &mut Host) {
    let (writer, _) = host.roles().await;
    let socket = host.socket(&writer).with_file_name("fence.sock");
    std::fs::remove_file(socket).expect("remove the fence's socket");
    frozen(host, "bus_frozen_no_fence", HUNG).await;
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

async fn frozen(host: &mut Host, table: &str, limit: Duration) {
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
    if let Some(operation) = report.operations.last() {
        print_steps(operation);
    }
    assert_moved(host, &trial).await;
    trial.end(host).await;
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
