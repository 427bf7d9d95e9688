//! Metrics and health checks of a real pair; every series that alerts and dashboard use is there.

use std::collections::BTreeSet;
use std::time::Duration;

use dualmasterd::model::server::Family;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Host, Setup, fault, in_namespace};

const LONG: Duration = Duration::from_secs(30);
const PORT: u16 = 26080;
const USERS: [&str; 2] = [
    include_str!("../../packaging/prometheus/alerts.yml"),
    include_str!("../../packaging/grafana/dualmasterd.json"),
];

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

/// Every name of a series of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let named = text.split("dualmasterd_").skip(1).map(|rest| {
        let name = rest.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        format!(
            "dualmasterd_{}",
            name.into_iter().next().unwrap_or_default()
        )
    });
    named.collect()
}

#[test]
fn what_is_exported_follows_the_pair() {
    in_namespace(async || {
        let mut setup = Setup::new(Family::Mariadb);
        setup.daemon = format!("[http]\nlisten = \"127.0.0.1:{PORT}\"\n");
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
        for kind in ["switchover", "failover"] {
            let moved = format!(
                "dualmasterd_failovers_total{{pair=\"t\",kind=\"{kind}\",result=\"moved\"}}"
            );
            assert_eq!(value(&after, &moved), 1.0);
        }
        assert!(value(&after, "dualmasterd_epoch{") > value(&before, "dualmasterd_epoch{"));
        let started = format!(
            "dualmasterd_actions_total{{pair=\"t\",action=\"Start\",member=\"{reader}\",result=\"done\"}}"
        );
        assert!(value(&after, &started) >= 1.0);
        every_series_has_a_type(&after);

        // Some are there only while there is something to say.
        fault::freeze(host.pid(&writer).expect("a process"));
        let mut exported = names(&after);
        for _ in 0..100 {
            let found = names(&get("/metrics").await.1);
            exported.extend(found);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        fault::thaw(host.pid(&writer).expect("a process"));
        for text in USERS {
            let missing: Vec<_> = names(text).difference(&exported).cloned().collect();
            assert!(missing.is_empty(), "nobody exports {missing:?}");
        }
    });
}

/// OpenMetrics: series of a family stand together, below its type; the text ends with `# EOF`.
fn every_series_has_a_type(text: &str) {
    assert!(text.ends_with("# EOF\n"));
    let (mut family, mut seen) = (String::new(), BTreeSet::new());
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap_or_default().to_owned();
            assert!(seen.insert(family.clone()), "{family} comes twice");
        }
        if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line} is no part of {family}");
        }
    }
}
