//! What the observers see of a pair that lives, freezes, and goes on.

use std::time::Duration;

use dualmasterd::model::member::Side;
use dualmasterd::model::probe::ProbeKind;
use dualmasterd::model::probe::{Pace, ProbeFact};
use dualmasterd::observe::Seen;
use nix::sys::signal::Signal;

use crate::pair::{Pair, now};
use crate::watched::{Watched, answered, look_of, pending};

pub async fn of_a_writer(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    let mut watched = Watched::start(a, Side::A);
    watched
        .until("a look", |seen| look_of(seen).is_some())
        .await;
    watched.until("a ping", answered(ProbeKind::Ping)).await;
    watched.until("a login", answered(ProbeKind::Login)).await;
    let of_the_writer = |seen: &Seen| {
        matches!(
            seen,
            Seen::Probe(_, ProbeKind::LocalWrite | ProbeKind::Heartbeat, _)
        )
    };
    watched
        .nothing_from(Duration::from_millis(500), of_the_writer)
        .await;

    // As writer: a row with epoch and writer comes to the reader.
    let before = a.look().await.executed;
    watched.is_writer(7);
    watched
        .until("a local write", answered(ProbeKind::LocalWrite))
        .await;
    watched
        .until("a heartbeat", answered(ProbeKind::Heartbeat))
        .await;
    let fact = b
        .until("the heartbeat arrived", |fact| !fact.heartbeats.is_empty())
        .await;
    let row = fact.heartbeats[0].clone();
    assert_eq!((row.server_id, row.epoch, row.writer), (1, 7, 1));
    assert!(row.written_ms > 1_700_000_000_000);
    assert_ne!(a.look().await.executed, before);

    // A frozen reader: the heartbeat waits and is left alone, the local write does not wait.
    b.signal(Signal::SIGSTOP);
    watched.until("waits", pending(ProbeKind::Heartbeat)).await;
    watched
        .until("does not wait", answered(ProbeKind::LocalWrite))
        .await;
    let waiting = |seen: &Seen| look_of(seen).is_some_and(|fact| fact.semi_sync.waiting);
    watched.until("is waited for", waiting).await;
    b.signal(Signal::SIGCONT);
    watched
        .until("acknowledged", answered(ProbeKind::Heartbeat))
        .await;

    // A frozen writer: everything waits.
    a.signal(Signal::SIGSTOP);
    for question in [
        ProbeKind::Ping,
        ProbeKind::LocalWrite,
        ProbeKind::Heartbeat,
        ProbeKind::Login,
    ] {
        // Each waits on its own; which comes first is chance.
        let mut other = Watched::start(b, Side::B);
        other
            .until(
                "the other member is not in the way",
                answered(ProbeKind::Ping),
            )
            .await;
        if question == ProbeKind::Ping {
            watched.until("waits", pending(question)).await;
        }
    }
    watched
        .until(
            "the look fails",
            |seen| matches!(seen, Seen::Look(_, look) if look.is_err()),
        )
        .await;
    a.signal(Signal::SIGCONT);
    watched.until("answers", answered(ProbeKind::Ping)).await;
    watched
        .until("answers", answered(ProbeKind::Heartbeat))
        .await;

    // Unset: stops at once. Poked in a hurry: looks at once.
    watched.writer.send(None).unwrap();
    let reset = |seen: &Seen| matches!(seen, Seen::Probe(_, ProbeKind::Heartbeat, fact) if *fact == ProbeFact::default());
    watched.until("stopped", reset).await;
    let written = a.look().await.executed;
    watched.pace.send(Pace::Urgent).unwrap();
    for _ in 0..20 {
        let began = now();
        watched.poke.notify_one();
        let look = |seen: &Seen| look_of(seen).is_some_and(|fact| fact.asked >= began);
        watched.until("a look", look).await;
        let took = now().since(began);
        assert!(took < Duration::from_millis(250), "{took:?}");
    }
    assert_eq!(a.look().await.executed, written);
    // No life: nothing is asked.
    watched.life.send(None).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    while watched.seen.try_recv().is_ok() {}
    watched
        .nothing_from(Duration::from_millis(800), |_| true)
        .await;
}
