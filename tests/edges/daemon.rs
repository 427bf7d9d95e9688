//! The daemon and its service manager.

use std::time::Duration;

use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use crate::support::{Host, Setup, fault, in_namespace};

const LONG: Duration = Duration::from_secs(30);

/// Ready, alive, reloading, stopping: each is said; a second order to stop ends the daemon at once, and
/// the next one finds the pair as it was.
#[test]
fn service_manager_and_signals() {
    in_namespace(async || {
        let mut host = Host::new(Setup::new(Family::Mariadb));
        host.environment = vec![("WATCHDOG_USEC", "2000000".into())];
        host.serve().await;
        let servers = [host.pid("a"), host.pid("b")];

        let begun = host.notify.count();
        sleep(Duration::from_secs(4)).await;
        let fed = fed_since(&host, begun);
        assert!(fed.len() >= 8, "fed {} times in 4 s", fed.len());
        let longest = fed.windows(2).map(|two| two[1] - two[0]).max();
        assert!(longest < Some(Duration::from_secs(1)), "{longest:?}");

        let before = host.notify.count();
        fault::hang_up(host.daemon_pid());
        let since = |line: &str| line.starts_with("MONOTONIC_USEC=");
        assert!(
            host.notify
                .heard(before, |line| line == "RELOADING=1", LONG)
                .await
        );
        assert!(host.notify.heard(before, since, LONG).await);
        assert!(
            host.notify
                .heard(before, |line| line == "READY=1", LONG)
                .await
        );
        let status = |line: &str| line.starts_with("STATUS=") && line.contains("writer a");
        assert!(host.notify.heard(0, status, LONG).await);

        // A loop that stands still feeds nobody: the service manager would end it.
        fault::freeze(host.daemon_pid());
        sleep(Duration::from_millis(200)).await;
        let before = host.notify.count();
        sleep(Duration::from_secs(2)).await;
        assert!(fed_since(&host, before).is_empty());
        fault::thaw(host.daemon_pid());
        host.until_healthy(LONG).await;

        // A clean stop cannot end while the servers do not answer.
        for pid in servers.into_iter().flatten() {
            fault::freeze(pid);
        }
        let before = host.notify.count();
        fault::terminate(host.daemon_pid());
        assert!(
            host.notify
                .heard(before, |line| line == "STOPPING=1", LONG)
                .await
        );
        let at = Instant::now();
        fault::terminate(host.daemon_pid());
        let status = host.daemon_ended(LONG).await;
        assert!(
            at.elapsed() < Duration::from_millis(500),
            "{:?}",
            at.elapsed()
        );
        assert_eq!(status.code(), Some(143), "{status}");
        for pid in servers.into_iter().flatten() {
            fault::thaw(pid);
        }
        host.start().await;
        host.until_healthy(LONG).await;
        assert_eq!([host.pid("a"), host.pid("b")], servers);
    });
}

/// When the watchdog was fed, after so many lines.
fn fed_since(host: &Host, skip: usize) -> Vec<Instant> {
    let lines = host.notify.lines();
    let fed = lines
        .iter()
        .skip(skip)
        .filter(|(_, line)| line == "WATCHDOG=1");
    fed.map(|(at, _)| *at).collect()
}
