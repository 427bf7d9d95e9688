//! The driver, the looks and every action on real servers of both families.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![allow(clippy::disallowed_methods, reason = "tests measure time")]

mod pair;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dualmasterd::act::ServerHandle;
use dualmasterd::act::accounts::{App, bootstrap, create_app};
use dualmasterd::act::close::{close, open};
use dualmasterd::act::events::hand_over_events;
use dualmasterd::act::link::{point, start_applier, start_receiver, stop_applier, stop_receiver};
use dualmasterd::act::semi_sync::{arm_source, disarm_source, set_ack_timeout};
use dualmasterd::act::server::set_events;
use dualmasterd::act::sessions::{Which, close_sessions};
use dualmasterd::model::action::{ActionError, Brought};
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::server::{ENDLESS_MS, Family, ServerFact};
use dualmasterd::mysql::{Account, Session};

use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::member::Side;
use dualmasterd::model::probe::Pace;
use dualmasterd::model::probe::ProbeFact;
use dualmasterd::mysql::accounts::prove_replication;
use dualmasterd::mysql::cells::nth;
use dualmasterd::mysql::look::Looker;
use dualmasterd::mysql::quote::quote_str;
use dualmasterd::observe::observer::Observer;
use dualmasterd::observe::probes::{WriterProbe, spawn_prober};
use dualmasterd::observe::server::{Steering, spawn_looker};
use dualmasterd::observe::{ProbeKind, Seen};
use mysql_async::prelude::Queryable;
use nix::sys::signal::Signal;
use tokio::sync::{Notify, mpsc, watch};

use self::pair::{LIMIT, Pair, Server, life};

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
    if family == Family::Mariadb {
        step("routines with an administrator's right");
        definers(&pair).await;
    }
    step("relay logs");
    relay_logs(&pair).await;
    if family == Family::Mariadb {
        step("positions");
        position_behind(&pair).await;
        peer_with_a_backlog(&pair).await;
        only_received(&pair).await;
    }
    step("observers");
    observers(&pair).await;
    step("events");
    events(&pair).await;
    step("switchover");
    switchover(&pair).await;
    step("silent peer");
    silent_peer(&pair).await;
    step("times of a look");
    times(&pair).await;
    step("cost at rest");
    cost_at_rest(&pair).await;
    if family == Family::Mysql {
        step("link over TLS");
        link_over_tls(&pair).await;
    }
    step("half a transaction");
    half_a_transaction(&mut pair).await;
}

