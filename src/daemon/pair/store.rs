//! The durable memory, read from the state file and on its way to it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::PairError;
use crate::daemon::clock;
use crate::model::causes::chain;
use crate::model::facts::Facts;
use crate::model::memory::Durable;
use crate::model::time::Timestamp;
use crate::store::slots::Slots;
use crate::store::writer::{StoreWriter, Stored};

/// How long a state file that could not be written is left alone.
const STORE_RESTS: Duration = Duration::from_millis(500);

/// The durable memory on its way to the disk.
pub(super) struct Store {
    writer: StoreWriter,
    /// What became of what was handed over.
    pub(super) answers: UnboundedReceiver<Stored>,
    /// What was handed over last; `None` after a failure, when either may be on the disk.
    submitted: Option<Durable>,
    in_flight: BTreeMap<u64, Durable>,
    token: u64,
    /// Not before this time is it tried again, after a failure.
    rests_until: Timestamp,
}

impl Store {
    /// A storing thread that has this on its disk.
    ///
    /// # Errors
    /// The system refused a thread.
    pub(super) fn start(slots: Slots, durable: Durable, now: Timestamp) -> io::Result<Self> {
        let (writer, answers) = StoreWriter::start(slots)?;
        Ok(Self {
            writer,
            answers,
            submitted: Some(durable),
            in_flight: BTreeMap::new(),
            token: 0,
            rests_until: now,
        })
    }

    /// Nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Hands the memory to the storing thread, if it has changed since it was last handed over. The loop
    /// comes back here at least once per probe interval, so after a failure it is tried again by itself.
    pub(super) fn keep(&mut self, durable: &Durable, facts: &mut Facts) {
        let now = facts.now;
        if self.submitted.as_ref() == Some(durable) || now < self.rests_until {
            return;
        }
        match serde_json::to_vec(durable) {
            Ok(payload) => {
                self.token += 1;
                self.in_flight.insert(self.token, durable.clone());
                self.submitted = Some(durable.clone());
                self.writer.submit(self.token, payload);
                facts.stored = facts
                    .stored
                    .take()
                    .filter(|stored| same_right(stored, durable));
            }
            Err(error) => tracing::error!(%error, "the memory cannot be written down"),
        }
    }

    /// Takes in what became of one, and tells it to the facts.
    pub(super) fn take(&mut self, stored: &Stored, facts: &mut Facts) {
        match &stored.result {
            Ok(()) => {
                let durable = self.in_flight.remove(&stored.token);
                self.in_flight = self.in_flight.split_off(&stored.token);
                // While another is on its way, a start may find either.
                let mut later = self.in_flight.values();
                facts.stored =
                    durable.filter(|stored| later.all(|other| same_right(stored, other)));
                facts.store_error = None;
            }
            Err(error) => {
                self.in_flight.remove(&stored.token);
                // What failed may be found by the next start all the same.
                self.submitted = None;
                facts.stored = None;
                self.rests_until = clock::now() + STORE_RESTS;
                facts.store_error = Some(chain(error));
            }
        }
    }

    /// Ends the storing thread, if its disk answers within this time.
    pub(super) async fn finish(self, within: Duration) {
        let finished = spawn_blocking(move || self.writer.finish());
        if timeout(within, finished).await.is_err() {
            tracing::error!("the state file's disk does not answer");
        }
    }
}

/// A start that finds the one does what it does with the other, as far as anything waits for the disk.
fn same_right(one: &Durable, other: &Durable) -> bool {
    one.register == other.register && one.pause == other.pause && one.rejoin == other.rejoin
}

/// Opens a pair's state file and reads what was remembered.
///
/// # Errors
/// See [`PairError`].
pub(in crate::daemon) fn open_state(
    pair: &str,
    file: &Path,
) -> Result<(Slots, Durable), PairError> {
    let (slots, payload) = Slots::open(file).map_err(|source| PairError::State {
        pair: pair.to_owned(),
        source,
    })?;
    let mut durable: Durable = match payload {
        Some(payload) => {
            serde_json::from_slice(&payload).map_err(|source| PairError::Understand {
                pair: pair.to_owned(),
                file: file.display().to_string(),
                source,
            })?
        }
        None => Durable::default(),
    };
    if slots.may_be_old()
        && let Some(register) = &mut durable.register
        && register.in_sync.take().is_some()
    {
        tracing::warn!(
            pair,
            file = %file.display(),
            "one half of the state file is damaged: the reader has to prove anew that it has everything"
        );
    }
    Ok((slots, durable))
}
