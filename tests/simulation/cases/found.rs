//! Stories that random schedules have found, kept by name.

use dualmasterd::model::request::Verb;

use super::{each, recovers, tail, writer};
use crate::world::fault::Fault;
use crate::world::server::Content;
use crate::world::{MS, SECOND};

/// The server had started with its source side off and was opened so, while its standby stood on record
/// as complete (mariadb:22).
#[test]
fn a_writer_that_starts_anew_is_opened_on_record() {
    each(|world| {
        let old = writer(world);
        world.request(Verb::Pause {
            until_ms: None,
            reason: "test".into(),
        });
        world.run(300 * MS);
        world.fault(Fault::Killed(old));
        world.run(5 * SECOND);
        assert!(world.last_ack > world.now - SECOND, "{}", tail(world));
        world.request(Verb::Resume);
        recovers(world, 20 * SECOND);
        assert_eq!(writer(world), old, "{}", tail(world));
    });
}

/// The standby was judged before it had rows of its own, and they became the truth (mariadb:3271).
#[test]
fn rows_of_its_own_stop_a_promotion_under_way() {
    each(|world| {
        let old = writer(world);
        world.fault(Fault::Killed(old));
        world.fault(Fault::Stray(old.peer()));
        world.run(10 * SECOND);
        assert_eq!(writer(world), old, "{}", tail(world));
        let stray = |content: &Content| matches!(content, Content::Stray(_));
        assert!(
            !world.servers[old].has.values().any(stray),
            "{}",
            tail(world)
        );
        world.fault(Fault::StrayUndone(old.peer()));
        recovers(world, 90 * SECOND);
    });
}
