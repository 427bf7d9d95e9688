//! The hardened unit with all that needs a right: an address on an interface that is announced, metrics, a hook,
//! and the connections of a dead server, which are given up.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::trial::{NO_HANG, Trial, assert_moved};
use super::unit;
use super::within;
use crate::support::{Host, Setup, fault, in_namespace};

const LONG: Duration = Duration::from_secs(30);
const HTTP: &str = "127.0.0.1:26080";
const ADDRESS: &str = "192.0.2.10";
const ANNOUNCE_AT: &str = "systemd/system/dualmasterd.service.d/announce.conf";
const LINK_AT: &str = "systemd/system/dualmasterd.service.d/link.conf";
const ANNOUNCE: &str = include_str!("../../packaging/examples/systemd/announce.conf");
/// The interface is there before the daemon.
const LINK: &str = "[Service]\n\
    ExecStartPre=+-/bin/ip link add vip0 type veth peer name vip1\n\
    ExecStartPre=+/bin/ip link set vip0 up\n\
    ExecStartPre=+/bin/ip link set vip1 up\n";

fn setup() -> Setup {
    let mut setup = unit::setup();
    setup.address = ADDRESS.into();
    setup.endpoint = "interface = \"vip0\"\n".into();
    setup.daemon = format!("[http]\nlisten = \"{HTTP}\"\n\n");
    setup.tables = "[pair.t.hooks]\npost_failover = [\"/bin/true\"]\n".into();
    setup.etc = vec![(ANNOUNCE_AT, ANNOUNCE), (LINK_AT, LINK)];
    setup
}

#[test]
fn rights() {
    in_namespace(async || {
        let host = Host::booted(setup()).await;
        let shown = host.must(&["ip", "address", "show", "dev", "vip0"]).await;
        assert!(shown.contains(ADDRESS), "{shown}");
        let exposed = host
            .run(&[
                "systemd-analyze",
                "security",
                "--no-pager",
                "--threshold=21",
                "dualmasterd",
            ])
            .await;
        assert_eq!(exposed.code, 0, "{}", exposed.text);

        let trial = Trial::begin(&host, "rights").await;
        let at = tokio::time::Instant::now();
        fault::kill(trial.writer_pid(&host));
        within(
            "killed to first OK elsewhere",
            trial.taken_over(at, LONG).await,
            NO_HANG,
        );
        let report = host.until_healthy(LONG).await;
        assert_moved(&host, &trial).await;
        let mut steps = report.operations.last().expect("a failover").steps.iter();
        let destroyed = steps.find(|step| step.action == "DestroyClients");
        let destroyed = destroyed.expect("the connections of the dead server");
        assert_eq!(
            (destroyed.took_us.is_some(), &destroyed.error),
            (true, &None)
        );
        trial.end(&host).await;

        let metrics = metrics().await;
        for (series, least) in [
            ("dualmasterd_vip_owned{", 1.0),
            ("dualmasterd_vip_announcements_total{", 1.0),
            (
                "dualmasterd_hook_runs_total{pair=\"t\",hook=\"post_failover\",result=\"done\"}",
                1.0,
            ),
        ] {
            let line = metrics.lines().find(|line| line.starts_with(series));
            let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            assert!(
                value.is_some_and(|value| value >= least),
                "{series}: {line:?}"
            );
        }
        let journal = host
            .must(&["journalctl", "--no-pager", "-q", "-u", "dualmasterd"])
            .await;
        assert!(!journal.contains("cannot announce"), "{journal}");
    });
}

async fn metrics() -> String {
    let mut stream = TcpStream::connect(HTTP).await.expect("HTTP");
    let request = b"GET /metrics HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}
