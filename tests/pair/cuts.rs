//! The daemon, a server, both servers, or the daemon and a server killed at the begin record of each action of
//! a switchover, of a failover, and of the loss and return of a reader; the daemon alone at those of the first
//! set-up. The next daemon, or the one that goes on, brings the pair to an end by itself, forwards or
//! backwards, and nothing is lost.
//!
//! A third of the records are tried, each with the victims that are its turn, others each day, or those that
//! `CUT_SEED` draws; `CUTS=all` tries every record with all of them. A set-up is cut again and again on its way,
//! a daemon after the other; with `CUTS=all` also once at each record, on a host of its own.
//!
//! No two runs of a move write quite the same records: an action whose goal is seen to be reached is left out,
//! one that fails is repeated. So a cut may be ordered behind the last record of its run. It is said then, and
//! the run has to have written less.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dualmasterd::control::commands::{Answer, Command};
use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use super::trial::Trial;
use crate::support::check::check;
use crate::support::cut::Victim;
use crate::support::host::is_whole;
use crate::support::{Cut, Host, Load, Setup, fault, in_namespace};

/// A return that a busy machine makes arm several times.
const LONG: Duration = Duration::from_secs(60);
/// A pair that was whole for so long begins nothing more.
const QUIET: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Switchover,
    Failover,
    ReaderLoss,
}

impl Move {
    /// Who writes in the end, of those of the beginning.
    fn writer(self, trial: &Trial) -> &str {
        match self {
            Self::Switchover | Self::Failover => &trial.reader,
            Self::ReaderLoss => &trial.writer,
        }
    }
}

/// Who dies, of the writer and the reader of the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dies {
    Daemon,
    Writer,
    Reader,
    Both,
    DaemonAndWriter,
}

impl Dies {
    const ALL: [Self; 5] = [
        Self::Daemon,
        Self::Writer,
        Self::Reader,
        Self::Both,
        Self::DaemonAndWriter,
    ];

    fn victims(self, trial: &Trial) -> Vec<Victim<'_>> {
        let (writer, reader) = (Victim::Server(&trial.writer), Victim::Server(&trial.reader));
        match self {
            Self::Daemon => vec![Victim::Daemon],
            Self::Writer => vec![writer],
            Self::Reader => vec![reader],
            Self::Both => vec![writer, reader],
            Self::DaemonAndWriter => vec![writer, Victim::Daemon],
        }
    }
}

#[test]
fn mariadb() {
    cut_everywhere(Family::Mariadb);
}

#[test]
fn mysql() {
    cut_everywhere(Family::Mysql);
}

#[test]
fn mariadb_set_up() {
    set_up(Family::Mariadb);
}

#[test]
fn mysql_set_up() {
    set_up(Family::Mysql);
}

fn set_up(family: Family) {
    in_namespace(async || {
        let records = cut_on_the_way(family).await;
        let singly = if all() { records } else { 0 };
        for number in 1..=singly {
            let mut host = Host::new(Setup::new(family));
            let cut = Cut::prepare(&mut host);
            let at = made_until(&mut host, &cut, number).await;
            eprintln!("cut at {number}: {}", at.unwrap_or_default());
            host.start().await;
            whole_and_used(&host).await;
        }
    });
}

/// A pair is made though daemon after daemon dies, each a record later than the one before; the records that it took.
async fn cut_on_the_way(family: Family) -> usize {
    eprintln!("CUT_SEED={}", seed());
    let mut host = Host::new(Setup::new(family));
    let cut = Cut::prepare(&mut host);
    let mut cuts = 0;
    while let Some(at) = made_until(&mut host, &cut, 1 + seed() % 3 + cuts).await {
        eprintln!("cut {cuts} at {at}");
        cuts += 1;
        assert!(cuts < 60, "no end: {:#?}", cut.records());
    }
    assert!(cuts > 3, "only {cuts} cuts");
    whole_and_used(&host).await;
    cut.records().len()
}

/// Starts a daemon that dies at its `number`-th record; which that is. None: the pair was whole before.
async fn made_until(host: &mut Host, cut: &Cut, number: usize) -> Option<String> {
    cut.at(number);
    host.launch();
    let deadline = Instant::now() + LONG;
    let mut whole: Option<Instant> = None;
    while whole.is_none_or(|since| since.elapsed() < QUIET) {
        if host.daemon_has_ended() {
            cut.off();
            return Some(cut.records().pop().unwrap_or_default());
        }
        assert!(Instant::now() < deadline, "neither cut nor whole");
        let report = host.try_report().await.ok();
        whole = match report.as_ref().is_some_and(is_whole) {
            true => whole.or_else(|| Some(Instant::now())),
            false => None,
        };
        sleep(Duration::from_millis(5)).await;
    }
    cut.off();
    None
}

/// The pair is whole, and a client's writes go to both members.
async fn whole_and_used(host: &Host) {
    host.until_healthy(LONG).await;
    let load = Load::usual(host, "used").await;
    let history = load.finish().await;
    let verdict = check(host, "used", &history).await;
    assert!(verdict.acked > 0, "{verdict:?}");
}

