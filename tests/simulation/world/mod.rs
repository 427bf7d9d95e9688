//! The world: two servers, a client or two, an endpoint, a store, and the daemon in the middle.

pub mod act;
pub mod client;
pub mod daemon;
pub mod fault;
pub mod life;
pub mod observe;
pub mod orders;
pub mod replicate;
pub mod rng;
pub mod server;
pub mod store;
pub mod tale;
pub mod weather;

use std::collections::{BTreeMap, BTreeSet};

use dualmasterd::model::action::{ActionKind, Step};
use dualmasterd::model::incarnation::{BootId, Incarnation};
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::policy::Policy;
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::server::Family;
use dualmasterd::model::time::Timestamp;

use self::client::Client;
use self::daemon::Daemon;
use self::rng::Rng;
use self::server::Server;
use self::store::StateFile;
use self::tale::Line;
use self::weather::Weather;

/// Microseconds.
pub type Time = u64;
pub const MS: Time = 1_000;
pub const SECOND: Time = 1_000_000;

/// What happens at a moment.
#[derive(Debug, Clone)]
pub enum Event {
    /// The observers' clock: probes, and looks every other time.
    Tick(u32),
    LookEnds(u32, Side, Time),
    LookTimesOut(u32, Side, Time),
    /// The next look is due, unless somebody looked since.
    LookDue(u32, Side, u64),
    HeartbeatEnds(u32, Side, bool, Time),
    HeartbeatWaits(u32, Side, Time),
    ProcessSeen(Side),
    /// What the kernel says of a process is heard late.
    ProcessTold(u32, Side),
    Effect(u32, Box<Step>, Time),
    Outcome(
        u32,
        Box<Step>,
        Time,
        Result<dualmasterd::model::action::Brought, dualmasterd::model::action::ActionError>,
    ),
    Stored(u32),
    Wake(u32, Time),
    /// The daemon's process starts.
    DaemonStarts,
    /// A server's process has ended for good.
    Reaped(Side, Incarnation),
    /// Logins are accepted from now on.
    Booted(Side, Incarnation),
    /// A server that was told to stop exits.
    Exits(Side, Incarnation),
    Connects(Side),
    Ships(Side),
    Acknowledged(Side, Incarnation, server::Txn),
    Applies(Side),
    AckTimeout(Side, Incarnation, server::Txn),
    /// A commit has got past the slow disk of this server.
    Commits(Side, Incarnation, server::Content, server::Session),
    /// Whoever prepared an XA transaction ends it.
    XaEnds(Side),
    Client(usize),
    Fault(fault::Fault),
}

impl Event {
    /// It is the daemon that this waits for.
    pub fn is_seen_by_daemon(&self) -> bool {
        matches!(
            self,
            Self::Tick(_)
                | Self::LookEnds(..)
                | Self::LookTimesOut(..)
                | Self::LookDue(..)
                | Self::HeartbeatEnds(..)
                | Self::HeartbeatWaits(..)
                | Self::ProcessSeen(_)
                | Self::ProcessTold(..)
                | Self::Outcome(..)
                | Self::Stored(..)
                | Self::Wake(..)
        )
    }
}

/// What the kernel knows of a member's last process.
#[derive(Debug, Clone)]
pub struct Process {
    pub incarnation: Incarnation,
    pub state: ProcessState,
    pub ended: Option<Ended>,
}

/// Where the endpoint leads.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    pub writer: Option<Side>,
    pub reader: Option<Side>,
}

pub struct World {
    pub seed: u64,
    pub now: Time,
    pub rng: Rng,
    pub policy: Policy,
    pub servers: Both<Server>,
    pub processes: Both<Option<Process>>,
    pub boot: BootId,
    pub endpoint: Endpoint,
    pub state: StateFile,
    /// What the state file was, and since when.
    pub copies: Vec<(Time, StateFile)>,
    /// The state file was put back from an older copy, and what it says counts for no promise until the
    /// pair is well or the daemon has stored that nobody may rely on the standby.
    pub state_is_old: bool,
    /// The epoch in which that was.
    pub put_back_in: u64,
    pub daemon: Option<Daemon>,
    /// Counts the daemon's lives: events of an earlier one mean nothing to this one.
    pub generation: u32,
    pub clients: Vec<Client>,
    pub acknowledged: BTreeSet<u64>,
    pub last_ack: Time,
    pub written: u64,
    pub strays: u64,
    /// Strays that were made while the other member was the register's writer.
    pub was_reader: BTreeSet<server::Txn>,
    /// What people gave up when they put a copy in the place of a member.
    pub given_up: BTreeSet<server::Txn>,
    /// One way, on the wire.
    pub latency: Time,
    /// The story is told; else nobody would read it.
    pub telling: bool,
    pub log: Vec<Line>,
    pub weather: Weather,
    /// What the host's clock shows beside the truth, in milliseconds.
    pub clock_is_off: i64,
    /// Writes of the state file.
    pub stores: u64,
    /// A daemon that was told to stop is started again by somebody.
    pub stopped_daemon_returns: bool,
    pub decisions: u64,
    /// Actions planned so far, by kind.
    pub planned: BTreeMap<ActionKind, u32>,
    /// A violated invariant.
    pub broken: Option<String>,
    pub cuts: u32,
    /// The daemon is killed at the begin of this action from now.
    pub die_at_action: Option<u32>,
    queue: BTreeMap<(Time, u64), Event>,
    sequence: u64,
    next_pid: i32,
}

