//! What operators ask for: looks, switchovers and their watch, failovers, holds, refusals.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::bench::{Bench, begin, code, list, short};
use super::healthy;
use crate::control::access::Peer;
use crate::control::commands::{Answer, Command, Failure};
use crate::control::desk::Desk;
use crate::control::report::HoldReport;
use crate::model::member::Side;
use crate::model::request::{Thread, Verb};

#[tokio::test]
async fn list_gives_the_newest_report() {
    let bench = Bench::new(short()).await;
    assert_eq!(bench.ask(list()).await, Answer::Pairs(vec![healthy()]));
    let mut changed = healthy();
    changed.epoch = Some(8);
    bench.report.send_replace(Arc::new(changed.clone()));
    assert_eq!(bench.ask(list()).await, Answer::Pairs(vec![changed]));
}

#[tokio::test]
async fn a_switchover_is_watched_to_its_end() {
    let mut bench = Bench::new(short()).await;
    let granted = bench
        .ask(Command::Switchover {
            pair: Some("orders".to_owned()),
            to: Some("db2".to_owned()),
            accept_own_rows: false,
            dry_run: false,
        })
        .await;
    assert!(
        matches!(granted, Answer::Granted { op: Some(2), .. }),
        "{granted:?}"
    );
    assert_eq!(
        bench.asked.recv().await,
        Some(Verb::Switchover {
            to: Some(Side::B),
            accept_own_rows: false
        })
    );
    let watch = |timeout_ms| Command::Watch {
        pair: None,
        op: 2,
        timeout_ms,
    };
    let Answer::Operation(op) = bench.ask(watch(5000)).await else {
        panic!()
    };
    assert!(op.ended.is_some());
    let missing = bench
        .ask(Command::Watch {
            pair: None,
            op: 99,
            timeout_ms: 20,
        })
        .await;
    assert_eq!(code(&missing), Failure::Unknown);
}

#[tokio::test]
async fn a_watch_that_runs_out_of_time_shows_the_operation_under_way() {
    let bench = Bench::new(short()).await;
    begin(&bench.report);
    let watch = Command::Watch {
        pair: None,
        op: 2,
        timeout_ms: 50,
    };
    let Answer::Operation(op) = bench.ask(watch).await else {
        panic!()
    };
    assert!(op.ended.is_none());
}

#[tokio::test]
async fn failover_goes_to_the_reader_by_default() {
    let mut bench = Bench::new(short()).await;
    let granted = bench
        .ask(Command::Failover {
            pair: None,
            candidate: None,
            accept_loss: true,
            dry_run: true,
        })
        .await;
    assert!(
        matches!(granted, Answer::Granted { op: None, .. }),
        "{granted:?}"
    );
    let asked = bench.asked.recv().await;
    assert_eq!(
        asked,
        Some(Verb::Failover {
            to: Side::B,
            accept_loss: true
        })
    );
}

#[tokio::test]
async fn a_hold_means_both_threads_of_the_reader_and_a_release_what_is_held() {
    let mut bench = Bench::new(short()).await;
    let hold = Command::Hold {
        pair: None,
        member: None,
        thread: None,
        for_ms: 5,
        reason: "backup".to_owned(),
    };
    assert!(matches!(bench.ask(hold).await, Answer::Granted { .. }));
    for thread in [Thread::Receiver, Thread::Applier] {
        let verb = Verb::Hold {
            side: Side::B,
            thread,
            until_ms: 1_000_005,
            reason: "backup".to_owned(),
        };
        assert_eq!(bench.asked.recv().await, Some(verb));
    }
    let release = Command::Release {
        pair: None,
        member: None,
        thread: None,
    };
    let Answer::Granted { text, .. } = bench.ask(release.clone()).await else {
        panic!()
    };
    assert_eq!(text, "nothing to do");
    let mut held = healthy();
    held.members[1].holds.push(HoldReport {
        thread: Thread::Applier,
        reason: "backup".to_owned(),
        until_ms: 1,
    });
    bench.report.send_replace(Arc::new(held));
    bench.ask(release).await;
    let verb = Verb::Release {
        side: Side::B,
        thread: Thread::Applier,
    };
    assert_eq!(bench.asked.recv().await, Some(verb));
}

#[tokio::test]
async fn a_reason_is_one_short_line() {
    let bench = Bench::new(short()).await;
    for reason in ["r".repeat(201), "two\nlines".into(), "\u{1b}[31mred".into()] {
        let pause = Command::Pause {
            pair: None,
            for_ms: None,
            reason: reason.clone(),
        };
        let hold = Command::Hold {
            pair: None,
            member: None,
            thread: None,
            for_ms: 1000,
            reason,
        };
        for command in [pause, hold] {
            let answer = bench.ask(command).await;
            let malformed = Failure::Malformed;
            assert!(
                matches!(&answer, Answer::Failed { code, .. } if *code == malformed),
                "{answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn refusals_and_failures_are_told_apart() {
    let bench = Bench::new(short()).await;
    let ack = bench.ask(Command::Ack { pair: None }).await;
    assert!(
        matches!(&ack, Answer::Refused { guards, .. } if guards.len() == 1),
        "{ack:?}"
    );
    let other = bench
        .ask(Command::Ack {
            pair: Some("x".to_owned()),
        })
        .await;
    assert_eq!(code(&other), Failure::Unknown);
    assert_eq!(
        code(&bench.ask(Command::Reload {}).await),
        Failure::BadConfig
    );
    // The loop drops this one without an answer.
    let dropped = bench.ask(Command::Resume { pair: None }).await;
    assert_eq!(code(&dropped), Failure::Unavailable);
    let sessions = bench.ask(Command::Processlist { pair: None }).await;
    assert!(matches!(sessions, Answer::Sessions(_)), "{sessions:?}");
}

#[tokio::test]
async fn strangers_may_look_and_not_act() {
    let bench = Bench::new(short()).await;
    let pairs = bench.pairs.subscribe();
    let desk = Desk::new(pairs, mpsc::channel(1).0, || 0);
    let nobody = Peer {
        uid: 65_534,
        gid: 65_534,
        pid: Some(1),
    };
    assert!(matches!(
        desk.answer(nobody, list()).await,
        Answer::Pairs(_)
    ));
    for command in [
        Command::Resume { pair: None },
        Command::Processlist { pair: None },
        Command::Reload {},
    ] {
        assert_eq!(code(&desk.answer(nobody, command).await), Failure::Denied);
    }
}
