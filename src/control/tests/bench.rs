//! A server on a real socket, with a loop in place of the daemon's that answers as told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::{handle, healthy};
use crate::control::commands::{Answer, Command, Failure, Frame, PROTOCOL};
use crate::control::desk::{Asked, AskedReload, AskedSessions, Desk, PairHandle, Pairs};
use crate::control::report::{MemberSessions, PairReport};
use crate::control::socket::{Limits, Server};
use crate::model::action::OpId;
use crate::model::request::{Granted, Refusal, Reply, Verb};

/// A server with its loop's double.
pub(super) struct Bench {
    pub(super) path: PathBuf,
    pub(super) asked: mpsc::UnboundedReceiver<Verb>,
    pub(super) report: Arc<watch::Sender<Arc<PairReport>>>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) server: tokio::task::JoinHandle<()>,
    pub(super) pairs: watch::Sender<Pairs>,
    _dir: tempfile::TempDir,
}

pub(super) fn short() -> Limits {
    Limits {
        idle: Duration::from_millis(400),
        write: Duration::from_millis(300),
        ..Limits::default()
    }
}

impl Bench {
    pub(super) async fn new(limits: Limits) -> Self {
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
            requests,
            sessions,
            ..handle(report_rx)
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
            pairs,
            _dir: dir,
        }
    }

    pub(super) async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.path).await.unwrap()
    }

    pub(super) async fn ask(&self, command: Command) -> Answer {
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

pub(super) fn begin(report: &watch::Sender<Arc<PairReport>>) {
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

pub(super) async fn say(stream: &mut UnixStream, command: &Command) {
    let frame = Frame {
        version: PROTOCOL,
        command: command.clone(),
    };
    let mut line = serde_json::to_vec(&frame).unwrap();
    line.push(b'\n');
    stream.write_all(&line).await.unwrap();
}

pub(super) async fn hear(stream: &mut UnixStream) -> Answer {
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    tokio::time::timeout(Duration::from_secs(5), reader.read_line(&mut line))
        .await
        .expect("an answer in time")
        .unwrap();
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
}

pub(super) fn code(answer: &Answer) -> Failure {
    let Answer::Failed { code, .. } = answer else {
        panic!("not a failure: {answer:?}")
    };
    *code
}

pub(super) fn list() -> Command {
    Command::List { pair: None }
}
