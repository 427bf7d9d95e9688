//! Observers: independent tasks that never wait for each other. Each publishes its newest fact.

pub mod events;
pub mod probes;
pub mod server;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::model::incarnation::Incarnation;
use crate::model::member::Side;
use crate::model::probe::{ProbeError, ProbeFact};
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;
use crate::mysql::{ServerTarget, SqlError};

/// What an observer of a server has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A whole look.
    Server(Side, Box<ServerFact>),
    /// A look that failed.
    ServerError(Side, ProbeError),
    /// One kind of question: its newest state.
    Probe(Side, Question, ProbeFact),
}

/// The questions of the hang table that are put to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// `SELECT 1`.
    Ping,
    /// A new login.
    Login,
    /// A write to an unlogged table.
    LocalWrite,
    /// A binlogged write.
    Heartbeat,
}

/// What every observer of one server is given.
#[derive(Debug, Clone)]
pub struct Observer {
    /// The member.
    pub side: Side,
    /// Where it is.
    pub target: Arc<ServerTarget>,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// The life of its process; `None` while none is known: then nothing is asked.
    pub life: watch::Receiver<Option<Incarnation>>,
    /// Where facts go. An observer ends when nobody listens any more.
    pub publish: mpsc::Sender<Seen>,
}

/// Nobody listens any more.
#[derive(Debug)]
pub struct Over;

impl Observer {
    /// Waits until a life is known.
    async fn life(&mut self) -> Result<Incarnation, Over> {
        let known = self
            .life
            .wait_for(Option::is_some)
            .await
            .map_err(|_| Over)?;
        known.clone().ok_or(Over)
    }

    /// Waits until the life is another one than `old`.
    async fn life_ends(life: &mut watch::Receiver<Option<Incarnation>>, old: &Incarnation) {
        // A closed channel means the daemon ends: as good as another life.
        let _ = life.wait_for(|now| now.as_ref() != Some(old)).await;
    }

    async fn send(&self, seen: Seen) -> Result<(), Over> {
        self.publish.send(seen).await.map_err(|_| Over)
    }

    fn error(&self, error: &SqlError) -> ProbeError {
        ProbeError {
            at: (self.now)(),
            errno: error.errno.map(u32::from),
            text: error.chain(),
        }
    }
}
