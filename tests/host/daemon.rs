//! The daemon's unit: whatever happens to it, clients notice nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::trial::{NO_HANG, Trial, assert_same_epoch};
use super::within;
use crate::support::{Host, fault, machine};

const LONG: Duration = Duration::from_secs(30);
const DAEMON: &str = "dualmasterd.service";

/// `systemctl restart`.
pub(super) async fn restarted(host: &mut Host) {
    undisturbed(host, "daemon_restarted", async |host| {
        host.must(&["systemctl", "restart", DAEMON]).await;
    })
    .await;
}

/// `kill -9`: systemd starts it again.
pub(super) async fn killed(host: &mut Host) {
    undisturbed(host, "daemon_killed", async |host| {
        let mut daemon = None;
        for _ in 0..7 {
            daemon = Some(host.unit_daemon(daemon).await);
            sleep(Duration::from_millis(200)).await;
            daemon.into_iter().for_each(fault::kill);
        }
        host.unit_daemon(daemon).await;
    })
    .await;
}

/// `systemctl stop`, and a start later.
pub(super) async fn stopped(host: &mut Host) {
    undisturbed(host, "daemon_stopped", async |host| {
        host.must(&["systemctl", "stop", DAEMON]).await;
        sleep(Duration::from_secs(1)).await;
        host.must(&["systemctl", "start", DAEMON]).await;
    })
    .await;
}

/// A daemon that stands still is ended by the watchdog after two seconds and started again.
pub(super) async fn stuck(host: &mut Host) {
    undisturbed(host, "daemon_stuck", async |host| {
        let daemon = host.unit_daemon(None).await;
        let at = Instant::now();
        fault::freeze(daemon);
        host.unit_daemon(Some(daemon)).await;
        within(
            "stuck to started again",
            at.elapsed(),
            Duration::from_secs(5),
        );
    })
    .await;
}

/// `systemctl reload` with a bad file and with a good one.
pub(super) async fn reloaded(host: &mut Host) {
    let good = machine::text(&host.setup);
    let pid = host.unit_daemon(None).await;
    host.configure("[pair.t]\nfamily = 7\n");
    host.run(&["systemctl", "reload", DAEMON]).await;
    sleep(Duration::from_millis(300)).await;
    let journal = host
        .must(&["journalctl", "-u", "dualmasterd", "-n", "20", "--no-pager"])
        .await;
    assert!(journal.contains("the old one stays in force"), "{journal}");
    host.configure(&good);
    host.must(&["systemctl", "reload", DAEMON]).await;
    host.until_healthy(LONG).await;
    assert_eq!(host.unit_daemon(None).await, pid);
}

/// A daemon that cannot start for its configuration is not started again and again.
pub(super) async fn badly_configured(host: &mut Host) {
    let good = machine::text(&host.setup);
    let servers = [host.pid("a"), host.pid("b")];
    host.configure("[pair.t]\nfamily = 7\n");
    let restarted = host.run(&["systemctl", "restart", DAEMON]).await;
    assert_ne!(restarted.code, 0);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(host.property(DAEMON, "ActiveState").await, "failed");
    assert_eq!(host.property(DAEMON, "ExecMainStatus").await, "78");
    host.configure(&good);
    host.must(&["systemctl", "start", DAEMON]).await;
    host.until_healthy(LONG).await;
    assert_eq!([host.pid("a"), host.pid("b")], servers);
}

/// The same servers, the same writer, and no client hears anything.
async fn undisturbed(host: &mut Host, table: &str, disturb: impl AsyncFnOnce(&Host)) {
    let trial = Trial::begin(host, table).await;
    let servers = [host.pid("a"), host.pid("b")];
    let at = Instant::now();
    disturb(host).await;
    host.until_healthy(LONG).await;
    assert_eq!(
        [host.pid("a"), host.pid("b")],
        servers,
        "servers were started again"
    );
    assert_same_epoch(host, &trial).await;
    within(
        "longest gap",
        trial.load.so_far().longest_gap(at, Instant::now()),
        NO_HANG,
    );
    let history = trial.end(host).await;
    assert!(history.failures.is_empty(), "{:?}", history.failures);
}
