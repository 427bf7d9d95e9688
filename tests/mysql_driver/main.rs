//! The driver, the looks and every action on real servers of both families.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![allow(clippy::disallowed_methods, reason = "tests measure time")]

mod pair;

use std::time::{Duration, Instant};

use dualmasterd::act::accounts::{App, bootstrap, create_app};
use dualmasterd::act::close::{close, open};
use dualmasterd::act::link::{point, start_applier, start_receiver, stop_applier, stop_receiver};
use dualmasterd::act::semi_sync::{arm_source, disarm_source, set_ack_timeout};
use dualmasterd::act::server::set_events;
use dualmasterd::act::sessions::{Which, close_sessions};
use dualmasterd::model::action::{ActionError, Brought};
use dualmasterd::model::link::Receiver;
use dualmasterd::model::server::{ENDLESS_MS, Family};
use dualmasterd::mysql::{Account, Session};

use self::pair::{LIMIT, Pair};

const BUDGET: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "current_thread")]
async fn mariadb() {
    all(Family::Mariadb, 25110).await;
}

#[tokio::test(flavor = "current_thread")]
async fn mysql() {
    all(Family::Mysql, 25120).await;
}

async fn all(family: Family, port: u16) {
    let mut pair = Pair::start(family, port).await;
    step("bootstrap");
    accounts(&pair).await;
    step("link");
    link(&pair).await;
    step("application");
    application(&pair).await;
    step("late statements");
    late_statements(&pair).await;
    step("too many connections");
    too_many_connections(&pair).await;
    step("close");
    closing(&pair).await;
    step("sessions");
    sessions(&pair).await;
    step("relay logs");
    relay_logs(&mut pair).await;
    step("switchover");
    switchover(&pair).await;
}

fn step(name: &str) {
    eprintln!("-- {name}");
}

async fn accounts(pair: &Pair) {
    for server in [&pair.a, &pair.b] {
        bootstrap(&server.handle).await.unwrap();
        bootstrap(&server.handle).await.unwrap();
        let fact = server.look().await;
        assert!(fact.executed.is_empty(), "{}", fact.executed);
        assert!(!fact.writable && fact.link.is_none() && fact.heartbeats.is_empty());
        assert!(fact.semi_sync.available && fact.semi_sync.replica_on && fact.semi_sync.after_sync);
        assert!(!fact.semi_sync.source_on && fact.strict && fact.logs_updates);
        assert_eq!(fact.version, server.root().await.dialect().version());
        let roots = "SELECT COUNT(*) FROM mysql.user WHERE User = 'root'";
        assert_eq!(server.value(roots).await.unwrap(), "1");

        let mut monitor = Session::connect(server.target(), Account::Monitor, LIMIT)
            .await
            .unwrap();
        for (sql, errno) in [
            (
                "REPLACE INTO dualmasterd.heartbeat (ts, server_id) VALUES ('', 9)",
                1290,
            ),
            ("SET GLOBAL read_only=0", 1227),
            ("CREATE DATABASE d", 1290),
            ("SELECT * FROM mysql.user", 1142),
            ("STOP SLAVE", 1227),
        ] {
            let sql = match (server.target().family, sql) {
                (Family::Mysql, "STOP SLAVE") => "STOP REPLICA",
                (_, sql) => sql,
            };
            let error = monitor.run(sql, LIMIT).await.unwrap_err();
            assert_eq!(error.errno, Some(errno), "{}", error.chain());
        }
        monitor
            .run("SET SESSION sql_log_bin=0", LIMIT)
            .await
            .unwrap();
    }
    // A lost password is repaired; without root everything must be there.
    pair.a
        .sql("SET SESSION sql_log_bin=0; SET GLOBAL read_only=0")
        .await;
    pair.a
        .sql("SET SESSION sql_log_bin=0; ALTER USER 'dualmasterd_monitor'@'localhost' IDENTIFIED BY 'x'")
        .await;
    let refused = Session::connect(pair.a.target(), Account::Monitor, LIMIT)
        .await
        .unwrap_err();
    assert_eq!(refused.errno, Some(1045));
    bootstrap(&pair.a.handle).await.unwrap();
    pair.a.sql("SET GLOBAL read_only=1").await;
    assert!(pair.a.look().await.executed.is_empty());
}