/// A server's mode in which a backslash is a letter changes none of our texts.
async fn quoting(server: &Server) {
    let mode = server.value("SELECT @@global.sql_mode").await.unwrap();
    let mut root = server.root().await;
    let set = "SET GLOBAL sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES'";
    root.run(set, LIMIT).await.unwrap();
    let text = r"a\b\\c'd";
    let sql = format!("SELECT {} AS said", quote_str(text));
    let rows = server.root().await.rows(&sql, LIMIT).await.unwrap();
    assert_eq!(nth(&rows[0], 0).unwrap(), text);
    let back = format!("SET GLOBAL sql_mode={}", quote_str(&mode));
    root.run(&back, LIMIT).await.unwrap();
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
    quoting(&pair.a).await;
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
    assert!(a.look().await.is_closed());
    if a.target().family == Family::Mysql {
        a.root()
            .await
            .run("SET GLOBAL super_read_only=0", LIMIT)
            .await
            .unwrap();
        let fact = a.look().await;
        assert!(!fact.writable && !fact.is_closed(), "administrators get in");
        close(&a.handle, BUDGET).await.unwrap();
        assert!(a.look().await.is_closed());
    }
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
    let Brought::Closed {
        sessions,
        returned,
        position,
    } = brought
    else {
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
    let fact = a.look().await;
    assert_eq!(position, fact.executed);
    assert_eq!(
        none,
        Brought::Closed {
            sessions: 0,
            returned: Vec::new(),
            position: fact.executed.clone()
        }
    );
    assert_eq!(fact.semi_sync.clients, 1, "dump threads stay");
    assert_eq!(fact.link.unwrap().receiver, Receiver::Running);
}

/// On MariaDB a routine that runs with an administrator's right writes through `read_only` for whoever
/// calls it: then an ordinary client's session is one of those that have to be ended.
async fn definers(pair: &Pair) {
    let a = &pair.a;
    a.sql(
        "CREATE USER plain@localhost IDENTIFIED BY 'p'; GRANT EXECUTE, SELECT ON t.* TO plain@localhost",
    )
    .await;
    let client = || {
        let opts = mysql_async::OptsBuilder::default()
            .socket(
                a.target()
                    .socket
                    .as_ref()
                    .map(|path| path.display().to_string()),
            )
            .user(Some("plain"))
            .pass(Some("p"));
        mysql_async::Conn::new(opts)
    };
    let mut plain = client().await.unwrap();
    close_sessions(&a.handle, Which::PassReadOnly)
        .await
        .unwrap();
    plain
        .query_drop("SELECT 1")
        .await
        .expect("it cannot write through read_only");
    a.sql(
        "CREATE DEFINER=root@localhost PROCEDURE t.p() SQL SECURITY DEFINER \
         INSERT INTO t.x VALUES (1000)",
    )
    .await;
    close(&a.handle, BUDGET).await.unwrap();
    plain
        .query_drop("CALL t.p()")
        .await
        .expect("the routine passes read_only");
    close_sessions(&a.handle, Which::PassReadOnly)
        .await
        .unwrap();
    assert!(plain.query_drop("SELECT 1").await.is_err());
    open(&a.handle).await.unwrap();
    a.sql("DROP PROCEDURE t.p").await;
    pair.b.until_has(&a.look().await.executed).await;
}

async fn relay_logs(pair: &Pair) {
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
    start_receiver(&b.handle, &a.handle).await.unwrap();
    b.until("running", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Running
    })
    .await;
}

/// A crash between a statement's entry in the binary log and its entry in `mysql.gtid_slave_pos`.
async fn position_behind(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    for applier_first in [true, false] {
        a.sql("INSERT INTO t.x SELECT MAX(i) + 1 FROM t.x").await;
        b.until_has(&a.look().await.executed).await;
        b.sql("STOP SLAVE").await;
        set_back(b).await;
        if applier_first {
            start_applier(&b.handle).await.unwrap();
            start_receiver(&b.handle, &a.handle).await.unwrap();
        } else {
            start_receiver(&b.handle, &a.handle).await.unwrap();
            start_applier(&b.handle).await.unwrap();
        }
        applies(a, b).await;
    }
    // Somebody else started it from there.
    b.sql("STOP SLAVE").await;
    set_back(b).await;
    b.sql("START SLAVE").await;
    let stuck = |fact: &ServerFact| fact.link.as_ref().unwrap().repeats();
    b.until("the applier stops", stuck).await;
    a.sql("INSERT INTO t.x SELECT MAX(i) + 1 FROM t.x").await;
    let written = a.look().await.executed;
    b.until("received", |fact| {
        fact.link.as_ref().unwrap().received.contains(&written)
    })
    .await;
    let refused = point(&b.handle, &GtidSet::new()).await;
    assert!(
        matches!(&refused, Err(ActionError::Refused(_))),
        "{refused:?}"
    );
    point(&b.handle, &written).await.unwrap();
    let link = b.look().await.link.unwrap();
    assert!(!link.received.contains(&written), "{}", link.received);
    start_receiver(&b.handle, &a.handle).await.unwrap();
    start_applier(&b.handle).await.unwrap();
    applies(a, b).await;
}

