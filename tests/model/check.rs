//! The promises, and what the checker explores.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::memory::{Durable, State as Machine, Why};
use dualmasterd::model::policy::Policy;
use dualmasterd::model::server::Family;
use dualmasterd::model::time::Timestamp;
use stateright::{Model, Property};

use crate::events::Event;
use crate::server::Server;
use crate::state::{Budget, State};
use crate::support::policy;
use crate::world::World;

/// As many steps a pair may take to become healthy when nothing more befalls it.
const STEPS: usize = 600;
/// The first state has been healthy for so many steps that no start of long ago counts.
const LONG_HEALTHY: usize = 200;

/// A pair of one family and what may befall it.
pub struct Pair {
    policy: Policy,
    budget: Budget,
    /// Fingerprints of states that are known to become healthy.
    healing: Arc<Mutex<BTreeSet<u64>>>,
}

impl Pair {
    pub fn new(family: Family, budget: Budget) -> Self {
        let mut policy = policy(family);
        policy.endpoint.redirect = false;
        policy.events = false;
        policy.app = false;
        // Longer than a tick.
        policy.switchover.deadline = std::time::Duration::from_secs(5);
        Self {
            policy,
            budget,
            healing: Arc::default(),
        }
    }

    /// Two servers that were just started, and the daemon that is about to be.
    fn fresh(&self) -> State {
        let family = self.policy.family;
        let mut world = World {
            family,
            servers: Both::from_fn(|_| Server::default()),
            written: 0,
            acknowledged: Vec::new(),
            broken: None,
        };
        for side in Side::BOTH {
            world.servers[side].boot(family);
        }
        let mut state = State {
            now: Timestamp::from_nanos(1),
            world,
            disk: Durable::default(),
            daemon: None,
            budget: Budget::NONE,
        };
        state.now = state.now + crate::time::TICK * 100;
        state.settle_time();
        state
    }

    /// The pair, left alone, until it is healthy or `STEPS` are over. Returns what it came to, and the
    /// fingerprints on the way.
    fn left_alone(&self, state: &State) -> (State, Vec<u64>, bool) {
        self.follow(state, &mut |_| {})
    }

    /// The healthy pair after these events, and after it was left alone with what they began.
    pub fn after(&self, events: &[Event]) -> (State, bool) {
        let mut state = self.init_states().remove(0);
        for event in events {
            state = state.after(&self.policy, *event);
        }
        let (state, _, healed) = self.left_alone(&state);
        (state, healed)
    }

    /// What happens to the pair that is left alone, for a reader of a counterexample.
    pub fn story(&self, state: &State) -> String {
        let mut events = Vec::new();
        let (end, _, _) = self.follow(state, &mut |event| events.push(event));
        let first: Vec<_> = events.iter().take(80).collect();
        format!("{first:?} ... {end:#?}")
    }

    fn follow(&self, state: &State, tell: &mut dyn FnMut(Event)) -> (State, Vec<u64>, bool) {
        let mut state = state.clone();
        state.budget = Budget::NONE;
        for side in Side::BOTH {
            if (state.world.servers[side].life.as_ref()).is_some_and(|life| life.frozen) {
                state = state.after(&self.policy, Event::Thaws(side));
            }
        }
        let mut way = Vec::new();
        let mut looks = 0;
        for _ in 0..STEPS {
            if at_rest(&state) {
                return (state, way, true);
            }
            let print = fingerprint(&state);
            if self.healing.lock().unwrap().contains(&print) {
                return (state, way, true);
            }
            way.push(print);
            let mut event = self.next_alone(&state);
            let hurry = state.daemon.as_ref().is_some_and(|daemon| daemon.hurry);
            if event != Event::Tick {
            } else if hurry && looks < 6 {
                looks += 1;
                event = Event::Looks(Side::BOTH[looks % 2]);
            } else {
                looks = 0;
            }
            tell(event);
            state = state.after(&self.policy, event);
        }
        (state, way, false)
    }

    /// What happens next where nothing comes by chance.
    fn next_alone(&self, state: &State) -> Event {
        let mut events = Vec::new();
        state.urgent(&mut events);
        events.first().copied().unwrap_or(Event::Tick)
    }

    /// From here the pair becomes healthy again by itself, or rightly waits for people.
    fn heals(&self, state: &State) -> bool {
        let (_, way, healed) = self.left_alone(state);
        if healed {
            self.healing.lock().unwrap().extend(way);
        }
        healed
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// One writer is open, its standby is in sync and applies, and nothing acknowledged is missing; or only
/// people can go on, and whatever was acknowledged is still there.
fn at_rest(state: &State) -> bool {
    healthy(state) || (waits_for_people(state) && kept(&state.world))
}

fn healthy(state: &State) -> bool {
    let (Some(daemon), Some(register)) = (&state.daemon, &state.disk.register) else {
        return false;
    };
    let (w, r) = (
        &state.world.servers[register.writer],
        &state.world.servers[register.writer.peer()],
    );
    let (Some(writer), Some(reader)) = (&w.life, &r.life) else {
        return false;
    };
    let named = register.in_sync.as_ref().map(|life| life.pid);
    daemon.memory.state == Machine::Serving
        && daemon.memory.durable == state.disk
        && daemon.flights.is_empty()
        && w.answers()
        && r.answers()
        && writer.writable
        && !reader.writable
        && named == Some(reader.number)
        && writer.source_on
        && !reader.source_on
        && !writer.applier
        && writer.receiver == Receiver::Running
        && reader.applier
        && reader.receiver == Receiver::Running
        && Side::BOTH.iter().all(|side| {
            let server = &state.world.servers[*side];
            state
                .world
                .acknowledged
                .iter()
                .all(|write| server.holds(*write))
        })
}

/// Two histories, or one that only people can judge.
fn waits_for_people(state: &State) -> bool {
    let Some(daemon) = &state.daemon else {
        return false;
    };
    let split = matches!(
        daemon.memory.state,
        Machine::Holding {
            why: Why::Split { .. },
            ..
        }
    );
    split
        || Side::BOTH
            .iter()
            .any(|side| state.disk.quarantine[*side].is_some())
}

/// Whatever was acknowledged is on a disk.
fn kept(world: &World) -> bool {
    world.acknowledged.iter().all(|write| {
        Side::BOTH.iter().any(|side| {
            let server = &world.servers[*side];
            server.holds(*write) || server.relay.iter().any(|txn| txn.write == *write)
        })
    })
}

impl Model for Pair {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        let (mut healthy, _, healed) = self.left_alone(&self.fresh());
        assert!(healed, "the pair is not made: {healthy:#?}");
        for _ in 0..LONG_HEALTHY {
            healthy = healthy.after(&self.policy, self.next_alone(&healthy));
        }
        healthy.budget = self.budget;
        vec![healthy]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        state.events(events);
    }

    fn next_state(&self, state: &State, event: Event) -> Option<State> {
        let next = state.after(&self.policy, event);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never two writers", |_, state: &State| {
                let world = &state.world;
                !(world.can_acknowledge(Side::A) && world.can_acknowledge(Side::B))
            }),
            Property::always("no step breaks a promise", |_, state: &State| {
                state.world.broken.is_none()
            }),
            Property::always("what was acknowledged is kept", |_, state: &State| {
                kept(&state.world)
            }),
            Property::always("always a writer again", |model: &Self, state: &State| {
                model.heals(state)
            }),
        ]
    }
}
