//! Looks at one server again and again: at rest every interval, at once when poked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Seen;
use super::observer::{Observer, Over};
use crate::model::incarnation::Incarnation;
use crate::model::probe::Pace;
use crate::model::server::ServerFact;
use crate::model::time::Timestamp;
use crate::mysql::SqlError;
use crate::mysql::look::Looker;

/// Time between looks at rest.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Time between looks while something is waited for that takes its time.
const ATTENTIVE: Duration = Duration::from_millis(10);

/// Time between looks while writes are stopped: each may be the one that lets them go on.
const URGENT: Duration = Duration::from_millis(1);

/// Time between looks that fail, whatever is waited for: the next one is not likely to do better.
const FAILING: Duration = Duration::from_millis(50);

/// A statement of a look must be answered by then. Longer than the 1.1 s for which MySQL answers
/// nobody who reads its variables while a source side is switched off.
const LIMIT: Duration = Duration::from_millis(1_500);

/// What steers the looks.
#[derive(Debug, Clone)]
pub struct Steering {
    /// Look at once; several pokes before a look begins are one.
    pub poke: Arc<Notify>,
    /// How often, and how much.
    pub pace: watch::Receiver<Pace>,
}

impl Steering {
    /// Waits until the next look is due.
    async fn rest(&mut self, now: Timestamp, failed: bool) {
        let pace = *self.pace.borrow_and_update();
        let interval = match pace {
            Pace::Rest => now.until_tick(INTERVAL),
            Pace::Attentive | Pace::Urgent if failed => FAILING,
            Pace::Attentive => ATTENTIVE,
            Pace::Urgent => URGENT,
        };
        tokio::select! {
            () = self.poke.notified() => {}
            () = sleep(interval) => {}
            Ok(_) = self.pace.wait_for(|new| *new > pace) => {}
        }
    }
}

/// Starts looking. The task ends when nobody listens any more.
pub fn spawn_looker(observer: Observer, steering: Steering) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut looking = Looking {
            observer,
            steering,
            looker: None,
        };
        while looking.one_life().await.is_ok() {}
    })
}

struct Looking {
    observer: Observer,
    steering: Steering,
    looker: Option<Looker>,
}

impl Looking {
    /// Looks at one life of the server until it ends; what was asked of it and not yet answered then
    /// is thrown away.
    async fn one_life(&mut self) -> Result<(), Over> {
        let life = self.observer.life().await?;
        self.looker = None;
        let mut ends = self.observer.life.clone();
        loop {
            let seen = tokio::select! {
                biased;
                ended = Observer::life_ends(&mut ends, &life) => return ended,
                seen = self.look(&life) => seen,
            };
            let (side, failed) = (self.observer.side, seen.is_err());
            let seen = match seen {
                Ok(fact) => Seen::Look(side, Box::new(Ok(fact))),
                Err(error) => {
                    self.looker = None;
                    Seen::Look(side, Box::new(Err(self.observer.error(&error))))
                }
            };
            self.observer.send(seen)?;
            tokio::select! {
                biased;
                ended = Observer::life_ends(&mut ends, &life) => return ended,
                () = self.steering.rest((self.observer.now)(), failed) => {}
            }
        }
    }

    async fn look(&mut self, life: &Incarnation) -> Result<ServerFact, SqlError> {
        // Taken out for the time of the look: one that is given up loses its session.
        let mut looker = match self.looker.take() {
            Some(looker) => looker,
            None => Looker::connect(&self.observer.target, LIMIT).await?,
        };
        let now = self.observer.now;
        let fact = if *self.steering.pace.borrow() == Pace::Urgent {
            looker.look_quick(life, now, LIMIT).await?
        } else {
            looker.look_full(life, now, LIMIT).await?
        };
        self.looker = Some(looker);
        Ok(fact)
    }
}
