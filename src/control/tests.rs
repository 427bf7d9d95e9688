//! Real sockets, with a loop in place of the daemon's that answers as told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::commands::{Answer, Command, Failure, Frame, PROTOCOL};
use super::desk::{Asked, AskedReload, AskedSessions, Desk, PairHandle, Pairs};
use super::report::*;
use super::socket::{BindError, Limits, Server};
use crate::model::action::OpId;
use crate::model::member::{Both, Side};
use crate::model::policy::{Automation, Durability};
use crate::model::request::{Granted, Guard, Refusal, Reply, Thread, Verb};
use crate::model::server::Family;

/// A healthy pair `orders` of `db1`, writer, and `db2`.
pub(crate) fn healthy() -> PairReport {
    let member = |name: &str, role, port| MemberReport {
        name: name.to_owned(),
        role,
        state: MemberState::Running,
        host: "127.0.0.1".to_owned(),
        port,
        server_id: u32::from(port),
        pid: Some(4711),
        server_version: Some("10.11.19".to_owned()),
        read_only: Some(role == Role::Reader),
        receiver: ThreadState::Running,
        applier: match role {
            Role::Writer => ThreadState::Gated,
            Role::Reader | Role::Unknown => ThreadState::Running,
        },
        lag_ms: (role == Role::Reader).then_some(120),
        lag_limit_ms: 5000,
        gtid_gap: (role == Role::Reader).then_some(3),
        holds: Vec::new(),
        last_error: None,
    };
    PairReport {
        pair: "orders".to_owned(),
        family: Family::Mariadb,
        durability: Durability::Lossless,
        automation: Automation::Automatic,
        state: PairState::Serving,
        detail: None,
        epoch: Some(7),
        writer: Some("db1".to_owned()),
        in_sync: true,
        failover_ready: true,
        members: vec![
            member("db1", Role::Writer, 3311),
            member("db2", Role::Reader, 3312),
        ],
        endpoint: Some(EndpointReport {
            writer: Some("db1".to_owned()),
            reader: Some("db2".to_owned()),
            address: true,
            answered: Some(3311),
            error: None,
        }),
        findings: Vec::new(),
        guards: vec![Guard {
            name: "in_sync".to_owned(),
            ok: true,
            value: "yes".to_owned(),
            limit: "yes".to_owned(),
            remedy: String::new(),
        }],
        switchover_guards: Vec::new(),
        operations: vec![OperationReport {
            op: 1,
            kind: OperationKind::Failover,
            from: Some("db2".to_owned()),
            to: "db1".to_owned(),
            why: "the writer's process ended".to_owned(),
            begun_ms: 1_790_000_000_000,
            ended: Some(Ended {
                moved: true,
                text: "db1 is the writer".to_owned(),
                epoch: Some(7),
                took_us: Some(23_400),
                write_gap_us: None,
            }),
            steps: vec![StepReport {
                action: "StopReceiver".to_owned(),
                member: Some("db1".to_owned()),
                after_us: 100,
                took_us: Some(2300),
                error: None,
            }],
        }],
        last_refusal: None,
    }
}

/// A server with its loop's double.
struct Bench {
    path: PathBuf,
    asked: mpsc::UnboundedReceiver<Verb>,
    report: Arc<watch::Sender<Arc<PairReport>>>,
    stop: Option<oneshot::Sender<()>>,
    server: tokio::task::JoinHandle<()>,
    _pairs: watch::Sender<Pairs>,
    _dir: tempfile::TempDir,
}

fn short() -> Limits {
    Limits {
        idle: Duration::from_millis(400),
        write: Duration::from_millis(300),
        ..Limits::default()
    }
}

