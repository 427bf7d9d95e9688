//! Benches that do one thing to a pair under load, many times.

use std::time::Duration;

use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use crate::figures::{Figures, ms};
use crate::support::check::{check, never_two_writers};
use crate::support::settings::server_id;
use crate::support::{Host, Load, Sampler, Setup, fault};

/// A pair that is not whole again after this time ends the bench.
const LONG: Duration = Duration::from_secs(60);

/// One bench.
#[derive(Clone, Copy)]
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    fault: Fault,
    goal: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    WriterKilled,
    WriterFrozen,
    Switchover,
    ReaderKilled,
    ReaderFrozen,
}

pub(crate) const ALL: [Bench; 5] = [
    Bench {
        name: "failover",
        fault: Fault::WriterKilled,
        goal: "p50 <= 25, p99 <= 150, lost 0",
    },
    Bench {
        name: "freeze",
        fault: Fault::WriterFrozen,
        goal: "max <= 1500, lost 0",
    },
    Bench {
        name: "switchover",
        fault: Fault::Switchover,
        goal: "p50 <= 15, p99 <= 80, lost 0, refused 0",
    },
    Bench {
        name: "reader",
        fault: Fault::ReaderKilled,
        goal: "max <= 50, lost 0",
    },
    Bench {
        name: "reader_freeze",
        fault: Fault::ReaderFrozen,
        goal: "max <= 1500, lost 0",
    },
];

/// All runs of one bench on a pair of its own.
///
/// Returns the number of acknowledged writes that were lost.
pub(crate) async fn run(bench: Bench, family: Family, count: usize) -> usize {
    let host = Host::serving(Setup::new(family)).await;
    let mut figures = Figures {
        times: Vec::new(),
        clients: Vec::new(),
        acked: 0,
        lost: 0,
        refused: 0,
    };
    for number in 1..=count {
        one(bench.fault, &host, &format!("run_{number}"), &mut figures).await;
        let time = figures.times.last().copied().unwrap_or_default();
        eprintln!("{} {number}/{count}: {} ms", bench.name, ms(time));
    }
    let lost = figures.lost;
    figures.publish(bench.name, family, bench.goal);
    lost
}

/// One run: a load, the fault, the time it cost, and the count of what was lost.
async fn one(fault: Fault, host: &Host, table: &str, figures: &mut Figures) {
    host.until_caught_up(LONG).await;
    let (writer, reader) = host.roles().await;
    let sampler = Sampler::start(host);
    let load = Load::usual(host, table).await;
    sleep(Duration::from_millis(300)).await;
    let old = server_id(&writer);
    let member = if matches!(fault, Fault::ReaderKilled | Fault::ReaderFrozen) {
        reader
    } else {
        writer
    };
    let pid = host.pid(&member).expect("the server runs");

    let at = Instant::now();
    match fault {
        Fault::WriterKilled | Fault::ReaderKilled => fault::kill(pid),
        Fault::WriterFrozen | Fault::ReaderFrozen => fault::freeze(pid),
        Fault::Switchover => {
            let operation = host.switchover().await.expect("granted");
            assert!(
                operation.ended.as_ref().is_some_and(|end| end.moved),
                "{operation:#?}"
            );
        }
    }
    let moves = !matches!(fault, Fault::ReaderKilled | Fault::ReaderFrozen);
    if moves {
        load.until_acked(at, |server| server != old, LONG).await;
    }
    if fault == Fault::ReaderFrozen {
        load.until_acked(at + Duration::from_millis(5), |_| true, LONG)
            .await;
        sleep(Duration::from_millis(500)).await;
        fault::thaw(pid);
    }
    if matches!(
        fault,
        Fault::WriterKilled | Fault::WriterFrozen | Fault::ReaderKilled
    ) {
        host.until_restarted(&member, pid, LONG).await;
    }
    host.until_healthy(LONG).await;
    let history = load.finish().await;
    let taken = history.first_ack(at, |server| server != old);
    let end = history.writes.last().map_or(at, |write| write.sent);
    figures.times.push(match (fault, taken) {
        (Fault::WriterKilled | Fault::WriterFrozen, Some(taken)) => taken - at,
        _ => history.longest_gap(at, end),
    });
    figures.clients.push(history.longest_client_gap(at, end));
    figures.refused += history.refused().len();
    let verdict = check(host, table, &history).await;
    never_two_writers(&sampler, &history);
    figures.acked += verdict.acked;
    figures.lost += verdict.lost;
}