/// Makes the position lack the last transaction.
async fn set_back(server: &Server) {
    let position = server.value("SELECT @@gtid_slave_pos").await.unwrap();
    let (origin, last) = position.rsplit_once('-').unwrap();
    let before = last.parse::<u64>().unwrap() - 1;
    server
        .sql(&format!(
            "SET GLOBAL gtid_strict_mode=0; SET GLOBAL gtid_slave_pos='{origin}-{before}'; \
             SET GLOBAL gtid_strict_mode=1"
        ))
        .await;
}

/// What one writes the other has soon, without any error.
async fn applies(writer: &Server, reader: &Server) {
    writer
        .sql("INSERT INTO t.x SELECT MAX(i) + 1 FROM t.x")
        .await;
    let fact = reader.until_has(&writer.look().await.executed).await;
    let link = fact.link.unwrap();
    assert!(
        link.applier && link.receiver == Receiver::Running,
        "{link:#?}"
    );
}

/// A writer's receiver names what the reader has yet to apply, while the writer goes on writing.
async fn peer_with_a_backlog(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    stop_receiver(&a.handle).await.unwrap();
    let mut lock = b.root().await;
    lock.run(
        "SET SESSION max_statement_time=0; LOCK TABLES t.x READ",
        LIMIT,
    )
    .await
    .unwrap();
    for _ in 0..20 {
        a.sql("INSERT INTO t.x SELECT MAX(i) + 1 FROM t.x").await;
    }
    let (writer, stop) = (a.root().await, Arc::new(Notify::new()));
    let writing = tokio::spawn(keep_writing(writer, stop.clone()));
    let began = Instant::now();
    let started = start_receiver(&a.handle, &b.handle);
    let unlocked = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        lock.run("UNLOCK TABLES", LIMIT).await.unwrap();
    };
    let (started, ()) = tokio::join!(started, unlocked);
    started.unwrap();
    eprintln!("   the reader had it after {:?}", began.elapsed());
    a.until("running", |fact| {
        fact.link.as_ref().unwrap().receiver == Receiver::Running
    })
    .await;
    stop.notify_one();
    writing.await.unwrap();
}

async fn keep_writing(mut session: Session, stop: Arc<Notify>) {
    loop {
        let insert = session.run("INSERT INTO t.x SELECT MAX(i) + 1 FROM t.x", LIMIT);
        insert.await.unwrap();
        if tokio::time::timeout(Duration::from_millis(2), stop.notified())
            .await
            .is_ok()
        {
            return;
        }
    }
}