impl World {
    /// Nothing but an empty disk and a daemon that is about to start.
    pub fn new(policy: Policy, seed: u64) -> Self {
        let family = policy.family;
        let mut world = Self {
            seed,
            now: SECOND,
            rng: Rng::new(seed),
            policy,
            servers: Both::from_fn(|side| Server::new(family, side)),
            processes: Both::default(),
            boot: BootId("boot-1".into()),
            endpoint: Endpoint::default(),
            state: StateFile::default(),
            copies: Vec::new(),
            state_is_old: false,
            put_back_in: 0,
            daemon: None,
            generation: 0,
            clients: vec![Client::default(), Client::default()],
            acknowledged: BTreeSet::new(),
            last_ack: 0,
            written: 0,
            strays: 0,
            was_reader: BTreeSet::new(),
            given_up: BTreeSet::new(),
            latency: MS / 2,
            telling: false,
            log: Vec::new(),
            weather: Weather::default(),
            clock_is_off: 0,
            stores: 0,
            stopped_daemon_returns: false,
            decisions: 0,
            planned: BTreeMap::new(),
            broken: None,
            cuts: 0,
            die_at_action: None,
            queue: BTreeMap::new(),
            sequence: 0,
            next_pid: 100,
        };
        world.after(0, Event::DaemonStarts);
        world.after(10 * MS, Event::Client(0));
        world.after(15 * MS, Event::Client(1));
        world
    }

    pub fn family(&self) -> Family {
        self.policy.family
    }

    pub fn stamp(&self, at: Time) -> Timestamp {
        Timestamp::from_nanos(at * 1_000)
    }

    /// Milliseconds since 1970, as the host's clock says.
    pub fn wall_ms(&self) -> u64 {
        (1_700_000_000_000 + self.now / MS).saturating_add_signed(self.clock_is_off)
    }

    pub fn after(&mut self, wait: Time, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.now + wait, self.sequence), event);
    }

    /// Whatever was to happen within this time happens at its end.
    pub fn postpone_all(&mut self, span: Time) {
        let end = self.now + span;
        let later = self.queue.split_off(&(end, 0));
        let sooner = std::mem::replace(&mut self.queue, later);
        for ((_, sequence), event) in sooner {
            self.queue.insert((end, sequence), event);
        }
    }

    /// Lets time pass; stops early at a violated invariant.
    pub fn run(&mut self, span: Time) {
        let end = self.now + span;
        while self.broken.is_none() {
            let next = self
                .queue
                .first_key_value()
                .map_or(end + 1, |(key, _)| key.0);
            let runs = self.now >= self.weather.daemon_stands;
            if next > self.now && runs && self.decide() {
                // What was decided may come before what was next.
                continue;
            }
            if next > end {
                break;
            }
            self.now = next;
            if let Some((_, event)) = self.queue.pop_first() {
                self.happens(event);
                self.check_step();
            }
        }
        self.now = end.max(self.now);
    }

    /// Lets time pass until something is so. Returns whether it came to be within `span`.
    pub fn run_until(&mut self, span: Time, mut what: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + span;
        while self.now < end && self.broken.is_none() {
            if what(self) {
                return true;
            }
            self.run(MS);
        }
        what(self)
    }

    fn happens(&mut self, event: Event) {
        if self.daemon_is_late_for(&event) {
            return;
        }
        match event {
            Event::Tick(life) if life == self.generation => self.tick(),
            Event::LookEnds(life, side, asked) if life == self.generation => {
                self.look_ends(side, asked);
            }
            Event::LookTimesOut(life, side, asked) if life == self.generation => {
                self.look_times_out(side, asked);
            }
            Event::LookDue(life, side, rests) if life == self.generation => {
                self.look_due(side, rests);
            }
            Event::HeartbeatEnds(life, side, ok, sent) if life == self.generation => {
                self.heartbeat_ends(side, ok, sent);
            }
            Event::HeartbeatWaits(life, side, sent) if life == self.generation => {
                self.heartbeat_waits(side, sent);
            }
            Event::Outcome(life, step, begun, result) if life == self.generation => {
                self.outcome(*step, begun, result);
            }
            Event::Stored(life) if life == self.generation => self.stored(),
            Event::Wake(life, at) if life == self.generation => self.woken(at),
            Event::ProcessTold(life, side) if life == self.generation => {
                self.process_is_told(side);
            }
            Event::Tick(_)
            | Event::LookEnds(..)
            | Event::LookTimesOut(..)
            | Event::LookDue(..)
            | Event::HeartbeatEnds(..)
            | Event::HeartbeatWaits(..)
            | Event::ProcessTold(..)
            | Event::Outcome(..)
            | Event::Stored(..)
            | Event::Wake(..) => {}
            // Of a daemon that was killed meanwhile: the statement may have been sent or not.
            Event::Effect(life, step, begun) => {
                if life == self.generation || self.rng.one_in(2) {
                    self.effect(life, &step, begun);
                }
            }
            Event::ProcessSeen(side) => self.process_seen(side),
            Event::DaemonStarts => self.daemon_starts(),
            Event::Reaped(side, life) => self.reaped(side, &life),
            Event::Booted(side, life) => self.booted(side, &life),
            Event::Exits(side, life) => self.exits(side, &life),
            Event::Connects(side) => self.connects(side),
            Event::Ships(side) => self.ships(side),
            Event::Acknowledged(side, life, txn) => self.receives_ack(side, &life, txn),
            Event::Applies(side) => self.applies(side),
            Event::AckTimeout(side, life, txn) => self.ack_timeout(side, &life, txn),
            Event::Commits(side, life, content, session) => {
                self.slow_commit(side, &life, content, session);
            }
            Event::XaEnds(side) => self.xa_ends(side),
            Event::Client(number) => self.client(number),
            Event::Fault(fault) => self.fault(fault),
        }
    }

    fn new_life(&mut self) -> Incarnation {
        self.next_pid += 1;
        Incarnation {
            boot: self.boot.clone(),
            pid: self.next_pid,
            started: self.now / (10 * MS),
        }
    }
}
