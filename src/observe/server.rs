//! Looks at one server again and again: at rest every interval, at once when poked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::Seen;
use super::observer::{Observer, Over};
use crate::model::incarnation::Incarnation;
use crate::model::server::ServerFact;
use crate::mysql::SqlError;
use crate::mysql::look::Looker;

/// Time between looks at rest.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// Time between looks while an operation is under way: each may be the one that lets it go on.
const HURRIED: Duration = Duration::from_millis(5);

/// A statement of a look must be answered by then. Longer than the 1.1 s for which MySQL answers
/// nobody who reads its variables while a source side is switched off.
const LIMIT: Duration = Duration::from_millis(1_500);

/// What steers the looks.
#[derive(Debug, Clone)]
pub struct Steering {
    /// Look at once; several pokes before a look begins are one.
    pub poke: Arc<Notify>,
    /// An operation is under way: a look reads only what moves, unless the last full one is older
    /// than an interval.
    pub hurry: watch::Receiver<bool>,
}

impl Steering {
    /// Waits until the next look is due.
    async fn rest(&mut self) {
        if *self.hurry.borrow() {
            return sleep(HURRIED).await;
        }
        tokio::select! {
            () = self.poke.notified() => {}
            () = sleep(INTERVAL) => {}
            Ok(_) = self.hurry.wait_for(|hurry| *hurry) => {}
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
            last_full: None,
        };
        while looking.one_life().await.is_ok() {}
    })
}

struct Looking {
    observer: Observer,
    steering: Steering,
    looker: Option<Looker>,
    last_full: Option<Instant>,
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
            let side = self.observer.side;
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
                () = self.steering.rest() => {}
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
        let recent = self.last_full.is_some_and(|at| at.elapsed() < INTERVAL);
        let fact = if recent && *self.steering.hurry.borrow() {
            looker.look_quick(life, now, LIMIT).await?
        } else {
            let fact = looker.look_full(life, now, LIMIT).await?;
            self.last_full = Some(Instant::now());
            fact
        };
        self.looker = Some(looker);
        Ok(fact)
    }
}
