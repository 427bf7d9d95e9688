//! The durable memory on its way to the disk, and back from it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::causes::chain;
use crate::model::facts::Facts;
use crate::model::memory::Durable;
use crate::model::time::Timestamp;
use crate::store::writer::Stored;

/// How long a state file that could not be written is left alone.
const STORE_RESTS: Duration = Duration::from_millis(500);

/// What is known of the disk, and what is on its way there.
#[derive(Debug)]
pub(super) struct Storing {
    /// What was handed over last; `None` after a failure, when either may be on the disk.
    submitted: Option<Durable>,
    in_flight: BTreeMap<u64, Durable>,
    token: u64,
    /// Not before this time is it tried again, after a failure.
    rests_until: Timestamp,
}

impl Storing {
    /// A disk that holds this.
    pub(super) fn new(durable: Durable, now: Timestamp) -> Self {
        Self {
            submitted: Some(durable),
            in_flight: BTreeMap::new(),
            token: 0,
            rests_until: now,
        }
    }

    /// Nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// What is to be handed over, under which token, if the memory has changed since it was last. The loop
    /// comes back here at least once per probe interval, so after a failure it is tried again by itself.
    pub(super) fn keep(&mut self, durable: &Durable, facts: &mut Facts) -> Option<(u64, Vec<u8>)> {
        if self.submitted.as_ref() == Some(durable) || facts.now < self.rests_until {
            return None;
        }
        let payload = serde_json::to_vec(durable)
            .inspect_err(|error| tracing::error!(%error, "the memory cannot be written down"))
            .ok()?;
        self.token += 1;
        self.in_flight.insert(self.token, durable.clone());
        self.submitted = Some(durable.clone());
        facts.stored = facts
            .stored
            .take()
            .filter(|stored| same_right(stored, durable));
        Some((self.token, payload))
    }

    /// Takes in what became of one, and tells it to the facts.
    pub(super) fn take(&mut self, stored: &Stored, facts: &mut Facts, now: Timestamp) {
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
                self.rests_until = now + STORE_RESTS;
                facts.store_error = Some(chain(error));
            }
        }
    }
}

/// A start that finds the one does what it does with the other, as far as anything waits for the disk.
fn same_right(one: &Durable, other: &Durable) -> bool {
    one.register == other.register && one.pause == other.pause && one.rejoin == other.rejoin
}

/// The memory that a state file holds, `None` being a new one's. One that may be older than another that was
/// lost does not vouch for the reader: the second value says that this was taken from it.
///
/// # Errors
/// The file holds something that this version does not understand.
pub fn remembered(
    payload: Option<&[u8]>,
    may_be_old: bool,
) -> Result<(Durable, bool), serde_json::Error> {
    let mut durable: Durable =
        payload.map_or_else(|| Ok(Durable::default()), serde_json::from_slice)?;
    let distrusted = may_be_old
        && durable
            .register
            .as_mut()
            .is_some_and(|register| register.in_sync.take().is_some());
    Ok((durable, distrusted))
}
