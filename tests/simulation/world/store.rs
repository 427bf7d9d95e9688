//! The state file and the thread that writes it: two slots in turn, so that a write that was cut short
//! leaves the one before.

use dualmasterd::daemon::rounds::remembered;
use dualmasterd::model::finding::{Finding, Kind};
use dualmasterd::model::member::Side;
use dualmasterd::model::memory::Durable;
use dualmasterd::store::slots::SlotsError;
use dualmasterd::store::writer::Stored;

use super::{Event, Time, World};

/// What stands in one half of the file.
#[derive(Debug, Clone, Default)]
enum Slot {
    #[default]
    Blank,
    Torn,
    Whole {
        sequence: u64,
        payload: Vec<u8>,
    },
}

/// The state file.
#[derive(Debug, Clone, Default)]
pub struct StateFile {
    slots: [Slot; 2],
    /// The half that holds what was stored last.
    current: usize,
    /// The highest sequence that was tried.
    sequence: u64,
    /// What a start would find; `None` in a new file.
    found: Option<Durable>,
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Done,
    /// It failed, or was cut short: the file has it all the same.
    Unheard,
    /// It was cut short within.
    Torn,
    /// It failed, or was cut short, before the file was touched.
    Nothing,
}

impl StateFile {
    /// What a start would find.
    pub fn durable(&self) -> Option<&Durable> {
        self.found.as_ref()
    }

    /// A daemon starts with what it finds.
    pub fn open(&mut self) -> Durable {
        if let Some((newest, sequence)) = self.newest() {
            self.current = newest;
            self.sequence = sequence;
        }
        self.found.clone().unwrap_or_default()
    }

    /// The newest half that is whole, and its sequence.
    fn newest(&self) -> Option<(usize, u64)> {
        let sequence = |slot: &Slot| match slot {
            Slot::Whole { sequence, .. } => Some(*sequence),
            Slot::Blank | Slot::Torn => None,
        };
        let whole = self.slots.iter().enumerate();
        whole
            .filter_map(|(at, slot)| Some((at, sequence(slot)?)))
            .max_by_key(|(_, sequence)| *sequence)
    }

    fn write(&mut self, payload: Vec<u8>, how: Write) {
        self.sequence += 1;
        let target = 1 - self.current;
        match how {
            Write::Nothing => return,
            Write::Torn => self.slots[target] = Slot::Torn,
            Write::Done | Write::Unheard => {
                let sequence = self.sequence;
                self.slots[target] = Slot::Whole { sequence, payload };
            }
        }
        if how == Write::Done {
            self.current = target;
        }
        let torn = self.slots.iter().any(|slot| matches!(slot, Slot::Torn));
        let payload = self.newest().and_then(|(at, _)| match &self.slots[at] {
            Slot::Whole { payload, .. } => Some(payload.as_slice()),
            Slot::Blank | Slot::Torn => None,
        });
        let found = payload.map(|payload| remembered(Some(payload), torn).expect("ours").0);
        self.found = found;
    }
}

/// The storing thread: it writes the newest of what waits.
#[derive(Debug, Default)]
pub struct Storing {
    waiting: Option<(u64, Vec<u8>)>,
    writing: Option<(u64, Vec<u8>)>,
}

impl World {
    /// A deposed writer came back whose record went with the state file: nobody knows whether its own rows were
    /// acknowledged, they are named, and an operator seeds it anew.
    pub fn has_rows_of_a_lost_record(&self, side: Side) -> bool {
        let named = |finding: &Finding| {
            finding.kind == Kind::ReaderHasOwnRows && finding.side == Some(side)
        };
        let daemon = self.daemon.as_ref();
        self.put_back_in > 0 && daemon.is_some_and(|daemon| daemon.findings.iter().any(named))
    }

    /// The memory is handed over.
    pub fn submitted(&mut self, token: u64, payload: Vec<u8>) {
        if let Some(daemon) = &mut self.daemon {
            daemon.storing.waiting = Some((token, payload));
            self.writes_next();
        }
    }

    fn writes_next(&mut self) {
        let takes = self.store_takes();
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let storing = &mut daemon.storing;
        if storing.writing.is_none()
            && let Some(next) = storing.waiting.take()
        {
            storing.writing = Some(next);
            self.after(takes, Event::Stored(self.generation));
        }
    }

    /// The write has ended, in whichever way.
    pub fn stored(&mut self) {
        let fails = self.now < self.weather.store_fails;
        let daemon = self.daemon.as_mut();
        let Some((token, payload)) = daemon.and_then(|daemon| daemon.storing.writing.take()) else {
            return;
        };
        let result = if fails {
            let how = self.rng.pick(&[Write::Unheard, Write::Nothing]);
            self.say(|| format!("the state file cannot be written: {how:?}"));
            self.is_written(payload, how);
            Err(no_space())
        } else {
            self.is_written(payload, Write::Done);
            Ok(())
        };
        self.hears_of_store(&Stored { token, result });
        self.writes_next();
    }

    /// The daemon ended in the middle of a write. What is smaller than a page is torn by the host's end alone.
    pub fn store_is_cut_short(&mut self, host_ends: bool) {
        let daemon = self.daemon.as_mut();
        if let Some((_, payload)) = daemon.and_then(|daemon| daemon.storing.writing.take()) {
            let how = self.rng.pick(&[Write::Unheard, Write::Nothing]);
            let torn = host_ends && self.rng.one_in(2);
            let how = if torn { Write::Torn } else { how };
            self.is_written(payload, how);
        }
    }

    /// Somebody puts back the state file as it was so long ago.
    pub fn state_is_put_back(&mut self, age: Time) {
        let then = self.now.saturating_sub(age);
        let old = self.copies.iter().rfind(|(at, _)| *at <= then);
        if let Some((_, old)) = old {
            let register = |state: &StateFile| state.durable()?.register.clone();
            self.state_is_old |= old.found != self.state.found;
            let epoch = register(&self.state).map_or(0, |register| register.epoch);
            self.put_back_in = self.put_back_in.max(epoch);
            self.state = old.clone();
        }
    }

    fn is_written(&mut self, payload: Vec<u8>, how: Write) {
        self.stores += 1;
        let register = |world: &Self| world.state.durable()?.register.clone();
        let before = register(self);
        self.state.write(payload, how);
        self.copies.push((self.now, self.state.clone()));
        let epoch = self.put_back_in;
        let speaks_of_then = |state: &StateFile| {
            let register = state.durable().and_then(|durable| durable.register.clone());
            register.is_none_or(|register| register.epoch < epoch || register.in_sync.is_some())
        };
        self.state_is_old =
            self.state_is_old && (how != Write::Done || speaks_of_then(&self.state));
        let after = register(self);
        if before != after {
            self.say(|| format!("stored {after:?}"));
        }
        self.check_stored();
    }
}

fn no_space() -> SlotsError {
    SlotsError::Io {
        attempt: "write",
        path: "state".into(),
        source: std::io::ErrorKind::StorageFull.into(),
    }
}
