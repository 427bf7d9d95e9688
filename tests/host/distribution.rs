//! A unit of the distribution runs a member's server, and is given back.

use std::time::Duration;

use tokio::time::Instant;

use super::trial::{NO_HANG, Trial, assert_moved, assert_same_epoch};
use super::unit::{as_the_daemon, assert_denied, server};
use super::within;
use crate::support::{Host, fault, machine};

const LONG: Duration = Duration::from_secs(30);
const UNIT: &str = "mariadb.service";
const DAEMON: &str = "dualmasterd.service";

/// Taken over, the daemon alone starts it; systemd does not, whatever happens to its server.
pub(super) async fn taken_over(host: &mut Host) {
    if host.roles().await.0 == "a" {
        host.switchover().await.expect("granted");
        host.until_healthy(LONG).await;
    }
    let before = shown(host).await;
    host.configure(&with_unit(host));
    // Without that the daemon keeps the configuration that it has.
    host.run(&["systemctl", "reload", DAEMON]).await;
    let explained = host.must(&["dualmasterctl", "explain"]).await;
    let remedy = "dualmasterd take-over mariadb.service --as t.a";
    assert!(explained.contains(remedy), "{explained}");
    host.must(&["systemctl", "stop", DAEMON]).await;
    host.must(&["systemctl", "stop", &server("a")]).await;
    for (unit, why) in [
        ("mysql.service", "another name of mariadb.service"),
        ("nothing.service", "not-found"),
        ("dbus.service", "is active"),
        ("dualmasterd.service", "cannot be"),
    ] {
        let refused = host
            .run(&["dualmasterd", "take-over", unit, "--as", "t.a"])
            .await;
        assert!(
            refused.code == 1 && refused.text.contains(why),
            "{refused:?}"
        );
    }
    host.must(&["dualmasterd", "take-over", UNIT, "--as", "t.a"])
        .await;
    // Nobody starts it but the daemon, and that it does not start is no failure: it is enabled for boots.
    host.must(&["systemctl", "start", UNIT]).await;
    assert_eq!(host.property(UNIT, "ActiveState").await, "inactive");
    host.must(&["systemctl", "start", DAEMON]).await;
    let report = host.until_healthy(LONG).await;
    let member = report.members.iter().find(|member| member.name == "a");
    let pid = member.and_then(|member| member.pid).expect("it runs");
    assert_eq!(host.property(UNIT, "MainPID").await, pid.to_string());
    assert_ne!(shown(host).await, before);
    let ours = host.property(&server("a"), "ActiveState").await;
    assert_eq!(ours, "inactive");
}

/// The daemon's account may do to it what it may do to our own, and no more.
pub(super) async fn it_is_the_only_one(host: &mut Host) {
    let ran = as_the_daemon(host, "StartUnit ss", UNIT, "fail").await;
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert_denied(host, "RestartUnit ss", UNIT, "replace").await;
    assert_denied(host, "StopUnit ss", "dbus.service", "fail").await;
}

/// Killed as reader it comes back by the daemon; killed as writer its reader takes over.
pub(super) async fn killed(host: &mut Host) {
    let trial = Trial::begin(host, "taken_reader").await;
    let pid = host.pid("a").expect("it runs");
    fault::kill(pid);
    host.until_restarted("a", pid, LONG).await;
    host.until_healthy(LONG).await;
    assert_same_epoch(host, &trial).await;
    trial.end(host).await;

    host.switchover().await.expect("granted");
    host.until_healthy(LONG).await;
    let trial = Trial::begin(host, "taken_writer").await;
    assert_eq!(trial.writer, "a");
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    within(
        "killed to first OK elsewhere",
        trial.taken_over(at, LONG).await,
        NO_HANG,
    );
    host.until_restarted("a", pid, LONG).await;
    host.until_healthy(LONG).await;
    assert_moved(host, &trial).await;
    trial.end(host).await;
    assert_eq!(host.property(UNIT, "NRestarts").await, "0");
}

/// `systemctl stop` of the writer's unit: its role moves first.
pub(super) async fn stopped_by_hand(host: &mut Host) {
    host.switchover().await.expect("granted");
    host.until_healthy(LONG).await;
    let trial = Trial::begin(host, "taken_stopped").await;
    assert_eq!(trial.writer, "a");
    let pid = trial.writer_pid(host);
    host.must(&["systemctl", "stop", UNIT]).await;
    assert_moved(host, &trial).await;
    assert_eq!(host.property(UNIT, "Result").await, "success");
    host.until_restarted("a", pid, LONG).await;
    host.until_healthy(LONG).await;
    trial.end(host).await;
}

/// Given back, it is what it was before, and the member's server runs in our own unit again.
pub(super) async fn given_back(host: &mut Host) {
    let kept = host.run(&["dualmasterd", "give-back", UNIT]).await;
    assert!(
        kept.code == 1 && kept.text.contains("that dualmasterd keeps"),
        "{kept:?}"
    );
    host.must(&["systemctl", "stop", DAEMON]).await;
    host.must(&["systemctl", "stop", UNIT]).await;
    host.configure(&machine::text(&host.setup));
    host.must(&["dualmasterd", "give-back", "--all"]).await;
    for left in [
        "/etc/systemd/system/mariadb.service.d",
        "/etc/polkit-1/rules.d/49-dualmasterd-mariadb.service.rules",
    ] {
        assert_ne!(host.run(&["test", "-e", left]).await.code, 0, "{left}");
    }
    let as_packaged = host
        .must(&["cat", "/lib/systemd/system/mariadb.service"])
        .await;
    let (path, cat) = shown(host).await;
    assert_eq!((path, cat.contains(&as_packaged)), (String::new(), true));
    assert_eq!(host.property(UNIT, "Restart").await, "on-abnormal");
    host.must(&["systemctl", "start", DAEMON]).await;
    host.until_healthy(LONG).await;
    assert_eq!(host.property(&server("a"), "ActiveState").await, "active");
    assert_denied(host, "StartUnit ss", UNIT, "fail").await;
}

/// The usual configuration, with one server in the distribution's unit.
fn with_unit(host: &Host) -> String {
    let at = "port = 26001\n";
    let text = machine::text(&host.setup);
    assert!(text.contains(at));
    text.replace(at, &format!("{at}unit = \"{UNIT}\"\n"))
}

/// The unit's drop-ins, and all of its text.
async fn shown(host: &Host) -> (String, String) {
    let drop_ins = host.property(UNIT, "DropInPaths").await;
    (drop_ins, host.must(&["systemctl", "cat", UNIT]).await)
}