/// Both threads were stopped by hand: what only the relay log holds stays, what the peer has may go.
async fn only_received(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    stop_applier(&b.handle).await.unwrap();
    a.sql("INSERT INTO t.x SELECT MAX(i) + 1 FROM t.x").await;
    let written = a.look().await.executed;
    b.until("received", |fact| {
        fact.link.as_ref().unwrap().received.contains(&written)
    })
    .await;
    b.sql("STOP SLAVE").await;
    for refused in [
        start_applier(&b.handle).await,
        start_receiver(&b.handle, &a.handle).await,
        point(&b.handle, &GtidSet::new()).await,
    ] {
        assert!(
            matches!(&refused, Err(ActionError::Refused(_))),
            "{refused:?}"
        );
    }
    point(&b.handle, &written).await.unwrap();
    let fact = b.look().await;
    assert_eq!(fact.link.unwrap().received, fact.executed);
    start_applier(&b.handle).await.unwrap();
    start_receiver(&b.handle, &a.handle).await.unwrap();
    applies(a, b).await;
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

struct Watched {
    life: watch::Sender<Option<Incarnation>>,
    writer: watch::Sender<Option<WriterProbe>>,
    pace: watch::Sender<Pace>,
    poke: Arc<Notify>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Watched {
    fn start(server: &Server, side: Side) -> Self {
        let (life, life_seen) = watch::channel(Some(life()));
        let (writer, writer_seen) = watch::channel(None);
        let (pace, pace_seen) = watch::channel(Pace::Rest);
        let (publish, seen) = mpsc::unbounded_channel();
        let poke = Arc::new(Notify::new());
        let observer = Observer {
            side,
            target: server.target().clone(),
            now: pair::now,
            life: life_seen,
            publish,
        };
        spawn_prober(&observer, Duration::from_millis(250), &writer_seen);
        let steering = Steering {
            poke: poke.clone(),
            pace: pace_seen,
        };
        spawn_looker(observer, steering);
        Self {
            life,
            writer,
            pace,
            poke,
            seen,
        }
    }

    /// Reads until something is as wanted.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let found = async {
            loop {
                let seen = self.seen.recv().await.unwrap();
                if wanted(&seen) {
                    return seen;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found)
            .await
            .expect(what)
    }

    async fn nothing_from(&mut self, span: Duration, unwanted: impl Fn(&Seen) -> bool) {
        let end = tokio::time::Instant::now() + span;
        while let Ok(seen) = tokio::time::timeout_at(end, self.seen.recv()).await {
            let seen = seen.unwrap();
            assert!(!unwanted(&seen), "{seen:?}");
        }
    }
}

fn look_of(seen: &Seen) -> Option<&ServerFact> {
    match seen {
        Seen::Look(_, look) => look.as_ref().as_ref().ok(),
        Seen::Process(..) | Seen::Instance(..) | Seen::Probe(..) | Seen::Endpoint(_) => None,
    }
}

fn answered(question: ProbeKind) -> impl Fn(&Seen) -> bool {
    move |seen| {
        matches!(seen, Seen::Probe(_, q, fact) if *q == question && fact.last_ok.is_some()
            && fact.pending_since.is_none() && fact.error.is_none())
    }
}

fn pending(question: ProbeKind) -> impl Fn(&Seen) -> bool {
    move |seen| matches!(seen, Seen::Probe(_, q, fact) if *q == question && fact.pending_since.is_some())
}

async fn observers(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    let mut watched = Watched::start(a, Side::A);
    watched
        .until("a look", |seen| look_of(seen).is_some())
        .await;
    watched.until("a ping", answered(ProbeKind::Ping)).await;
    watched.until("a login", answered(ProbeKind::Login)).await;
    let of_the_writer = |seen: &Seen| {
        matches!(
            seen,
            Seen::Probe(_, ProbeKind::LocalWrite | ProbeKind::Heartbeat, _)
        )
    };
    watched
        .nothing_from(Duration::from_millis(500), of_the_writer)
        .await;

    // As writer: a row with epoch and writer comes to the reader.
    let before = a.look().await.executed;
    watched
        .writer
        .send(Some(WriterProbe {
            epoch: 7,
            writer: 1,
        }))
        .unwrap();
    watched
        .until("a local write", answered(ProbeKind::LocalWrite))
        .await;
    watched
        .until("a heartbeat", answered(ProbeKind::Heartbeat))
        .await;
    let fact = b
        .until("the heartbeat arrived", |fact| !fact.heartbeats.is_empty())
        .await;
    let row = fact.heartbeats[0].clone();
    assert_eq!((row.server_id, row.epoch, row.writer), (1, 7, 1));
    assert!(row.written_ms > 1_700_000_000_000);
    assert_ne!(a.look().await.executed, before);

    // A frozen reader: the heartbeat waits and is left alone, the local write does not wait.
    b.signal(Signal::SIGSTOP);
    watched.until("waits", pending(ProbeKind::Heartbeat)).await;
    watched
        .until("does not wait", answered(ProbeKind::LocalWrite))
        .await;
    let waiting = |seen: &Seen| look_of(seen).is_some_and(|fact| fact.semi_sync.waiting);
    watched.until("is waited for", waiting).await;
    b.signal(Signal::SIGCONT);
    watched
        .until("acknowledged", answered(ProbeKind::Heartbeat))
        .await;

    // A frozen writer: everything waits.
    a.signal(Signal::SIGSTOP);
    for question in [
        ProbeKind::Ping,
        ProbeKind::LocalWrite,
        ProbeKind::Heartbeat,
        ProbeKind::Login,
    ] {
        // Each waits on its own; which comes first is chance.
        let mut other = Watched::start(b, Side::B);
        other
            .until(
                "the other member is not in the way",
                answered(ProbeKind::Ping),
            )
            .await;
        if question == ProbeKind::Ping {
            watched.until("waits", pending(question)).await;
        }
    }
    watched
        .until(
            "the look fails",
            |seen| matches!(seen, Seen::Look(_, look) if look.is_err()),
        )
        .await;
    a.signal(Signal::SIGCONT);
    watched.until("answers", answered(ProbeKind::Ping)).await;
    watched
        .until("answers", answered(ProbeKind::Heartbeat))
        .await;

    // Unset: stops at once. Poked in a hurry: looks at once.
    watched.writer.send(None).unwrap();
    let reset = |seen: &Seen| matches!(seen, Seen::Probe(_, ProbeKind::Heartbeat, fact) if *fact == ProbeFact::default());
    watched.until("stopped", reset).await;
    let written = a.look().await.executed;
    watched.pace.send(Pace::Urgent).unwrap();
    for _ in 0..20 {
        let began = pair::now();
        watched.poke.notify_one();
        let look = |seen: &Seen| look_of(seen).is_some_and(|fact| fact.asked >= began);
        watched.until("a look", look).await;
        let took = pair::now().since(began);
        assert!(took < Duration::from_millis(250), "{took:?}");
    }
    assert_eq!(a.look().await.executed, written);
    // No life: nothing is asked.
    watched.life.send(None).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    while watched.seen.try_recv().is_ok() {}
    watched
        .nothing_from(Duration::from_millis(800), |_| true)
        .await;
}

async fn events(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    let watched = Watched::start(a, Side::A);
    a.sql(
        "CREATE DATABASE `e``v`; CREATE USER definer@localhost; \
         GRANT ALL ON *.* TO definer@localhost; \
         CREATE DEFINER=definer@localhost EVENT `e``v`.`on'1` ON SCHEDULE EVERY 1 DAY DO DO 1; \
         CREATE DEFINER=definer@localhost EVENT `e``v`.`off` ON SCHEDULE EVERY 1 DAY DISABLE DO DO 1",
    )
    .await;
    watched
        .writer
        .send(Some(WriterProbe {
            epoch: 7,
            writer: 1,
        }))
        .unwrap();
    for _ in 0..100 {
        if b.value("SELECT event_name FROM dualmasterd.events")
            .await
            .is_some()
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    watched.writer.send(None).unwrap();
    let count = "SELECT CONCAT(COUNT(*), MIN(event_name)) FROM dualmasterd.events";
    assert_eq!(b.value(count).await.unwrap(), "1on'1");

    // As after b became writer: the enabled one alone is enabled there, with its definer.
    stop_applier(&b.handle).await.unwrap();
    disarm_source(&a.handle).await.unwrap();
    close(&a.handle, BUDGET).await.unwrap();
    open(&b.handle).await.unwrap();
    hand_over_events(&b.handle).await.unwrap();
    hand_over_events(&b.handle).await.unwrap();
    let state = "SELECT GROUP_CONCAT(EVENT_NAME, ' ', STATUS, ' ', DEFINER ORDER BY EVENT_NAME DESC) \
        FROM information_schema.events";
    let state = b.value(state).await.unwrap();
    assert!(
        state.starts_with("on'1 ENABLED definer@localhost,off "),
        "{state}"
    );
    assert!(state.contains("SIDE_DISABLED"), "{state}");
    close(&b.handle, BUDGET).await.unwrap();
    start_applier(&a.handle).await.unwrap();
    a.until_has(&b.look().await.executed).await;
    stop_applier(&a.handle).await.unwrap();
    start_applier(&b.handle).await.unwrap();
    arm_source(&a.handle, ENDLESS_MS).await.unwrap();
    open(&a.handle).await.unwrap();
    hand_over_events(&a.handle).await.unwrap();
    b.until_has(&a.look().await.executed).await;
}

async fn times(pair: &Pair) {
    for server in [&pair.a, &pair.b] {
        let mut looker = Looker::connect(server.target(), LIMIT).await.unwrap();
        let (mut full, mut quick) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let began = Instant::now();
            looker.look_full(&life(), pair::now, LIMIT).await.unwrap();
            full.push(began.elapsed());
            let began = Instant::now();
            looker.look_quick(&life(), pair::now, LIMIT).await.unwrap();
            quick.push(began.elapsed());
        }
        full.sort();
        quick.sort();
        eprintln!(
            "   {}: full look {:?} (max {:?}), quick {:?} (max {:?})",
            server.target().name,
            full[100],
            full[199],
            quick[100],
            quick[199]
        );
    }
}

async fn silent_peer(pair: &Pair) {
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

/// The writer dies while a big transaction is on its way.
async fn half_a_transaction(pair: &mut Pair) {
    pair.a
        .sql(
            "CREATE TABLE t.big (i INT PRIMARY KEY, b LONGBLOB) ENGINE=InnoDB; \
             INSERT INTO t.big VALUES (1, REPEAT('x', 1000000))",
        )
        .await;
    let before = pair.a.look().await.executed;
    pair.b.until_has(&before).await;
    disarm_source(&pair.a.handle).await.unwrap();
    // The receiver is slower than the writer: the writer is killed as soon as bytes arrive.
    let mut writer = pair.a.root().await;
    let rows: Vec<String> = (2..32)
        .map(|i| format!("SELECT {i}, b FROM t.big WHERE i = 1"))
        .collect();
    let big = format!("INSERT INTO t.big {}", rows.join(" UNION ALL "));
    let (mut half, at_rest) = (false, pair.fetched());
    tokio::spawn(async move { writer.run(&big, Duration::from_secs(20)).await });
    let mut looker = Looker::connect(pair.b.target(), LIMIT).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if pair.fetched() > at_rest + 2_000_000 {
            pair.a.kill();
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    stop_receiver(&pair.b.handle).await.unwrap();
    eprintln!("   receiver stopped in {:?}", began.elapsed());
    for _ in 0..100 {
        let fact = looker.look_full(&life(), pair::now, LIMIT).await.unwrap();
        let link = fact.link.unwrap();
        half = link.half;
        if half || !fact.executed.contains(&link.received) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let complete = pair.b.value("SELECT COUNT(*) FROM t.big").await.unwrap();
    eprintln!("   half: {half}, rows: {complete}");
    let began = Instant::now();
    stop_applier(&pair.b.handle).await.unwrap();
    eprintln!("   applier stopped in {:?}", began.elapsed());
    let link = pair.b.look().await.link.unwrap();
    assert!(!link.applier && !link.half);
    assert_eq!(link.applier_error, None);
    open(&pair.b.handle).await.unwrap();
    pair.b.sql("UPDATE t.big SET b = 'y'").await;
    assert_eq!(
        pair.b.value("SELECT COUNT(*) FROM t.big").await.unwrap(),
        "1"
    );
}

/// With the certificates that MySQL makes for itself.
async fn link_over_tls(pair: &Pair) {
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

/// Processor time of both members' observers, the writer's probes included.
async fn cost_at_rest(pair: &Pair) {
    let (a, b) = (
        Watched::start(&pair.a, Side::A),
        Watched::start(&pair.b, Side::B),
    );
    a.writer
        .send(Some(WriterProbe {
            epoch: 8,
            writer: 1,
        }))
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = processor_time();
    let span = Duration::from_secs(5);
    tokio::time::sleep(span).await;
    let used = processor_time() - before;
    let percent = 100.0 * used.as_secs_f64() / span.as_secs_f64();
    eprintln!("   {percent:.2} % of a core for both members");
    drop((a, b));
    // The last heartbeat is over before the next step.
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn processor_time() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let micros = |time: nix::sys::time::TimeVal| {
        u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap()
    };
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}
