use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::control::report::{MemberState, PairReport, PairState, ThreadState};
use crate::control::tests::healthy;

/// The loop turned at 100 s of the boot, and now is half a second later.
const TURNED: u64 = 100_000;

struct Bench {
    at: SocketAddr,
    report: watch::Sender<Arc<PairReport>>,
    turned: Turned,
    pairs: watch::Sender<Pairs>,
    loaded: watch::Sender<Loaded>,
    _stop: oneshot::Sender<()>,
}

async fn bench() -> Bench {
    let (report, report_rx) = watch::channel(Arc::new(healthy()));
    let turned = Turned::new(AtomicU64::new(TURNED));
    let handle = PairHandle {
        turned_ms: Arc::clone(&turned),
        ..crate::control::tests::handle(report_rx)
    };
    let (pairs, pairs_rx) = watch::channel(Pairs::from([("orders".to_owned(), handle)]));
    let (loaded, loaded_rx) = watch::channel(Loaded::default());
    let door = Door {
        pairs: pairs_rx,
        loaded: loaded_rx,
        boot_ms: || TURNED + 500,
        wall_ms: || 1_790_000_000_500,
    };
    // A port that was free a moment ago.
    let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = probe.local_addr().unwrap();
    drop(probe);
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(door.serve(at, async {
        let _ = stopped.await;
    }));
    Bench {
        at,
        report,
        turned,
        pairs,
        loaded,
        _stop: stop,
    }
}

impl Bench {
    /// What is answered to these lines, headers included.
    async fn say(&self, request: &str) -> String {
        let mut stream = loop {
            match TcpStream::connect(self.at).await {
                Ok(stream) => break stream,
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
        };
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(&self, path: &str) -> String {
        // As HAProxy asks: HTTP/1.0, no host.
        self.say(&format!("GET {path} HTTP/1.0\r\n\r\n")).await
    }

    async fn code(&self, path: &str) -> u16 {
        let answer = self.get(path).await;
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut PairReport)) {
        self.report
            .send_modify(|report| change(Arc::make_mut(report)));
    }
}

#[tokio::test]
async fn a_healthy_pair_is_good_in_every_role() {
    let bench = bench().await;
    for path in [
        "/",
        "/primary",
        "/replica",
        "/replica?lag=1s",
        "/read-only",
        "/health",
        "/liveness",
        "/readiness",
        "/pair/orders/primary",
        "/pair/orders/member/db1/primary",
        "/pair/orders/member/db2/replica?lag=120ms",
        "/pair/orders/member/db2/readiness",
    ] {
        assert_eq!(bench.code(path).await, 200, "{path}");
    }
    for (path, code) in [
        ("/pair/orders/member/db2/primary", 503),
        ("/pair/orders/member/db1/replica", 503),
        ("/replica?lag=119ms", 503),
        ("/replica?lag=9", 400),
        ("/pair/other/primary", 404),
        ("/pair/orders/member/db3/primary", 404),
        ("/switchover", 404),
    ] {
        assert_eq!(bench.code(path).await, code, "{path}");
    }
}

#[tokio::test]
async fn every_way_to_ask_and_no_way_to_change() {
    let bench = bench().await;
    let head = bench.say("HEAD /primary HTTP/1.0\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.0 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let options = bench.say("OPTIONS /primary HTTP/1.0\r\n\r\n").await;
    assert!(options.starts_with("HTTP/1.0 200"), "{options}");
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = bench
            .say(&format!("{method} /primary HTTP/1.0\r\n\r\n"))
            .await;
        assert!(answer.starts_with("HTTP/1.0 405"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let bench = bench().await;
    bench.change(|report| report.members[0].read_only = Some(true));
    let answer = bench.get("/primary").await;
    assert!(answer.starts_with("HTTP/1.0 503"), "{answer}");
    assert!(
        answer.contains("\"reason\":\"db1 refuses writes\""),
        "{answer}"
    );
    bench.change(|report| report.members[1].applier = ThreadState::Broken);
    assert!(
        bench
            .get("/replica")
            .await
            .contains("its applier is broken")
    );
    bench.change(|report| report.members[0].state = MemberState::Down);
    assert_eq!(bench.code("/health").await, 503);
    assert_eq!(bench.code("/liveness").await, 200);
}

#[tokio::test]
async fn a_loop_that_stands_still_is_known() {
    let bench = bench().await;
    bench.turned.store(TURNED - 20_000, Ordering::Relaxed);
    assert_eq!(bench.code("/liveness").await, 503);
    assert!(bench.get("/primary").await.contains("what is known is old"));
    bench.turned.store(TURNED, Ordering::Relaxed);
    bench.change(|report| report.state = PairState::NotKept);
    assert_eq!(bench.code("/liveness").await, 503);
}

#[tokio::test]
async fn of_several_pairs_one_is_named() {
    let bench = bench().await;
    bench.pairs.send_modify(|pairs| {
        let other = pairs["orders"].clone();
        pairs.insert("other".to_owned(), other);
    });
    assert_eq!(bench.code("/primary").await, 400);
    assert_eq!(bench.code("/pair/other/primary").await, 200);
    assert_eq!(bench.code("/metrics").await, 200);
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let bench = bench().await;
    bench.loaded.send_replace(Loaded {
        at_ms: 1_790_000_000_000,
        refused: true,
        digest: "00c0ffee".to_owned(),
    });
    let answer = bench.get("/metrics").await;
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(OPEN_METRICS), "{head}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in [
        "# TYPE dualmasterd_failover_allowed gauge",
        "dualmasterd_failover_allowed{pair=\"orders\"} 1.0",
        "dualmasterd_failover_guard_ok{pair=\"orders\",guard=\"in_sync\"} 1.0",
        "dualmasterd_member_role{pair=\"orders\",member=\"db1\",role=\"writer\"} 1.0",
        "dualmasterd_link_lag_seconds{pair=\"orders\",link=\"db1->db2\"} 0.12",
        "dualmasterd_link_lag_limit_seconds{pair=\"orders\",link=\"db1->db2\"} 5.0",
        "dualmasterd_config_last_reload_successful 0.0",
        "dualmasterd_config_hash_info{hash=\"00c0ffee\"} 1",
        "dualmasterd_member_role{pair=\"orders\",member=\"db2\",role=\"standby\"} 1.0",
        // 50 s after the boot, which was 100.5 s ago.
        "dualmasterd_instance_start_time_seconds{pair=\"orders\",member=\"db1\"} 1789999950.0",
        "dualmasterd_loop_last_run_timestamp_seconds{pair=\"orders\"} 1790000000.0",
        "dualmasterd_failovers_total{pair=\"orders\",kind=\"auto\",result=\"moved\"} 0.0",
    ] {
        assert!(
            text.contains(&format!("{line}\n")),
            "{line} is not in\n{text}"
        );
    }
    for limit in ["0.025", "+Inf"] {
        let bucket = format!("dualmasterd_failover_duration_seconds_bucket{{le=\"{limit}\"");
        assert!(text.contains(&bucket), "{text}");
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_costs_one_connection() {
    let bench = bench().await;
    assert_eq!(bench.code("/primary").await, 200);
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS - 8 {
        silent.push(TcpStream::connect(bench.at).await.unwrap());
    }
    assert_eq!(bench.code("/primary").await, 200);
}