async fn link(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    open(&a.handle).await.unwrap();
    assert!(a.look().await.writable);
    a.sql("CREATE DATABASE t; CREATE TABLE t.x (i INT PRIMARY KEY) ENGINE=InnoDB")
        .await;
    for (server, peer) in [(b, a), (a, b)] {
        let missing = start_receiver(&server.handle, &peer.handle).await;
        assert!(matches!(missing, Err(ActionError::Failed(_))));
        point(&server.handle).await.unwrap();
        point(&server.handle).await.unwrap();
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

async fn application(pair: &Pair) {
    let app = App {
        user: "it's`\"\\".to_owned(),
        host: "%".to_owned(),
        password: "p'w\\\"`😀".to_owned().into(),
        schema: format!("a`'_%{}", "ä".repeat(50)),
    };
    assert!(
        create_app(&pair.b.handle, &app).await.is_err(),
        "never on the reader"
    );
    create_app(&pair.a.handle, &app).await.unwrap();
    create_app(&pair.a.handle, &app).await.unwrap();
    pair.b.until_has(&pair.a.look().await.executed).await;
    let there = "SELECT COUNT(*) FROM mysql.user WHERE User = 'it''s`\"\\\\'";
    assert_eq!(pair.b.value(there).await.unwrap(), "1");
}

async fn late_statements(pair: &Pair) {
    let mut session = Session::connect(pair.a.target(), Account::Manage, LIMIT)
        .await
        .unwrap();
    let began = Instant::now();
    let error = session
        .run("SELECT SLEEP(30)", Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(error.is_deadline() && began.elapsed() < Duration::from_millis(400));
    assert!(!session.usable());
    assert!(
        session.run("SELECT 1", LIMIT).await.is_err(),
        "never reused"
    );
    let left = "SELECT COUNT(*) FROM information_schema.processlist WHERE INFO LIKE '%SLEEP(30%' \
        AND ID <> CONNECTION_ID()";
    for _ in 0..50 {
        if pair.a.value(left).await.unwrap() == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the late statement still runs");
}

async fn too_many_connections(pair: &Pair) {
    pair.a.handle.warm_up().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..40 {
        match Session::connect(pair.a.target(), Account::Root, LIMIT).await {
            Ok(session) => held.push(session),
            Err(_) => break,
        }
    }
    let session = Session::connect(pair.a.target(), Account::Monitor, LIMIT)
        .await
        .unwrap();
    assert!(session.usable());
    drop(held);
    for _ in 0..100 {
        if Session::connect(pair.a.target(), Account::Root, LIMIT)
            .await
            .is_ok()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn closing(pair: &Pair) {
    let a = &pair.a;
    let mut blocker = a.root().await;
    blocker.run("LOCK TABLES t.x WRITE", LIMIT).await.unwrap();
    let began = Instant::now();
    let error = close(&a.handle, BUDGET).await.unwrap_err();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(300), "{took:?}");
    assert!(
        matches!(&error, ActionError::Failed(why) if why.contains("in the way")),
        "{error}"
    );
    if a.target().family == Family::Mysql {
        assert!(
            error
                .to_string()
                .contains(&format!("session {}", blocker.id())),
            "{error}"
        );
    }
    eprintln!("   {error} ({took:?})");
    assert!(a.look().await.writable, "nothing changed");
    blocker.run("UNLOCK TABLES", LIMIT).await.unwrap();
    set_events(&a.handle, true).await.unwrap();
    assert!(a.look().await.events_on);
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(close(&a.handle, BUDGET).await.unwrap(), Brought::Nothing);
        eprintln!("   closed in {:?}", began.elapsed());
    }
    assert!(!a.look().await.writable);
    open(&a.handle).await.unwrap();
    open(&a.handle).await.unwrap();
    set_events(&a.handle, false).await.unwrap();
    let fact = a.look().await;
    assert!(fact.writable && !fact.events_on);
}

async fn sessions(pair: &Pair) {
    let a = &pair.a;
    let mut clients = vec![a.root().await, a.root().await];
    let began = Instant::now();
    let brought = close_sessions(&a.handle, Which::PassReadOnly)
        .await
        .unwrap();
    let Brought::Closed { sessions, returned } = brought else {
        panic!()
    };
    eprintln!(
        "   {sessions} ended in {:?}, returned {returned:?}",
        began.elapsed()
    );
    assert!(sessions >= 2);
    for client in &mut clients {
        assert!(client.run("SELECT 1", LIMIT).await.is_err());
    }
    let none = close_sessions(&a.handle, Which::All).await.unwrap();
    assert_eq!(
        none,
        Brought::Closed {
            sessions: 0,
            returned: Vec::new()
        }
    );
    let fact = a.look().await;
    assert_eq!(fact.semi_sync.clients, 1, "dump threads stay");
    assert_eq!(fact.link.unwrap().receiver, Receiver::Running);
}

async fn relay_logs(pair: &mut Pair) {
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
            let elsewhere = dualmasterd::act::ServerHandle::new(target.into());
            let error = point(&elsewhere).await.unwrap_err();
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
    start_receiver(&b.handle, &a.handle).await.unwrap();
    b.until("running", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Running
    })
    .await;
}

async fn switchover(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    for (old, new) in [(a, b), (b, a)] {
        old.handle.warm_up().await.unwrap();
        new.handle.warm_up().await.unwrap();
        let began = Instant::now();
        close(&old.handle, BUDGET).await.unwrap();
        close_sessions(&old.handle, Which::PassReadOnly)
            .await
            .unwrap();
        let position = old.look().await.executed;
        new.until_has(&position).await;
        stop_applier(&new.handle).await.unwrap();
        arm_source(&new.handle, ENDLESS_MS).await.unwrap();
        open(&new.handle).await.unwrap();
        let opened = began.elapsed();
        disarm_source(&old.handle).await.unwrap();
        start_applier(&old.handle).await.unwrap();
        new.sql("INSERT INTO t.x SELECT MAX(i) + 1 FROM t.x").await;
        eprintln!(
            "   open after {opened:?}, first commit after {:?}",
            began.elapsed()
        );
        let written = new.look().await.executed;
        let fact = old.until_has(&written).await;
        assert!(!fact.writable && !fact.semi_sync.source_on);
        let fact = new.look().await;
        assert!(fact.semi_sync.is_lossless() && !fact.link.unwrap().applier);
    }
}
