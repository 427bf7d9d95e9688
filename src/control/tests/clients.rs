//! Bad clients: nonsense, half lines, floods, those that do not read. Each costs its own connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::bench::{Bench, begin, code, hear, list, say, short};
use super::healthy;
use crate::control::commands::{Answer, Command, Failure};
use crate::control::socket::Limits;

#[tokio::test]
async fn nonsense_is_answered_and_the_connection_goes_on() {
    let bench = Bench::new(short()).await;
    let mut stream = bench.connect().await;
    for nonsense in [
        &b"\n"[..],
        b"{}\n",
        b"\xff\xfe\x00\n",
        b"[[[[[[[[[[[[\n",
        b"{\"version\":1,\"command\":{\"list\":{\"pair\":null,\"more\":1}}}\n",
        b"{\"version\":1,\"command\":{\"drop_everything\":{}}}\n",
        b"{\"version\":1,\"command\":{\"list\":{\"pair\":null}},\"extra\":1}\n",
    ] {
        stream.write_all(nonsense).await.unwrap();
        assert_eq!(
            code(&hear(&mut stream).await),
            Failure::Malformed,
            "{nonsense:?}"
        );
    }
    let newer = b"{\"version\":2,\"command\":{\"dance\":{}}}\n";
    stream.write_all(newer).await.unwrap();
    assert_eq!(code(&hear(&mut stream).await), Failure::Version);
    say(&mut stream, &list()).await;
    assert!(matches!(hear(&mut stream).await, Answer::Pairs(_)));
}

#[tokio::test]
async fn a_line_over_the_limit_ends_its_connection_alone() {
    let bench = Bench::new(short()).await;
    let mut stream = bench.connect().await;
    let writer = async {
        // The server closes while this is being sent: both results are fine.
        let (_, mut half) = stream.split();
        let _ = half.write_all(&vec![b'x'; 70 * 1024]).await;
    };
    writer.await;
    assert_eq!(code(&hear(&mut stream).await), Failure::Malformed);
    assert!(matches!(bench.ask(list()).await, Answer::Pairs(_)));
}

#[tokio::test]
async fn half_lines_and_slow_lines_end_their_connection_alone() {
    let bench = Bench::new(short()).await;
    let mut half = bench.connect().await;
    half.write_all(b"{\"version\":1").await.unwrap();
    half.shutdown().await.unwrap();
    assert_eq!(code(&hear(&mut half).await), Failure::Malformed);
    let mut slow = bench.connect().await;
    slow.write_all(b"{").await.unwrap();
    assert_eq!(code(&hear(&mut slow).await), Failure::Malformed);
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(matches!(bench.ask(list()).await, Answer::Pairs(_)));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let bench = Bench::new(short()).await;
    let mut stream = bench.connect().await;
    say(&mut stream, &Command::Version {}).await;
    say(&mut stream, &list()).await;
    let mut reader = BufReader::new(&mut stream);
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        reader.read_line(line).await.unwrap();
    }
    assert!(lines[0].starts_with("{\"version\""), "{}", lines[0]);
    assert!(lines[1].starts_with("{\"pairs\""), "{}", lines[1]);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    // More than the socket holds, and made in no time.
    const LONG: usize = 1 << 20;
    let bench = Bench::new(short()).await;
    let mut big = healthy();
    big.last_refusal = Some("x".repeat(LONG));
    bench.report.send_replace(Arc::new(big));
    let mut deaf = bench.connect().await;
    say(&mut deaf, &list()).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let mut bytes = Vec::new();
    let _ = deaf.read_to_end(&mut bytes).await;
    assert!(bytes.len() < LONG, "{} bytes", bytes.len());
}

#[tokio::test]
async fn a_hundred_idle_connections_leave_room_again() {
    let bench = Bench::new(short()).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(bench.connect().await);
    }
    let mut away = 0;
    for stream in &mut idle[64..] {
        assert_eq!(code(&hear(stream).await), Failure::Unavailable);
        away += 1;
    }
    assert_eq!(away, 36);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(matches!(bench.ask(list()).await, Answer::Pairs(_)));
}

#[tokio::test]
async fn a_watcher_that_hangs_up_frees_its_place() {
    let bench = Bench::new(Limits {
        connections: 1,
        ..short()
    })
    .await;
    begin(&bench.report);
    let mut watcher = bench.connect().await;
    let watch = Command::Watch {
        pair: None,
        op: 2,
        timeout_ms: 60_000,
    };
    say(&mut watcher, &watch).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(watcher);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(matches!(bench.ask(list()).await, Answer::Pairs(_)));
}