fn cut_everywhere(family: Family) {
    in_namespace(async || {
        let mut host = Host::new(Setup::new(family));
        let cut = Cut::prepare(&mut host);
        host.serve().await;
        eprintln!("CUT_SEED={}", seed());
        let (mut reached, mut missed) = (0, 0);
        for kind in [Move::Switchover, Move::Failover, Move::ReaderLoss] {
            let count = uncut(&mut host, &cut, kind).await;
            for (number, dies) in chosen(count, kind) {
                let began = Instant::now();
                match cut_at(&mut host, &cut, kind, (number, dies)).await {
                    true => reached += 1,
                    false => missed += 1,
                }
                let took = began.elapsed().as_secs_f64();
                eprintln!("{kind:?} cut at {number} of {count}, {dies:?}: {took:.1} s");
            }
        }
        assert!(reached > missed, "{reached} cuts reached, {missed} not");
    });
}

/// The move to its end; as many records as it wrote until the pair was whole.
async fn uncut(host: &mut Host, cut: &Cut, kind: Move) -> usize {
    let trial = Trial::begin(host, &format!("{kind:?}_uncut").to_lowercase()).await;
    let before = cut.records().len();
    let lost = trial.reader_pid(host);
    begin(host, &trial, kind).await;
    assert!(
        !is_cut(host, cut, &trial, kind, lost).await,
        "nobody ordered a cut"
    );
    trial.end(host).await;
    cut.records().len() - before
}

/// These die at this record, where the move writes so many; whether they did.
async fn cut_at(host: &mut Host, cut: &Cut, kind: Move, (number, dies): (usize, Dies)) -> bool {
    let table = format!("{kind:?}_{number}_{dies:?}").to_lowercase();
    let trial = Trial::begin(host, &table).await;
    let lost = trial.reader_pid(host);
    let before = cut.records().len();
    cut.kill_at(host, number, &dies.victims(&trial));
    begin(host, &trial, kind).await;
    let is_cut = is_cut(host, cut, &trial, kind, lost).await;
    cut.off();
    let written = cut.records().len() - before;
    if !is_cut {
        assert!(
            written < number,
            "{written} records, and no cut at {number}"
        );
        eprintln!("  not reached: this run wrote {written} records");
    } else if matches!(dies, Dies::Daemon | Dies::DaemonAndWriter) {
        assert_eq!(written, number, "it died at another record");
        eprintln!("  at {}", cut.records().pop().unwrap_or_default());
        host.daemon_ended(LONG).await;
        host.start().await;
    }
    host.until_healthy(LONG).await;
    trial.end(host).await;
    is_cut
}

async fn begin(host: &Host, trial: &Trial, kind: Move) {
    match kind {
        Move::Failover => fault::kill(trial.writer_pid(host)),
        Move::ReaderLoss => fault::kill(trial.reader_pid(host)),
        Move::Switchover => {
            let word = Command::Switchover {
                pair: None,
                to: None,
                accept_own_rows: false,
                dry_run: false,
            };
            // A daemon that dies at once answers nobody. A reader that comes back from the cut before has to
            // catch up first.
            let deadline = Instant::now() + LONG;
            while let Ok(answer) = host.ask(word.clone()).await
                && !matches!(answer, Answer::Granted { .. })
            {
                assert!(Instant::now() < deadline, "{answer:?}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Waits until the order was carried out or the move is done; whether it was. A switchover that missed its
/// budget on a busy machine is asked for again. A reader that is lost comes back as another process than
/// `lost`.
async fn is_cut(host: &mut Host, cut: &Cut, trial: &Trial, kind: Move, lost: i32) -> bool {
    let deadline = Instant::now() + LONG;
    let mut whole: Option<Instant> = None;
    while whole.is_none_or(|since| since.elapsed() < QUIET) {
        if cut.is_done() {
            return true;
        }
        assert!(Instant::now() < deadline, "neither cut nor whole");
        let report = host.try_report().await.ok();
        let returned =
            kind != Move::ReaderLoss || host.pid(&trial.reader).is_some_and(|pid| pid != lost);
        let moved =
            |report: &&PairReport| returned && report.writer.as_deref() == Some(kind.writer(trial));
        whole = match report.as_ref().filter(moved).is_some_and(is_whole) {
            true => whole.or_else(|| Some(Instant::now())),
            false => None,
        };
        if kind == Move::Switchover && report.as_ref().is_some_and(was_undone) {
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

/// The records to try and who dies there: each with all where that is asked for, else every third from one that
/// is drawn, with one after the other.
fn chosen(count: usize, kind: Move) -> Vec<(usize, Dies)> {
    if all() {
        let each = |number| Dies::ALL.map(|dies| (number, dies));
        return (1..=count).flat_map(each).collect();
    }
    let first = seed() + kind as usize;
    let victims = Dies::ALL.into_iter().cycle().skip(first % Dies::ALL.len());
    let numbers = (1..=count).skip(first % 3).step_by(3);
    numbers.zip(victims).collect()
}

fn all() -> bool {
    std::env::var("CUTS").as_deref() == Ok("all")
}

/// What is drawn: by the day where nobody says it.
#[expect(
    clippy::disallowed_methods,
    reason = "no test waits for it or measures with it"
)]
fn seed() -> usize {
    if let Ok(drawn) = std::env::var("CUT_SEED") {
        return drawn.parse().expect("CUT_SEED is a number");
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let days = since.expect("after 1970").as_secs() / 86_400;
    usize::try_from(days).expect("a small number")
}
