//! One story at a time.

mod found;
mod loss;
mod operator;
mod planned;
mod steps;
mod traps;

use dualmasterd::model::member::Side;
use dualmasterd::model::policy::Policy;
use dualmasterd::model::request::Verb;
use dualmasterd::model::server::Family;

use crate::story;
use crate::support::policy;
use crate::world::{MS, SECOND, World};

const FAMILIES: [Family; 2] = [Family::Mariadb, Family::Mysql];
const SEEDS: std::ops::Range<u64> = 1..6;

/// A planned switchover, as an operator asks for it.
const SWITCHOVER: Verb = Verb::Switchover {
    to: None,
    accept_own_rows: false,
};

/// A pair that has just become healthy.
pub fn healthy(policy: Policy, seed: u64) -> World {
    let mut world = World::new(policy, seed);
    world.telling = true;
    assert!(
        world.run_until(30 * SECOND, |world| world.unhealthy().is_none()),
        "seed {seed}: it never became healthy: {:?} {:?}\n{}",
        world.unhealthy(),
        world.broken,
        tail(&world)
    );
    world.run(SECOND);
    world.log.clear();
    world
}

/// What happened since the pair was healthy.
pub fn tail(world: &World) -> String {
    story::of(world)
}

/// Healthy within this time, both sides equal, and nothing lost.
pub fn recovers(world: &mut World, within: u64) {
    let healthy = world.run_until(within, |world| world.unhealthy().is_none());
    finish(world, healthy);
    assert!(
        healthy && world.broken.is_none(),
        "{} seed {}: {:?}; unhealthy: {:?}\n{}",
        world.family(),
        world.seed,
        world.broken,
        world.unhealthy(),
        tail(world)
    );
}

/// A healthy pair is left alone, stays healthy, and both sides are equal.
pub fn finish(world: &mut World, healthy: bool) {
    if !healthy {
        return;
    }
    world.run(3 * SECOND);
    world.check_left_alone();
    let again = world.unhealthy();
    if again.is_some() {
        let text = format!("it did not stay healthy: {again:?}");
        world.violated(text);
    }
    world.clients_write(false);
    world.run(200 * MS);
    world.check_equal_but_heartbeats();
    world.clients_write(true);
    world.run(100 * MS);
}

/// From now on the endpoint leads to this member in less than `limit`.
fn moves(world: &mut World, to: Side, limit: u64) {
    let at = world.now;
    let moved = world.run_until(3 * SECOND, |world| world.endpoint.writer == Some(to));
    in_time(world, moved, at, limit);
}

/// Something that is written later than `after` from now is acknowledged within `limit`.
fn serves(world: &mut World, after: u64, limit: u64) {
    let at = world.now;
    let served = world.run_until(3 * SECOND, |world| world.last_ack > at + after);
    in_time(world, served, at, limit);
}

fn in_time(world: &World, done: bool, at: u64, limit: u64) {
    let took = world.now - at;
    assert!(
        done && took < limit,
        "took {} ms\n{}",
        took / MS,
        tail(world)
    );
}

/// The same story for both families and a few seeds.
fn each(story: impl Fn(&mut World)) {
    for family in FAMILIES {
        for seed in SEEDS {
            let mut world = healthy(policy(family), seed);
            story(&mut world);
        }
    }
}

fn writer(world: &World) -> Side {
    world.stored_writer().expect("a writer is stored")
}
