//! A switchover and a failover behind half a transaction, by the actions alone.

use std::time::{Duration, Instant};

use dualmasterd::act::close::{close, open};
use dualmasterd::act::link::{start_applier, stop_applier, stop_receiver};
use dualmasterd::act::semi_sync::{arm_source, disarm_source};
use dualmasterd::act::sessions::{Which, close_sessions};
use dualmasterd::model::server::ENDLESS_MS;
use dualmasterd::mysql::look::Looker;

use crate::BUDGET;
use crate::pair::{LIMIT, Pair, life, now};

pub async fn switchover(pair: &Pair) {
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

/// The writer dies while a big transaction is on its way.
pub async fn half_a_transaction(pair: &mut Pair) {
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
        let fact = looker.look_full(&life(), now, LIMIT).await.unwrap();
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
