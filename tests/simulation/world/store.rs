//! The state file: two slots written in turn, so that a write that was cut short leaves the one before.

use dualmasterd::model::memory::Durable;

use super::{Event, MS, Time, World};

/// A write that failed is tried again after this.
const AGAIN: Time = 500 * MS;

/// The daemon's end of it.
#[derive(Debug, Default)]
pub struct Store {
    /// What is being written.
    pub writing: Option<Durable>,
    /// Not tried again before.
    not_before: Time,
}

impl World {
    /// Hands the memory over if it is newer than what is on disk.
    pub fn store(&mut self) {
        let (now, life) = (self.now, self.generation);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let newest = &daemon.memory.durable;
        if daemon.store.writing.is_some() || daemon.facts.stored.as_ref() == Some(newest) {
            return;
        }
        daemon.store.writing = Some(newest.clone());
        let wait = daemon.store.not_before.saturating_sub(now);
        let wait = wait + self.store_takes();
        self.after(wait, Event::Stored(life));
    }

    /// The write has ended, in whichever way.
    pub fn stored(&mut self) {
        let fails = self.now < self.weather.store_fails;
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let Some(durable) = daemon.store.writing.take() else {
            return;
        };
        daemon.dirty = true;
        if fails {
            daemon.store.not_before = now + AGAIN;
            daemon.facts.store_error = Some("no space left on device".into());
            self.say(|| "the state file cannot be written".into());
        } else {
            daemon.facts.stored = Some(durable.clone());
            daemon.facts.store_error = None;
            self.is_on_disk(durable);
        }
        self.store();
    }

    /// The daemon ended in the middle of a write: it went through unheard, or the slot is torn and the
    /// one before it counts.
    pub fn store_is_cut_short(&mut self) {
        let writing = self
            .daemon
            .as_mut()
            .and_then(|daemon| daemon.store.writing.take());
        if let Some(durable) = writing
            && self.rng.one_in(2)
        {
            self.is_on_disk(durable);
        }
    }

    fn is_on_disk(&mut self, durable: Durable) {
        self.stores += 1;
        let before = self.disk.as_ref().and_then(|disk| disk.register.as_ref());
        if before != durable.register.as_ref() {
            self.say(|| format!("stored {:?}", durable.register));
        }
        self.disk = Some(durable);
        self.check_stored();
    }
}
