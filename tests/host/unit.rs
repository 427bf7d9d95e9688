//! Servers as units: made, limited, replaced, stopped by hand.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::trial::{NO_HANG, Trial, assert_moved, assert_same_epoch, print_steps};
use super::within;
use crate::support::machine::Ran;
use crate::support::settings::family_of_environment;
use crate::support::{Host, Setup, fault};

const LONG: Duration = Duration::from_secs(30);

/// The usual pair, with limits.
pub(super) fn setup() -> Setup {
    let mut setup = Setup::new(family_of_environment());
    setup.keys = "memory_max = \"1G\"\nopen_files = 20000\n".into();
    setup
}

/// The unit of a member's server.
pub(super) fn server(member: &str) -> String {
    format!("dualmasterd-mysqld@t.{member}.service")
}

/// The daemon runs as itself, with one capability, and its servers as theirs, in units of their own.
pub(super) async fn installed(host: &mut Host) {
    let daemon = "dualmasterd.service";
    assert_eq!(host.property(daemon, "User").await, "dualmasterd");
    assert_eq!(
        host.property(daemon, "CapabilityBoundingSet").await,
        "cap_net_admin"
    );
    let exposed = host
        .run(&[
            "systemd-analyze",
            "security",
            "--no-pager",
            "--threshold=20",
            daemon,
        ])
        .await;
    assert_eq!(exposed.code, 0, "{}", exposed.text);
    // When memory runs out others are killed first.
    assert_eq!(host.property(daemon, "OOMScoreAdjust").await, "-900");
    for member in ["a", "b"] {
        let unit = server(member);
        assert_eq!(host.property(&unit, "OOMScoreAdjust").await, "-600");
        assert_eq!(host.property(&unit, "ActiveState").await, "active");
        assert_eq!(host.property(&unit, "User").await, "mysql");
        assert_eq!(host.property(&unit, "Restart").await, "no");
        let verified = host
            .run(&["systemd-analyze", "verify", "--man=no", &unit])
            .await;
        assert_eq!((verified.code, verified.text.trim()), (0, ""));
    }
    let status = host
        .must(&["systemctl", "status", "--no-pager", daemon])
        .await;
    assert!(status.contains("serving"), "{status}");
    let listed = host.must(&["dualmasterctl", "list", "--check"]).await;
    assert!(listed.contains("in sync"), "{listed}");
    let by_hand = host
        .must(&["systemctl", "show", "-P", "NRestarts", daemon])
        .await;
    assert_eq!(by_hand, "0");
}

/// What the configuration allows a server.
pub(super) async fn limits(host: &mut Host) {
    for member in ["a", "b"] {
        let memory = host.property(&server(member), "MemoryMax").await;
        assert_eq!(memory, (1_u64 << 30).to_string());
        let pid = host.pid(member).expect("it runs");
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits");
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let words: Vec<_> = files.expect("a line").split_whitespace().collect();
        assert_eq!(
            words.get(3..5),
            Some(["20000", "20000"].as_slice()),
            "{limits}"
        );
    }
}

/// polkit lets the daemon's account at its templates, with the verbs that it needs, and at nothing else.
pub(super) async fn only_our_templates(host: &mut Host) {
    let verbs = [
        ("StartUnit ss", "fail"),
        ("StopUnit ss", "fail"),
        ("KillUnit ssi", "all 9"),
        ("SetUnitProperties sba(sv)", "true 1 MemoryMax t 1"),
        ("ResetFailedUnit s", ""),
    ];
    let foreign = [
        "foreign.service",
        "mariadb.service",
        "dbus.service",
        "dualmasterd.service",
        "dualmasterd-mysqld@t.a.b.service",
        "dualmasterd-mysqld@t.service",
        "dualmasterd-prepare@t.a.service",
    ];
    let run = ["systemd-run", "--quiet", "--unit=foreign", "sleep", "600"];
    host.must(&run).await;
    for unit in foreign {
        for (verb, rest) in verbs {
            assert_denied(host, verb, unit, rest).await;
        }
    }
    assert_eq!(
        host.property("foreign.service", "ActiveState").await,
        "active"
    );
    host.must(&["systemctl", "stop", "foreign.service"]).await;
    // Ours, as the daemon does it: a server that runs is started once more, which changes nothing.
    let ours = server("a");
    let pid = host.pid("a");
    for (verb, rest) in [
        ("StartUnit ss", "fail"),
        ("SetUnitProperties sba(sv)", "true 1 MemoryMax t 1073741824"),
        ("ResetFailedUnit s", ""),
    ] {
        let ran = as_the_daemon(host, verb, &ours, rest).await;
        assert_eq!(ran.code, 0, "{verb} of {ours}: {}", ran.text);
    }
    // What the daemon never does is refused there too.
    assert_denied(host, "RestartUnit ss", &ours, "replace").await;
    assert_eq!(host.pid("a"), pid, "its server was touched");
}

