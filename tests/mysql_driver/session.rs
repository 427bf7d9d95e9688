//! One session: a statement that comes too late, and a server without room for another connection.

use std::time::{Duration, Instant};

use dualmasterd::model::server::Family;
use dualmasterd::mysql::{Account, Session};

use crate::pair::{LIMIT, Pair};

pub async fn late(pair: &Pair) {
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

/// Whatever the server's own settings are.
pub async fn settings(pair: &Pair) {
    let (limit, own) = match pair.a.target().family {
        Family::Mariadb => ("max_statement_time", "max_statement_time=3600"),
        Family::Mysql => ("max_execution_time", "max_execution_time=3600000"),
    };
    let mut root = pair.a.root().await;
    let set = format!("SET GLOBAL autocommit=0, time_zone='+05:00', wait_timeout=60, {own}");
    root.run(&set, LIMIT).await.unwrap();
    let sql = format!(
        "SELECT CONCAT_WS(' ', @@autocommit = 1, @@time_zone, @@wait_timeout, @@{limit} = 0)"
    );
    assert_eq!(pair.a.value(&sql).await.unwrap(), "1 +00:00 28800 1");
    let back = format!(
        "SET GLOBAL autocommit=1, time_zone='SYSTEM', wait_timeout=DEFAULT, {limit}=DEFAULT"
    );
    root.run(&back, LIMIT).await.unwrap();
}

pub async fn without_room(pair: &Pair) {
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
