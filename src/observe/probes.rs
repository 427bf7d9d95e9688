//! The questions that tell a hung server from a busy one, each on a connection and a task of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Seen;
use super::events::spawn_recorder;
use super::observer::{Observer, Over};
use crate::model::incarnation::Incarnation;
use crate::model::probe::{ProbeFact, ProbeKind};
use crate::mysql::schema;
use crate::mysql::session::CONNECT_LIMIT;
use crate::mysql::{Account, ServerTarget, Session, SqlError};

/// Time between two logins, which cost the server most.
const LOGINS: Duration = Duration::from_secs(1);

/// A question that is answered by nobody is given up then and put again; that it waits was
/// published long before.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// The writer's own probes: what the heartbeat's row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterProbe {
    /// The register's epoch.
    pub epoch: u64,
    /// `server_id` of the register's writer: this member's.
    pub writer: u32,
}

/// Starts the four probes of a member, and beside the heartbeat the list of the writer's events.
/// `writer` switches local write and heartbeat on; unset, they stop at once. The tasks end when nobody listens any more.
pub fn spawn_prober(
    observer: &Observer,
    interval: Duration,
    writer: &watch::Receiver<Option<WriterProbe>>,
) -> Vec<JoinHandle<()>> {
    let questions = [
        ProbeKind::Ping,
        ProbeKind::Login,
        ProbeKind::LocalWrite,
        ProbeKind::Heartbeat,
    ];
    let spawn = |question| {
        let mut probe = Probe {
            observer: observer.clone(),
            question,
            interval,
            writer: writer.clone(),
            fact: ProbeFact::default(),
        };
        tokio::spawn(async move { while probe.one_life().await.is_ok() {} })
    };
    let mut tasks: Vec<JoinHandle<()>> = questions.map(spawn).into();
    tasks.push(spawn_recorder(observer, writer));
    tasks
}

struct Probe {
    observer: Observer,
    question: ProbeKind,
    interval: Duration,
    writer: watch::Receiver<Option<WriterProbe>>,
    fact: ProbeFact,
}

impl Probe {
    /// Asks one life of the server, and as writer as long as it is told to.
    async fn one_life(&mut self) -> Result<(), Over> {
        let life = self.observer.life().await?;
        let as_writer = match self.question {
            ProbeKind::Ping | ProbeKind::Login | ProbeKind::Disk => None,
            ProbeKind::LocalWrite | ProbeKind::Heartbeat => {
                let mut writer = self.writer.clone();
                tokio::select! {
                    ended = Observer::life_ends(&mut self.observer.life, &life) => return ended,
                    set = writer.wait_for(Option::is_some) => *set.map_err(|_| Over)?,
                }
            }
        };
        let (mut ends, mut writer) = (self.observer.life.clone(), self.writer.clone());
        tokio::select! {
            biased;
            ended = ended(&mut ends, &mut writer, &life, as_writer) => ended?,
            over = self.ask_on(as_writer) => return Err(over),
        }
        self.fact = ProbeFact::default();
        self.publish().await
    }

    async fn ask_on(&mut self, as_writer: Option<WriterProbe>) -> Over {
        let target = self.observer.target.clone();
        let mut kept = None;
        loop {
            let question = self.question;
            let asked = put(question, &target, &mut kept, as_writer);
            if let Err(over) = self.ask(asked).await {
                return over;
            }
            sleep((self.observer.now)().until_tick(self.rest())).await;
        }
    }

    /// The time between two questions. Those that only a verdict needs beside the writer's ping and
    /// heartbeat are put less often.
    fn rest(&self) -> Duration {
        let writer = self.writer.borrow().is_some();
        match self.question {
            ProbeKind::Heartbeat => self.interval,
            ProbeKind::Ping if writer => self.interval,
            ProbeKind::Ping | ProbeKind::LocalWrite | ProbeKind::Disk => self.interval * 2,
            ProbeKind::Login if writer => LOGINS,
            ProbeKind::Login => LOGINS * 4,
        }
    }

    /// Waits for one answer; one that is outstanding for an interval is published as such.
    async fn ask(&mut self, asked: impl Future<Output = Result<(), SqlError>>) -> Result<(), Over> {
        let sent = (self.observer.now)();
        let mut asked = std::pin::pin!(asked);
        let answer = tokio::select! {
            biased;
            answer = &mut asked => answer,
            () = sleep(self.interval) => {
                self.fact.pending_since = Some(sent);
                self.publish().await?;
                asked.await
            }
        };
        self.fact.pending_since = None;
        match answer {
            Ok(()) => {
                let at = (self.observer.now)();
                self.fact.last_ok = Some(at);
                self.fact.last_ok_sent = Some(sent);
                self.fact.took = at.since(sent);
                self.fact.error = None;
            }
            Err(error) => self.fact.error = Some(self.observer.error(&error)),
        }
        self.publish().await
    }

    async fn publish(&self) -> Result<(), Over> {
        let seen = Seen::Probe(self.observer.side, self.question, self.fact.clone());
        self.observer.send(seen)
    }
}

/// Waits until the life or the writer's order is another.
async fn ended(
    ends: &mut watch::Receiver<Option<Incarnation>>,
    writer: &mut watch::Receiver<Option<WriterProbe>>,
    life: &Incarnation,
    as_writer: Option<WriterProbe>,
) -> Result<(), Over> {
    let order_changes = async {
        if as_writer.is_none() || writer.wait_for(|now| *now != as_writer).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = Observer::life_ends(ends, life) => ended,
        () = order_changes => Ok(()),
    }
}

/// Puts one question. The session is taken out meanwhile, so that a failed one is made anew.
async fn put(
    question: ProbeKind,
    target: &Arc<ServerTarget>,
    kept: &mut Option<Session>,
    as_writer: Option<WriterProbe>,
) -> Result<(), SqlError> {
    if question == ProbeKind::Login {
        let session = Session::connect(target, Account::Monitor, GIVEN_UP).await?;
        session.end().await;
        return Ok(());
    }
    let mut session = match kept.take() {
        Some(session) => session,
        None => Session::connect(target, Account::Monitor, CONNECT_LIMIT).await?,
    };
    match (question, as_writer) {
        (ProbeKind::LocalWrite, _) => {
            let sql = format!("SET SESSION sql_log_bin=0; {}", schema::LOCAL_WRITE);
            session.run(&sql, GIVEN_UP).await?;
        }
        (ProbeKind::Heartbeat, Some(probe)) => {
            let sql = schema::heartbeat(target.server_id, probe.epoch, probe.writer);
            session.run_left_alone(&sql, None).await?;
        }
        (ProbeKind::Ping | ProbeKind::Login | ProbeKind::Heartbeat | ProbeKind::Disk, _) => {
            session.run("SELECT 1", GIVEN_UP).await?;
        }
    }
    *kept = Some(session);
    Ok(())
}