impl Bench {
    async fn new(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let (report, report_rx) = watch::channel(Arc::new(healthy()));
        let report = Arc::new(report);
        let (requests, requests_rx) = mpsc::channel(8);
        let (sessions, sessions_rx) = mpsc::channel(8);
        let (reload, reload_rx) = mpsc::channel(8);
        let (told, asked) = mpsc::unbounded_channel();
        tokio::spawn(pair_loop(requests_rx, told, Arc::clone(&report)));
        tokio::spawn(sessions_task(sessions_rx));
        tokio::spawn(reload_task(reload_rx));
        let handle = PairHandle {
            members: Both {
                a: "db1".to_owned(),
                b: "db2".to_owned(),
            },
            requests,
            sessions,
            report: report_rx,
        };
        let (pairs, pairs_rx) = watch::channel(Pairs::from([("orders".to_owned(), handle)]));
        let desk = Desk::new(pairs_rx, reload, || 1_000_000);
        let (stop, stopped) = oneshot::channel();
        let server = Server::bind(&path).await.unwrap();
        let server = tokio::spawn(server.serve(desk, limits, async {
            let _ = stopped.await;
        }));
        Self {
            path,
            asked,
            report,
            stop: Some(stop),
            server,
            _pairs: pairs,
            _dir: dir,
        }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.path).await.unwrap()
    }

    async fn ask(&self, command: Command) -> Answer {
        let mut stream = self.connect().await;
        say(&mut stream, &command).await;
        hear(&mut stream).await
    }
}

/// Grants everything but `Ack`; a switchover ends 50 ms later.
async fn pair_loop(
    mut requests: mpsc::Receiver<Asked>,
    told: mpsc::UnboundedSender<Verb>,
    report: Arc<watch::Sender<Arc<PairReport>>>,
) {
    while let Some(Asked { request, reply }) = requests.recv().await {
        let _ = told.send(request.verb.clone());
        let result = match request.verb {
            Verb::Ack => Err(Refusal {
                text: "nothing to acknowledge".to_owned(),
                guards: healthy().guards,
            }),
            Verb::Switchover { .. } if !request.dry_run => {
                let report = Arc::clone(&report);
                begin(&report);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    end(&report);
                });
                Ok(Granted {
                    op: Some(OpId(2)),
                    text: "begun".to_owned(),
                })
            }
            Verb::Resume => continue,
            Verb::Switchover { .. }
            | Verb::Failover { .. }
            | Verb::Pause { .. }
            | Verb::Hold { .. }
            | Verb::Release { .. } => Ok(Granted {
                op: None,
                text: "done".to_owned(),
            }),
        };
        let _ = reply.send(Reply {
            id: request.id,
            result,
        });
    }
}

fn begin(report: &watch::Sender<Arc<PairReport>>) {
    let mut now = report.borrow().as_ref().clone();
    let mut op = now.operations[0].clone();
    op.op = 2;
    op.ended = None;
    now.operations.push(op);
    report.send_replace(Arc::new(now));
}

fn end(report: &watch::Sender<Arc<PairReport>>) {
    let mut now = report.borrow().as_ref().clone();
    let ended = now.operations[0].ended.clone();
    now.operations[1].ended = ended;
    report.send_replace(Arc::new(now));
}

async fn sessions_task(mut asked: mpsc::Receiver<AskedSessions>) {
    while let Some(AskedSessions { reply }) = asked.recv().await {
        let _ = reply.send(vec![MemberSessions {
            member: "db1".to_owned(),
            sessions: Err("no answer".to_owned()),
        }]);
    }
}

async fn reload_task(mut asked: mpsc::Receiver<AskedReload>) {
    while let Some(AskedReload { reply }) = asked.recv().await {
        let _ = reply.send(Err("line 3: unknown key".to_owned()));
    }
}

async fn say(stream: &mut UnixStream, command: &Command) {
    let frame = Frame {
        version: PROTOCOL,
        command: command.clone(),
    };
    let mut line = serde_json::to_vec(&frame).unwrap();
    line.push(b'\n');
    stream.write_all(&line).await.unwrap();
}

