//! The daemon killed at the begin record of each action of a switchover and of a failover: the next
//! daemon brings the pair to an end by itself, forwards or backwards, and nothing is lost.
//!
//! A third of the records are tried, drawn by `CUT_SEED`; `CUTS=all` tries every one.

use std::time::Duration;

use dualmasterd::control::commands::{Answer, Command};
use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use super::trial::Trial;
use crate::support::host::is_whole;
use crate::support::{Cut, Host, Setup, fault, in_namespace};

/// A return that a busy machine makes arm several times.
const LONG: Duration = Duration::from_secs(60);
/// A pair that was whole for so long begins nothing more.
const QUIET: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Switchover,
    Failover,
}

#[test]
fn mariadb() {
    cut_everywhere(Family::Mariadb);
}

#[test]
fn mysql() {
    cut_everywhere(Family::Mysql);
}

fn cut_everywhere(family: Family) {
    in_namespace(async || {
        let mut host = Host::new(Setup::new(family));
        let cut = Cut::prepare(&mut host);
        host.serve().await;
        for kind in [Move::Switchover, Move::Failover] {
            let count = uncut(&mut host, &cut, kind).await;
            for number in chosen(count, kind) {
                let began = Instant::now();
                cut_at(&mut host, &cut, kind, number).await;
                let took = began.elapsed().as_secs_f64();
                eprintln!("{kind:?} cut at {number} of {count}: {took:.1} s");
            }
        }
    });
}

/// The move to its end; as many records as it wrote until the pair was whole.
async fn uncut(host: &mut Host, cut: &Cut, kind: Move) -> usize {
    let trial = Trial::begin(host, &format!("{kind:?}_uncut").to_lowercase()).await;
    let before = cut.records().len();
    begin(host, &trial, kind).await;
    assert!(!is_cut(host, &trial, kind).await, "nobody ordered a cut");
    trial.end(host).await;
    cut.records().len() - before
}

/// The daemon dies at this record, where the move writes so many.
async fn cut_at(host: &mut Host, cut: &Cut, kind: Move, number: usize) {
    let trial = Trial::begin(host, &format!("{kind:?}_{number}").to_lowercase()).await;
    cut.at(number);
    begin(host, &trial, kind).await;
    let is_cut = is_cut(host, &trial, kind).await;
    cut.off();
    let last = match is_cut {
        true => cut.records().pop().unwrap_or_default(),
        false => "not reached".into(),
    };
    eprintln!("  at {last}");
    if is_cut {
        host.start().await;
    }
    host.until_healthy(LONG).await;
    trial.end(host).await;
}

async fn begin(host: &Host, trial: &Trial, kind: Move) {
    match kind {
        Move::Failover => fault::kill(trial.writer_pid(host)),
        Move::Switchover => {
            let word = Command::Switchover {
                pair: None,
                to: None,
                accept_own_rows: false,
                dry_run: false,
            };
            // A daemon that dies at once answers nobody.
            if let Ok(answer) = host.ask(word).await {
                assert!(matches!(answer, Answer::Granted { .. }), "{answer:?}");
            }
        }
    }
}

/// Waits until the daemon has died or the move is done; whether it died. A switchover that missed its
/// budget on a busy machine is asked for again.
async fn is_cut(host: &mut Host, trial: &Trial, kind: Move) -> bool {
    let deadline = Instant::now() + LONG;
    let mut whole: Option<Instant> = None;
    while whole.is_none_or(|since| since.elapsed() < QUIET) {
        if host.daemon_has_ended() {
            return true;
        }
        assert!(Instant::now() < deadline, "neither cut nor whole");
        let report = host.try_report().await.ok();
        let moved = |report: &&PairReport| report.writer.as_ref() == Some(&trial.reader);
        whole = match report.as_ref().filter(moved).is_some_and(is_whole) {
            true => whole.or_else(|| Some(Instant::now())),
            false => None,
        };
        if report.as_ref().is_some_and(was_undone) {
            begin(host, trial, kind).await;
        }
        sleep(Duration::from_millis(5)).await;
    }
    false
}

/// The last operation did not move the role.
fn was_undone(report: &PairReport) -> bool {
    let ended = report
        .operations
        .last()
        .and_then(|operation| operation.ended.as_ref());
    is_whole(report) && ended.is_some_and(|ended| !ended.moved)
}

/// The records to try: each one where that is asked for, else every third from one that is drawn.
fn chosen(count: usize, kind: Move) -> Vec<usize> {
    if std::env::var("CUTS").as_deref() == Ok("all") {
        return (1..=count).collect();
    }
    let drawn = std::env::var("CUT_SEED").ok();
    let drawn: usize = drawn.and_then(|text| text.parse().ok()).unwrap_or(0);
    let first = (drawn + usize::from(kind == Move::Failover)) % 3;
    (1..=count).skip(first).step_by(3).collect()
}
