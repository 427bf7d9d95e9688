//! One server's observers, and what they publish.

use std::sync::Arc;
use std::time::Duration;

use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::member::Side;
use dualmasterd::model::probe::Pace;
use dualmasterd::model::probe::ProbeKind;
use dualmasterd::model::server::ServerFact;
use dualmasterd::observe::Seen;
use dualmasterd::observe::observer::Observer;
use dualmasterd::observe::probes::{WriterProbe, spawn_prober};
use dualmasterd::observe::server::{Steering, spawn_looker};
use tokio::sync::{Notify, mpsc, watch};

use crate::pair::{Server, life, now};

pub struct Watched {
    pub life: watch::Sender<Option<Incarnation>>,
    pub writer: watch::Sender<Option<WriterProbe>>,
    pub pace: watch::Sender<Pace>,
    pub poke: Arc<Notify>,
    pub seen: mpsc::UnboundedReceiver<Seen>,
}

impl Watched {
    pub fn start(server: &Server, side: Side) -> Self {
        let (life, life_seen) = watch::channel(Some(life()));
        let (writer, writer_seen) = watch::channel(None);
        let (pace, pace_seen) = watch::channel(Pace::Rest);
        let (publish, seen) = mpsc::unbounded_channel();
        let poke = Arc::new(Notify::new());
        let observer = Observer {
            side,
            target: server.target().clone(),
            now,
            life: life_seen,
            publish,
        };
        spawn_prober(&observer, Duration::from_millis(250), &writer_seen);
        let steering = Steering {
            poke: poke.clone(),
            pace: pace_seen,
        };
        spawn_looker(observer, steering);
        Self {
            life,
            writer,
            pace,
            poke,
            seen,
        }
    }

    /// From now on the first server is probed as the writer of this epoch.
    pub fn is_writer(&self, epoch: u64) {
        let probe = WriterProbe { epoch, writer: 1 };
        self.writer.send(Some(probe)).unwrap();
    }

    /// Reads until something is as wanted.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let found = async {
            loop {
                let seen = self.seen.recv().await.unwrap();
                if wanted(&seen) {
                    return seen;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found)
            .await
            .expect(what)
    }

    pub async fn nothing_from(&mut self, span: Duration, unwanted: impl Fn(&Seen) -> bool) {
        let end = tokio::time::Instant::now() + span;
        while let Ok(seen) = tokio::time::timeout_at(end, self.seen.recv()).await {
            let seen = seen.unwrap();
            assert!(!unwanted(&seen), "{seen:?}");
        }
    }
}

pub fn look_of(seen: &Seen) -> Option<&ServerFact> {
    match seen {
        Seen::Look(_, look) => look.as_ref().as_ref().ok(),
        Seen::Process(..)
        | Seen::Instance(..)
        | Seen::Probe(..)
        | Seen::Accounts(..)
        | Seen::Endpoint(_) => None,
    }
}

pub fn answered(question: ProbeKind) -> impl Fn(&Seen) -> bool {
    move |seen| {
        matches!(seen, Seen::Probe(_, q, fact) if *q == question && fact.last_ok.is_some()
            && fact.pending_since.is_none() && fact.error.is_none())
    }
}

pub fn pending(question: ProbeKind) -> impl Fn(&Seen) -> bool {
    move |seen| matches!(seen, Seen::Probe(_, q, fact) if *q == question && fact.pending_since.is_some())
}
