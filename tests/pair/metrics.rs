//! Metrics and health checks of a real pair: they follow what happens, every planned name is there, and so
//! is all that alerts and dashboard select.

mod exported;

use std::time::Duration;

use dualmasterd::model::server::Family;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use self::exported::Exported;
use crate::support::{Host, Setup, fault, in_namespace};

const LONG: Duration = Duration::from_secs(30);
const PORT: u16 = 26080;
const NAMES: &str = include_str!("metrics/names.txt");
const ALERTS: &str = include_str!("../../packaging/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../packaging/grafana/dualmasterd.json");

async fn get(path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", PORT)).await.expect("HTTP");
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (code.expect("a code"), body.to_owned())
}

/// The value of the series that begins so.
fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with(series));
    let line = line.unwrap_or_else(|| panic!("no {series} in\n{metrics}"));
    let number = line
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok());
    number.expect("a number")
}

#[test]
fn what_is_exported_follows_the_pair() {
    in_namespace(async || {
        let mut setup = Setup::new(Family::Mariadb);
        setup.daemon = format!("[http]\nlisten = \"127.0.0.1:{PORT}\"\n");
        setup.tables = "[pair.t.hooks]\npost_failover = [\"/bin/true\"]\n".into();
        let host = Host::serving(setup).await;
        let (writer, reader) = host.roles().await;
        let check = |member: &str, what: &str| format!("/pair/t/member/{member}/{what}");
        assert_eq!(get(&check(&writer, "primary")).await.0, 200);
        assert_eq!(get(&check(&reader, "primary")).await.0, 503);
        assert_eq!(get(&check(&reader, "replica?lag=10s")).await.0, 200);
        let (_, before) = get("/metrics").await;
        assert_eq!(
            value(&before, "dualmasterd_failover_allowed{pair=\"t\"}"),
            1.0
        );
        started_as_the_kernel_says(&host, &before);

        host.switched().await;
        host.until_healthy(LONG).await;
        assert_eq!(get(&check(&writer, "primary")).await.0, 503);
        assert_eq!(get(&check(&reader, "primary")).await.0, 200);
        let killed = host.pid(&reader).expect("a process");
        fault::kill(killed);
        host.until_restarted(&reader, killed, LONG).await;
        host.until_healthy(LONG).await;

        let (code, after) = get("/metrics").await;
        assert_eq!(code, 200);
        for kind in ["switchover", "auto"] {
            let moved = format!(
                "dualmasterd_failovers_total{{pair=\"t\",kind=\"{kind}\",result=\"moved\"}}"
            );
            assert_eq!(value(&after, &moved), 1.0);
        }
        assert!(value(&after, "dualmasterd_epoch{") > value(&before, "dualmasterd_epoch{"));
        for (series, of) in [
            ("dualmasterd_instance_restarts_total", "member"),
            ("dualmasterd_probe_duration_seconds_count", "member"),
        ] {
            let series = format!("{series}{{pair=\"t\",{of}=\"{reader}\"");
            // What is counted is told with the next report.
            let deadline = Instant::now() + Duration::from_secs(10);
            while value(&get("/metrics").await.1, &series) < 1.0 {
                assert!(Instant::now() < deadline, "{series} stays at 0");
                sleep(Duration::from_millis(50)).await;
            }
        }
        let hook = "dualmasterd_hook_runs_total{pair=\"t\",hook=\"post_failover\",result=\"done\"}";
        assert_eq!(value(&after, hook), 1.0);
        let own = format!("dualmasterd_errant_transactions{{pair=\"t\",member=\"{reader}\"}}");
        assert_eq!(value(&after, &own), 0.0);
        exported::every_series_has_a_type(&after);

        // Some are there only while there is something to say.
        let mut exported = Exported::of(&after);
        fault::freeze(host.pid(&writer).expect("a process"));
        for _ in 0..100 {
            exported.add(&get("/metrics").await.1);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        fault::thaw(host.pid(&writer).expect("a process"));
        exported.has_all_that_was_planned(NAMES);
        exported.has_what_alerts_use(ALERTS);
        exported.has_what_a_dashboard_shows(DASHBOARD);
        a_refusal_names_its_guard(&host).await;
    });
}

/// The start of a server, by the wall clock.
fn started_as_the_kernel_says(host: &Host, metrics: &str) {
    let pid = host.pid("a").expect("a process");
    let made = std::fs::metadata(format!("/proc/{pid}")).and_then(|proc| proc.modified());
    let made = made.expect("a time").duration_since(std::time::UNIX_EPOCH);
    let series = "dualmasterd_instance_start_time_seconds{pair=\"t\",member=\"a\"}";
    let differs = value(metrics, series) - made.expect("after 1970").as_secs_f64();
    // The kernel dates its folder when it is first looked at.
    assert!((-120.0..1.0).contains(&differs), "{differs} s");
}

/// A switchover to a reader that cannot take over is refused, and counted by the guard.
async fn a_refusal_names_its_guard(host: &Host) {
    host.until_healthy(LONG).await;
    let sum = |text: &str| -> f64 {
        let refused = text
            .lines()
            .filter(|line| line.starts_with("dualmasterd_failover_refused_total{"));
        refused
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    let before = sum(&get("/metrics").await.1);
    let (_, reader) = host.roles().await;
    let frozen = host.pid(&reader).expect("a process");
    fault::freeze(frozen);
    host.until("a guard that does not hold", LONG, |report| {
        report.switchover_guards.iter().any(|guard| !guard.ok)
    })
    .await;
    let asked = host.switchover().await;
    let after = sum(&get("/metrics").await.1);
    fault::thaw(frozen);
    assert!(asked.is_err(), "{asked:?}");
    assert!(after > before, "no refusal was counted");
}
