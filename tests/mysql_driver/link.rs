//! Both links: pointed, started, stopped, with a silent peer, over TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dualmasterd::act::ServerHandle;
use dualmasterd::act::close::open;
use dualmasterd::act::link::{point, start_applier, start_receiver, stop_applier, stop_receiver};
use dualmasterd::act::reset::reset_link;
use dualmasterd::act::semi_sync::{arm_source, set_ack_timeout};
use dualmasterd::model::action::ActionError;
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::server::{ENDLESS_MS, Family, ServerFact};
use dualmasterd::mysql::accounts::prove_replication;
use nix::sys::signal::Signal;

use crate::pair::{LIMIT, Pair};

pub async fn both_ways(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    open(&a.handle).await.unwrap();
    assert!(a.look().await.writable);
    a.sql("CREATE DATABASE t; CREATE TABLE t.x (i INT PRIMARY KEY) ENGINE=InnoDB")
        .await;
    for (server, peer) in [(b, a), (a, b)] {
        let missing = start_receiver(&server.handle, &peer.handle).await;
        assert!(matches!(missing, Err(ActionError::Failed(_))));
        point(&server.handle, &GtidSet::new()).await.unwrap();
        point(&server.handle, &GtidSet::new()).await.unwrap();
    }
    if a.target().family == Family::Mariadb {
        let lags = start_receiver(&a.handle, &b.handle).await;
        assert!(matches!(lags, Err(ActionError::Failed(_))), "{lags:?}");
    }
    for _ in 0..2 {
        start_receiver(&b.handle, &a.handle).await.unwrap();
        start_applier(&b.handle).await.unwrap();
        start_receiver(&a.handle, &b.handle).await.unwrap();
    }
    let fact = b.until("both run", |fact| {
        let link = fact.link.as_ref().unwrap();
        link.receiver == Receiver::Running && link.applier
    });
    let link = fact.await.link.unwrap();
    assert_eq!(
        (link.source_host.as_str(), link.source_port),
        ("127.0.0.1", a.target().port)
    );
    assert!(link.by_gtid && link.receiver_error.is_none() && link.applier_error.is_none());
    b.until_has(&a.look().await.executed).await;
    let gated = a.until("gated", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Running
    });
    assert!(!gated.await.link.unwrap().applier);

    arm_source(&a.handle, ENDLESS_MS).await.unwrap();
    let armed = a.until("armed", |fact| {
        fact.semi_sync.clients == 1 && fact.semi_sync.source_status
    });
    assert!(armed.await.semi_sync.is_lossless());
    a.sql("INSERT INTO t.x VALUES (1)").await;
    set_ack_timeout(&a.handle, 10_000).await.unwrap();
    assert_eq!(a.look().await.semi_sync.timeout_ms, 10_000);
    set_ack_timeout(&a.handle, ENDLESS_MS).await.unwrap();
    let gated = a.look().await;
    let link = gated.link.unwrap();
    assert!(
        gated.executed.contains(&link.received),
        "own events never count as strays"
    );
}

pub async fn silent_peer(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    a.signal(Signal::SIGSTOP);
    let began = Instant::now();
    stop_receiver(&b.handle).await.unwrap();
    eprintln!(
        "   receiver of a frozen source stopped in {:?}",
        began.elapsed()
    );
    assert!(began.elapsed() < Duration::from_millis(500));
    start_receiver(&b.handle, &a.handle).await.unwrap();
    b.until("connecting", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Connecting
    })
    .await;
    let began = Instant::now();
    stop_receiver(&b.handle).await.unwrap();
    eprintln!("   connecting receiver stopped in {:?}", began.elapsed());
    a.signal(Signal::SIGCONT);
    start_receiver(&b.handle, &a.handle).await.unwrap();
    b.until("running", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Running
    })
    .await;
}

/// With the certificates that MySQL makes for itself.
pub async fn over_tls(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    let mut target = b.target().as_ref().clone();
    target.tls = Some(pair.tls_of_a());
    let over_tls = ServerHandle::new(target.into());
    point(&over_tls, &GtidSet::new()).await.unwrap();
    start_receiver(&over_tls, &a.handle).await.unwrap();
    start_applier(&over_tls).await.unwrap();
    b.until("running", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Running
    })
    .await;
    let mut target = a.target().as_ref().clone();
    target.tls = Some(pair.tls_of_a());
    prove_replication(&Arc::new(target), LIMIT).await.unwrap();
    let began = Instant::now();
    point(&over_tls, &GtidSet::new()).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(100),
        "the goal was reached"
    );
    let running = b.look().await.link.unwrap();
    assert!(running.applier && running.receiver == Receiver::Running);
}

/// MariaDB: a limit marks a commit that waits as killed, and it waits on; KILL QUERY answers OK to it.
pub async fn limit_of_a_statement(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    let lossless = |fact: &ServerFact| fact.semi_sync.is_lossless() && fact.semi_sync.clients == 1;
    a.until("armed", lossless).await;
    for limited in ["DROP TABLE t.limited", "INSERT INTO t.x VALUES (800)"] {
        a.sql("CREATE TABLE IF NOT EXISTS t.limited (i INT)").await;
        let mut client = a.root().await;
        client
            .run("SET SESSION max_statement_time=0.2", LIMIT)
            .await
            .unwrap();
        b.signal(Signal::SIGSTOP);
        let waited = client
            .run_left_alone(limited, Some(Duration::from_secs(1)))
            .await;
        b.signal(Signal::SIGCONT);
        let error = waited.unwrap_err();
        assert!(error.is_deadline(), "{limited}: {}", error.chain());
        b.until_has(&a.look().await.executed).await;
    }
}

pub async fn relay_logs(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    stop_applier(&b.handle).await.unwrap();
    stop_applier(&b.handle).await.unwrap();
    a.sql("INSERT INTO t.x VALUES (10), (11)").await;
    let written = a.look().await.executed;
    let fact = b.until("received", |fact| {
        fact.link.as_ref().unwrap().received.contains(&written)
    });
    assert!(!fact.await.executed.contains(&written));
    let stopped = stop_receiver(&b.handle).await;
    match b.target().family {
        Family::Mariadb => assert!(
            matches!(&stopped, Err(ActionError::Refused(_))),
            "{stopped:?}"
        ),
        Family::Mysql => {
            stopped.unwrap();
            stop_receiver(&b.handle).await.unwrap();
            // Another peer asks for a CHANGE, which would delete them.
            let mut target = b.target().as_ref().clone();
            target.peer.port = 1;
            let elsewhere = ServerHandle::new(target.into());
            let error = point(&elsewhere, &GtidSet::new()).await.unwrap_err();
            assert!(matches!(&error, ActionError::Refused(_)), "{error}");
            eprintln!("   {error}");
        }
    }
    start_applier(&b.handle).await.unwrap();
    start_receiver(&b.handle, &a.handle).await.unwrap();
    b.until_has(&written).await;
    let began = Instant::now();
    stop_receiver(&b.handle).await.unwrap();
    eprintln!("   receiver stopped in {:?}", began.elapsed());
    assert_eq!(b.look().await.link.unwrap().receiver, Receiver::Stopped);
    // Its files cannot be read after a kill at the wrong moment: it goes on without them.
    stop_applier(&b.handle).await.unwrap();
    reset_link(&b.handle).await.unwrap();
    // On MySQL the applier alone finds no metadata (1871).
    start_receiver(&b.handle, &a.handle).await.unwrap();
    start_applier(&b.handle).await.unwrap();
    b.until("running", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Running
    })
    .await;
}