async fn hear(stream: &mut UnixStream) -> Answer {
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    tokio::time::timeout(Duration::from_secs(5), reader.read_line(&mut line))
        .await
        .expect("an answer in time")
        .unwrap();
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
}

fn code(answer: &Answer) -> Failure {
    let Answer::Failed { code, .. } = answer else {
        panic!("not a failure: {answer:?}")
    };
    *code
}

fn list() -> Command {
    Command::List { pair: None }
}

#[tokio::test]
async fn list_gives_the_newest_report() {
    let bench = Bench::new(short()).await;
    assert_eq!(bench.ask(list()).await, Answer::Pairs(vec![healthy()]));
    let mut changed = healthy();
    changed.epoch = Some(8);
    bench.report.send_replace(Arc::new(changed.clone()));
    assert_eq!(bench.ask(list()).await, Answer::Pairs(vec![changed]));
}

#[tokio::test]
async fn the_socket_is_mode_0660_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt;
    let mut bench = Bench::new(short()).await;
    let mode = std::fs::metadata(&bench.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    bench.stop.take().unwrap().send(()).unwrap();
    bench.server.await.unwrap();
    assert!(!bench.path.exists());
}

#[tokio::test]
async fn a_switchover_is_watched_to_its_end() {
    let mut bench = Bench::new(short()).await;
    let granted = bench
        .ask(Command::Switchover {
            pair: Some("orders".to_owned()),
            to: Some("db2".to_owned()),
            accept_own_rows: false,
            dry_run: false,
        })
        .await;
    assert!(
        matches!(granted, Answer::Granted { op: Some(2), .. }),
        "{granted:?}"
    );
    assert_eq!(
        bench.asked.recv().await,
        Some(Verb::Switchover {
            to: Some(Side::B),
            accept_own_rows: false
        })
    );
    let watch = |timeout_ms| Command::Watch {
        pair: None,
        op: 2,
        timeout_ms,
    };
    let Answer::Operation(op) = bench.ask(watch(5000)).await else {
        panic!()
    };
    assert!(op.ended.is_some());
    let missing = bench
        .ask(Command::Watch {
            pair: None,
            op: 99,
            timeout_ms: 20,
        })
        .await;
    assert_eq!(code(&missing), Failure::Unknown);
}

#[tokio::test]
async fn a_watch_that_runs_out_of_time_shows_the_operation_under_way() {
    let bench = Bench::new(short()).await;
    begin(&bench.report);
    let watch = Command::Watch {
        pair: None,
        op: 2,
        timeout_ms: 50,
    };
    let Answer::Operation(op) = bench.ask(watch).await else {
        panic!()
    };
    assert!(op.ended.is_none());
}

#[tokio::test]
async fn failover_goes_to_the_reader_by_default() {
    let mut bench = Bench::new(short()).await;
    let granted = bench
        .ask(Command::Failover {
            pair: None,
            candidate: None,
            accept_loss: true,
            dry_run: true,
        })
        .await;
    assert!(
        matches!(granted, Answer::Granted { op: None, .. }),
        "{granted:?}"
    );
    let asked = bench.asked.recv().await;
    assert_eq!(
        asked,
        Some(Verb::Failover {
            to: Side::B,
            accept_loss: true
        })
    );
}

#[tokio::test]
async fn a_hold_means_both_threads_of_the_reader_and_a_release_what_is_held() {
    let mut bench = Bench::new(short()).await;
    let hold = Command::Hold {
        pair: None,
        member: None,
        thread: None,
        for_ms: 5,
        reason: "backup".to_owned(),
    };
    assert!(matches!(bench.ask(hold).await, Answer::Granted { .. }));
    for thread in [Thread::Receiver, Thread::Applier] {
        let verb = Verb::Hold {
            side: Side::B,
            thread,
            until_ms: 1_000_005,
            reason: "backup".to_owned(),
        };
        assert_eq!(bench.asked.recv().await, Some(verb));
    }
    let release = Command::Release {
        pair: None,
        member: None,
        thread: None,
    };
    let Answer::Granted { text, .. } = bench.ask(release.clone()).await else {
        panic!()
    };
    assert_eq!(text, "nothing to do");
    let mut held = healthy();
    held.members[1].holds.push(HoldReport {
        thread: Thread::Applier,
        reason: "backup".to_owned(),
        until_ms: 1,
    });
    bench.report.send_replace(Arc::new(held));
    bench.ask(release).await;
    let verb = Verb::Release {
        side: Side::B,
        thread: Thread::Applier,
    };
    assert_eq!(bench.asked.recv().await, Some(verb));
}

