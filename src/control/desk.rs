//! Turns a command into a request to a pair's loop, or into what the newest report says.

mod door;
mod fault;
mod meant;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub use self::door::{Asked, AskedReload, AskedSessions, PairHandle, Pairs};
use self::door::{LOOP_ANSWERS, deliver, receive};
pub(super) use self::fault::Fault;
use self::fault::{denied, failed, unknown};
use self::meant::{member_or_reader, reason_of, releases, side, threads};
use super::access::Peer;
use super::commands::{Answer, Command, Failure, PROTOCOL};
use super::report::{OperationReport, PairReport};
use crate::model::request::{Granted, Refusal, Request, Verb};

/// A reload reads files and checks binaries.
const RELOAD_ANSWERS: Duration = Duration::from_secs(30);

/// The longest [`Command::Watch`].
const LONGEST_WATCH: Duration = Duration::from_secs(3600);

/// Everything that answers need.
#[derive(Debug, Clone)]
pub struct Desk {
    pairs: watch::Receiver<Pairs>,
    reload: mpsc::Sender<AskedReload>,
    wall_ms: fn() -> u64,
    next_id: Arc<AtomicU64>,
}

impl Desk {
    /// A desk for these pairs. `wall_ms` reads the wall clock, in milliseconds since 1970.
    pub fn new(
        pairs: watch::Receiver<Pairs>,
        reload: mpsc::Sender<AskedReload>,
        wall_ms: fn() -> u64,
    ) -> Self {
        Self {
            pairs,
            reload,
            wall_ms,
            next_id: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Answers one command of this peer.
    pub async fn answer(&self, peer: Peer, command: Command) -> Answer {
        if !command.reads_only() {
            if !peer.may_act().await {
                return denied(peer).into();
            }
            tracing::info!(uid = peer.uid, pid = peer.pid, ?command, "an operator asks");
        }
        self.dispatch(command).await.unwrap_or_else(Answer::from)
    }

    async fn dispatch(&self, command: Command) -> Result<Answer, Fault> {
        match command {
            Command::List { pair } | Command::Explain { pair } => self.reports(pair),
            Command::History { pair, n } => {
                let (_, handle) = self.pair(pair)?;
                let report = handle.report.borrow().clone();
                let newest = report.operations.iter().rev().take(n).cloned();
                Ok(Answer::Operations(newest.collect()))
            }
            Command::Show { pair, op } => {
                let (_, handle) = self.pair(pair)?;
                let report = handle.report.borrow().clone();
                find(&report, op)
                    .map(Answer::Operation)
                    .ok_or_else(|| unknown(format!("no operation {op} is remembered")))
            }
            Command::Watch {
                pair,
                op,
                timeout_ms,
            } => {
                let (_, handle) = self.pair(pair)?;
                watch_operation(handle.report, op, Duration::from_millis(timeout_ms)).await
            }
            Command::Processlist { pair } => {
                let (name, handle) = self.pair(pair)?;
                let (reply, answer) = oneshot::channel();
                deliver(&name, &handle.sessions, AskedSessions { reply }).await?;
                receive(&name, answer, LOOP_ANSWERS)
                    .await
                    .map(Answer::Sessions)
            }
            Command::Reload {} => {
                let (reply, answer) = oneshot::channel();
                deliver("the daemon", &self.reload, AskedReload { reply }).await?;
                match receive("the daemon", answer, RELOAD_ANSWERS).await? {
                    Ok(text) => Ok(Answer::Reloaded { text }),
                    Err(text) => Err(failed(Failure::BadConfig, text)),
                }
            }
            Command::Version {} => Ok(Answer::Version {
                daemon: env!("CARGO_PKG_VERSION").to_owned(),
                protocol: PROTOCOL,
            }),
            Command::Switchover {
                pair,
                to,
                accept_own_rows,
                dry_run,
            } => {
                let (name, handle) = self.pair(pair)?;
                let to = to.map(|member| side(&handle, &member)).transpose()?;
                let verb = Verb::Switchover {
                    to,
                    accept_own_rows,
                };
                self.ask(&name, &handle, vec![verb], dry_run).await
            }
            Command::Failover {
                pair,
                candidate,
                accept_loss,
                dry_run,
            } => {
                let (name, handle) = self.pair(pair)?;
                let to = member_or_reader(&handle, candidate)?;
                let verb = Verb::Failover { to, accept_loss };
                self.ask(&name, &handle, vec![verb], dry_run).await
            }
            Command::Pause {
                pair,
                for_ms,
                reason,
            } => {
                let (name, handle) = self.pair(pair)?;
                let reason = reason_of(reason)?;
                let until_ms = for_ms.map(|span| self.end_of(span));
                let verb = Verb::Pause { until_ms, reason };
                self.ask(&name, &handle, vec![verb], false).await
            }
            Command::Resume { pair } => self.plain(pair, Verb::Resume).await,
            Command::Ack { pair } => self.plain(pair, Verb::Ack).await,
            Command::Hold {
                pair,
                member,
                thread,
                for_ms,
                reason,
            } => {
                let (name, handle) = self.pair(pair)?;
                let side = member_or_reader(&handle, member)?;
                let reason = reason_of(reason)?;
                let until_ms = self.end_of(for_ms);
                let verbs = threads(thread).map(|thread| Verb::Hold {
                    side,
                    thread,
                    until_ms,
                    reason: reason.clone(),
                });
                self.ask(&name, &handle, verbs.collect(), false).await
            }
            Command::Release {
                pair,
                member,
                thread,
            } => {
                let (name, handle) = self.pair(pair)?;
                let verbs = releases(&handle, member.as_deref(), thread)?;
                self.ask(&name, &handle, verbs, false).await
            }
        }
    }

    fn end_of(&self, span_ms: u64) -> u64 {
        (self.wall_ms)().saturating_add(span_ms)
    }

    fn reports(&self, pair: Option<String>) -> Result<Answer, Fault> {
        let reports = match pair {
            Some(_) => vec![self.pair(pair)?.1.report.borrow().as_ref().clone()],
            None => {
                let pairs = self.pairs.borrow();
                let all = pairs.values().map(|p| p.report.borrow().as_ref().clone());
                all.collect()
            }
        };
        Ok(Answer::Pairs(reports))
    }

    async fn plain(&self, pair: Option<String>, verb: Verb) -> Result<Answer, Fault> {
        let (name, handle) = self.pair(pair)?;
        self.ask(&name, &handle, vec![verb], false).await
    }

    /// The pair named, or the only one.
    fn pair(&self, name: Option<String>) -> Result<(String, PairHandle), Fault> {
        let pairs = self.pairs.borrow();
        let known = || pairs.keys().cloned().collect::<Vec<_>>().join(", ");
        match name {
            Some(name) => match pairs.get(&name) {
                Some(handle) => Ok((name, handle.clone())),
                None => Err(unknown(format!("no pair `{name}`; there is: {}", known()))),
            },
            None => match (pairs.first_key_value(), pairs.len()) {
                (Some((name, handle)), 1) => Ok((name.clone(), handle.clone())),
                (None, _) => Err(unknown("no pair is configured".to_owned())),
                (Some(_), _) => Err(unknown(format!("name the pair: one of {}", known()))),
            },
        }
    }

    /// Puts verbs to the loop, one after the other, until one is refused.
    async fn ask(
        &self,
        pair: &str,
        handle: &PairHandle,
        verbs: Vec<Verb>,
        dry_run: bool,
    ) -> Result<Answer, Fault> {
        let mut texts = Vec::new();
        let mut begun = None;
        for verb in verbs {
            let request = Request {
                id: self.next_id.fetch_add(1, Ordering::Relaxed),
                verb,
                dry_run,
            };
            let (reply, answer) = oneshot::channel();
            deliver(pair, &handle.requests, Asked { request, reply }).await?;
            match receive(pair, answer, LOOP_ANSWERS).await?.result {
                Ok(Granted { op, text }) => {
                    begun = begun.or(op);
                    texts.push(text);
                }
                Err(Refusal { text, guards }) => {
                    texts.push(text);
                    let text = texts.join("; ");
                    return Ok(Answer::Refused { text, guards });
                }
            }
        }
        if texts.is_empty() {
            texts.push("nothing to do".to_owned());
        }
        Ok(Answer::Granted {
            pair: pair.to_owned(),
            op: begun.map(|op| op.0),
            text: texts.join("; "),
        })
    }
}

/// Waits until the operation has ended, the time is up or the pair is gone.
async fn watch_operation(
    mut report: watch::Receiver<Arc<PairReport>>,
    op: u64,
    wait: Duration,
) -> Result<Answer, Fault> {
    let ended =
        |report: &Arc<PairReport>| find(report, op).is_some_and(|found| found.ended.is_some());
    // Time up and a pair removed by a reload both leave the newest report as the answer.
    let _ = timeout(wait.min(LONGEST_WATCH), report.wait_for(ended)).await;
    let newest = report.borrow().clone();
    find(&newest, op)
        .map(Answer::Operation)
        .ok_or_else(|| unknown(format!("no operation {op} is remembered")))
}

fn find(report: &PairReport, op: u64) -> Option<OperationReport> {
    report
        .operations
        .iter()
        .rfind(|found| found.op == op)
        .cloned()
}
