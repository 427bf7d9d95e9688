//! What the observers of one server have in common: whom they ask, and where they publish.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Publisher, Seen};
use crate::model::incarnation::Incarnation;
use crate::model::member::Side;
use crate::model::probe::ProbeError;
use crate::model::time::Timestamp;
use crate::mysql::{ServerTarget, SqlError};

/// One member, for those who ask it.
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
    pub publish: Publisher,
}

/// Nobody listens any more.
#[derive(Debug)]
pub struct Over;

impl Observer {
    /// Waits until a life is known.
    pub(super) async fn life(&mut self) -> Result<Incarnation, Over> {
        let known = self
            .life
            .wait_for(Option::is_some)
            .await
            .map_err(|_| Over)?;
        known.clone().ok_or(Over)
    }

    /// Waits until the life is another one than `old`, or nobody tells of lives any more.
    pub(super) async fn life_ends(
        life: &mut watch::Receiver<Option<Incarnation>>,
        old: &Incarnation,
    ) -> Result<(), Over> {
        let ended = life.wait_for(|now| now.as_ref() != Some(old)).await;
        ended.map(drop).map_err(|_| Over)
    }

    pub(super) fn send(&self, seen: Seen) -> Result<(), Over> {
        self.publish.send(seen).map_err(|_| Over)
    }

    pub(super) fn error(&self, error: &SqlError) -> ProbeError {
        ProbeError {
            at: (self.now)(),
            errno: error.errno.map(u32::from),
            lost: error.is_lost(),
            text: error.chain(),
        }
    }
}