#[tokio::test]
async fn a_reason_is_one_short_line() {
    let bench = Bench::new(short()).await;
    for reason in ["r".repeat(201), "two\nlines".into(), "\u{1b}[31mred".into()] {
        let pause = Command::Pause {
            pair: None,
            for_ms: None,
            reason: reason.clone(),
        };
        let hold = Command::Hold {
            pair: None,
            member: None,
            thread: None,
            for_ms: 1000,
            reason,
        };
        for command in [pause, hold] {
            let answer = bench.ask(command).await;
            let malformed = Failure::Malformed;
            assert!(
                matches!(&answer, Answer::Failed { code, .. } if *code == malformed),
                "{answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn refusals_and_failures_are_told_apart() {
    let bench = Bench::new(short()).await;
    let ack = bench.ask(Command::Ack { pair: None }).await;
    assert!(
        matches!(&ack, Answer::Refused { guards, .. } if guards.len() == 1),
        "{ack:?}"
    );
    let other = bench
        .ask(Command::Ack {
            pair: Some("x".to_owned()),
        })
        .await;
    assert_eq!(code(&other), Failure::Unknown);
    assert_eq!(
        code(&bench.ask(Command::Reload {}).await),
        Failure::BadConfig
    );
    // The loop drops this one without an answer.
    let dropped = bench.ask(Command::Resume { pair: None }).await;
    assert_eq!(code(&dropped), Failure::Unavailable);
    let sessions = bench.ask(Command::Processlist { pair: None }).await;
    assert!(matches!(sessions, Answer::Sessions(_)), "{sessions:?}");
}

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
    let bench = Bench::new(short()).await;
    let mut big = healthy();
    big.last_refusal = Some("x".repeat(8 << 20));
    bench.report.send_replace(Arc::new(big));
    let mut deaf = bench.connect().await;
    say(&mut deaf, &list()).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let mut bytes = Vec::new();
    let _ = deaf.read_to_end(&mut bytes).await;
    assert!(bytes.len() < 8 << 20, "{} bytes", bytes.len());
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

#[tokio::test]
async fn a_socket_that_was_deleted_comes_back() {
    let bench = Bench::new(short()).await;
    std::fs::remove_file(&bench.path).unwrap();
    let back = async {
        while !bench.path.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back)
        .await
        .unwrap();
    assert!(matches!(
        bench.ask(Command::Version {}).await,
        Answer::Version { .. }
    ));
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_or_a_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let living = Server::bind(&path).await.unwrap();
    assert!(matches!(
        Server::bind(&path).await,
        Err(BindError::InUse(_))
    ));
    drop(living);
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(
        Server::bind(&path).await,
        Err(BindError::NotASocket(_))
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn strangers_may_look_and_not_act() {
    let bench = Bench::new(short()).await;
    let pairs = bench._pairs.subscribe();
    let desk = Desk::new(pairs, mpsc::channel(1).0, || 0);
    let nobody = super::access::Peer {
        uid: 65_534,
        gid: 65_534,
        pid: Some(1),
    };
    assert!(matches!(
        desk.answer(nobody, list()).await,
        Answer::Pairs(_)
    ));
    for command in [
        Command::Resume { pair: None },
        Command::Processlist { pair: None },
        Command::Reload {},
    ] {
        assert_eq!(code(&desk.answer(nobody, command).await), Failure::Denied);
    }
}
