//! MariaDB: a position behind the binary log, a reader with a backlog, relay logs of stopped threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dualmasterd::act::link::{point, start_applier, start_receiver, stop_applier, stop_receiver};
use dualmasterd::model::action::ActionError;
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::server::ServerFact;
use dualmasterd::mysql::Session;
use tokio::sync::Notify;

use crate::pair::{LIMIT, Pair, Server};

/// A crash between a statement's entry in the binary log and its entry in `mysql.gtid_slave_pos`.
pub async fn behind(pair: &Pair) {
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

/// A writer's receiver names what the reader has yet to apply, while the writer goes on writing.
pub async fn peer_with_a_backlog(pair: &Pair) {
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
pub async fn only_received(pair: &Pair) {
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
