//! One state: the two servers, the disk, and the daemon with what it has seen, remembers and has begun.

use std::collections::BTreeMap;

use dualmasterd::model::action::{ActionKind, Outcome};
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::memory::{Durable, Memory};
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::time::Timestamp;

use crate::flight::Flight;
use crate::server::Txn;
use crate::world::World;

/// What may still happen to the pair: each happening costs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Kills, freezes, orders to stop, deaths of the daemon.
    pub faults: u8,
    /// Clients' writes.
    pub writes: u8,
    /// How often something else happens than what usually comes next: another order, a look that arrives
    /// late, an effect long before its end is heard, time that passes though something is under way.
    pub deviations: u8,
    /// Planned switchovers that an operator asks for.
    pub requests: u8,
}

impl Budget {
    /// Nothing befalls the pair.
    pub const NONE: Self = Self {
        faults: 0,
        writes: 0,
        deviations: 0,
        requests: 0,
    };

    /// One deviation less; the highest number stands for any.
    pub fn deviate(&mut self) {
        if self.deviations != u8::MAX {
            self.deviations = self.deviations.saturating_sub(1);
        }
    }
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub now: Timestamp,
    pub world: World,
    /// The state file.
    pub disk: Durable,
    pub daemon: Option<Daemon>,
    pub budget: Budget,
}

/// The running daemon.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Daemon {
    pub memory: Memory,
    pub seen: Both<Seen>,
    pub pair: BTreeMap<ActionKind, Outcome>,
    /// A switchover was asked for.
    pub asked: bool,
    /// Begun and not ended, in an order of their own.
    pub flights: Vec<Flight>,
    /// On its way to the disk.
    pub storing: Option<Durable>,
    /// Who gets the heartbeat.
    pub beats: Option<Side>,
    /// Looks follow each other.
    pub hurry: bool,
}

/// What is known of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    pub process: Option<SeenProcess>,
    pub look: Option<Look>,
    /// The newest look failed.
    pub failed: Option<Timestamp>,
    /// A look that was taken and has not arrived.
    pub late: Option<Look>,
    /// Questions have hung since then.
    pub stuck: Option<Timestamp>,
    /// Logins have been refused since then.
    pub refused: Option<Timestamp>,
    pub beat: Beat,
    pub ended: BTreeMap<ActionKind, Outcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeenProcess {
    pub at: Timestamp,
    /// Which life; 0 where none was ever known.
    pub number: i32,
    pub state: ProcessState,
    pub ended: Option<Ended>,
    pub stops_by_order: bool,
    pub watched: bool,
}

/// The heartbeat of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Beat {
    /// The newest question.
    pub tried: Option<Timestamp>,
    pub pending: Option<Timestamp>,
    pub sent: Option<Timestamp>,
    pub ok: Option<Timestamp>,
}

/// One look at a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Look {
    pub asked: Timestamp,
    pub at: Timestamp,
    pub life: i32,
    pub writable: bool,
    pub source_on: bool,
    pub waiting: bool,
    pub clients: u32,
    pub link: bool,
    pub receiver: Receiver,
    pub receiver_error: bool,
    pub applier: bool,
    pub applier_error: bool,
    pub executed: Vec<Txn>,
    pub relay: Vec<Txn>,
}

impl State {
    /// Another moment.
    pub fn pass(&mut self) {
        self.now = self.now + std::time::Duration::from_micros(1);
    }
}