pub(super) async fn assert_denied(host: &Host, verb: &str, unit: &str, rest: &str) {
    let ran = as_the_daemon(host, verb, unit, rest).await;
    // Of a unit that is not in its memory systemd says so before it asks polkit.
    let refused = ["denied", "not loaded"];
    assert!(
        ran.code != 0 && refused.iter().any(|word| ran.text.contains(word)),
        "{verb} of {unit}: {}",
        ran.text
    );
}

/// A method of systemd's, called by the daemon's account: its name and the types of what it takes.
pub(super) async fn as_the_daemon(host: &Host, verb: &str, unit: &str, rest: &str) -> Ran {
    let call = "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
                org.freedesktop.systemd1.Manager";
    let account = "setpriv --reuid dualmasterd --regid dualmasterd --clear-groups --";
    // The types of `a(sv)` are no pattern of the shell.
    let (method, types) = verb.split_once(' ').expect("a method and its types");
    let shell = format!("{account} {call} {method} '{types}' {unit} {rest}");
    host.run(&["sh", "-c", &shell]).await
}

/// SIGKILL of the writer: its reader takes over, and it comes back as reader.
pub(super) async fn writer_killed(host: &mut Host) {
    let trial = Trial::begin(host, "unit_killed").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    within(
        "killed to first OK elsewhere",
        trial.taken_over(at, LONG).await,
        NO_HANG,
    );
    host.until_restarted(&trial.writer, pid, LONG).await;
    host.until_healthy(LONG).await;
    assert_moved(host, &trial).await;
    trial.end(host).await;
}

/// SIGTERM behind our back: MariaDB commits what waits and cuts the clients off. Whatever follows, nothing
/// acknowledged is lost.
pub(super) async fn writer_terminated_by_hand(host: &mut Host) {
    let trial = Trial::begin(host, "unit_terminated").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    host.must(&[
        "systemctl",
        "kill",
        "--signal=TERM",
        "--kill-who=main",
        &server(&trial.writer),
    ])
    .await;
    host.until_restarted(&trial.writer, pid, LONG).await;
    let served = trial.served(at + Duration::from_millis(500), LONG).await;
    within("terminated to first OK", served, LONG);
    trial.end(host).await;
}

/// `systemctl restart` of the reader: it is the daemon that starts it again.
pub(super) async fn reader_restarted_by_hand(host: &mut Host) {
    let trial = Trial::begin(host, "unit_restarted").await;
    let pid = host.pid(&trial.reader).expect("the reader runs");
    host.run(&["systemctl", "restart", &server(&trial.reader)])
        .await;
    host.until_restarted(&trial.reader, pid, LONG).await;
    host.until_healthy(LONG).await;
    assert_same_epoch(host, &trial).await;
    trial.end(host).await;
}

/// A planned exchange.
pub(super) async fn switchover(host: &mut Host) {
    let trial = Trial::begin(host, "unit_switchover").await;
    let at = Instant::now();
    let operation = host.switchover().await.expect("granted");
    print_steps(&operation);
    within(
        "gap",
        trial.load.so_far().longest_gap(at, Instant::now()),
        NO_HANG,
    );
    assert_moved(host, &trial).await;
    trial.end(host).await;
}

/// `systemctl stop` of the writer's unit: its role moves first, then it is killed; nothing is lost.
pub(super) async fn stopped_by_hand(host: &mut Host) {
    let trial = Trial::begin(host, "unit_stopped").await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    let unit = server(&trial.writer);
    host.must(&["systemctl", "stop", &unit]).await;
    within("stopped", at.elapsed(), LONG);
    within(
        "gap",
        trial.load.so_far().longest_gap(at, Instant::now()),
        NO_HANG,
    );
    assert_moved(host, &trial).await;
    assert_eq!(host.property(&unit, "Result").await, "success");
    host.until_restarted(&trial.writer, pid, LONG).await;
    trial.end(host).await;
}

/// The same with the daemon away: a crash, which loses nothing.
pub(super) async fn stopped_by_hand_without_the_daemon(host: &mut Host) {
    let trial = Trial::begin(host, "unit_stopped_alone").await;
    let pid = trial.writer_pid(host);
    host.must(&["systemctl", "stop", "dualmasterd"]).await;
    let unit = server(&trial.writer);
    let at = Instant::now();
    host.must(&["systemctl", "stop", &unit]).await;
    within("stopped", at.elapsed(), Duration::from_secs(5));
    // Who starts it by hand chooses no role for it: it does not start.
    let started = host.run(&["systemctl", "start", &unit]).await;
    assert_ne!(started.code, 0, "{}", started.text);
    sleep(Duration::from_millis(300)).await;
    host.must(&["systemctl", "start", "dualmasterd"]).await;
    host.until_restarted(&trial.writer, pid, LONG).await;
    trial.end(host).await;
}
