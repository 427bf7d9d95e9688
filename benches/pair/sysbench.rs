//! What a pair costs its writer: sysbench's oltp_read_write on four arrangements of the same two servers, by
//! turns in each round.

use std::process::Stdio;
use std::time::Duration;

use dualmasterd::model::server::Family;
use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::asked::{self, Asked};
use crate::figures::rounded;
use crate::kept::keep;
use crate::support::settings::{self, APP, APP_PASSWORD, ENDPOINT};
use crate::support::{Host, fault};

pub(crate) const NAME: &str = "sysbench";
const LONG: Duration = Duration::from_secs(120);
/// Rounds without `RUNS`.
const ROUNDS: usize = 3;
/// Seconds of each arrangement in each round, without `SECONDS`.
const SECONDS: u64 = 20;
/// Threads without `CLIENTS`.
const THREADS: u32 = 8;

/// An arrangement of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrangement {
    /// The pair, through its endpoint: commits wait for the standby.
    Lossless,
    /// The same with `durability = "available"`.
    Available,
    /// No daemon, semi-sync off at both, the writer at its own port.
    Replication,
    /// The same with the reader's server ended.
    Alone,
}

const ALL: [Arrangement; 4] = [
    Arrangement::Lossless,
    Arrangement::Available,
    Arrangement::Replication,
    Arrangement::Alone,
];

impl Arrangement {
    fn name(self) -> &'static str {
        match self {
            Self::Lossless => "pair_lossless",
            Self::Available => "pair_available",
            Self::Replication => "plain_replication",
            Self::Alone => "one_server",
        }
    }
}

/// What sysbench said.
#[derive(Debug, Clone, Copy)]
struct Said {
    per_second: f64,
    average_ms: f64,
    p95_ms: f64,
}

/// All rounds.
pub(crate) async fn run(asked: &Asked) {
    let seconds = asked::number("SECONDS_EACH").unwrap_or(SECONDS);
    let threads = match asked::value("CLIENTS") {
        Some(_) => asked.clients,
        None => THREADS,
    };
    let rounds = asked.given_runs.unwrap_or(ROUNDS);
    let mut host = Host::serving(asked.setup()).await;
    sysbench(&["--threads=2", "prepare"], ENDPOINT, LONG).await;
    let mut said: Vec<(Arrangement, Said)> = Vec::new();
    for round in 1..=rounds {
        for arrangement in ALL {
            let port = arrange(&mut host, asked, arrangement).await;
            let time = format!("--time={seconds}");
            let threads = format!("--threads={threads}");
            // The first seconds warm caches that the arrangement before has left otherwise.
            sysbench(&["--time=2", &threads, "run"], port, LONG).await;
            let limit = LONG + Duration::from_secs(seconds);
            let text = sysbench(&[&time, &threads, "run"], port, limit).await;
            let one = parse(&text);
            eprintln!(
                "{} {round}/{rounds}: {:.0} a second",
                arrangement.name(),
                one.per_second
            );
            said.push((arrangement, one));
        }
    }
    publish(asked, &said, rounds, seconds, threads);
}

/// Brings the servers into an arrangement, and returns the port that leads to the writer.
async fn arrange(host: &mut Host, asked: &Asked, arrangement: Arrangement) -> u16 {
    match arrangement {
        Arrangement::Lossless | Arrangement::Available => {
            if host.try_report().await.is_ok() {
                host.stop_daemon().await;
            }
            let available = arrangement == Arrangement::Available;
            host.setup.keys = match available {
                true => "durability = \"available\"\n".into(),
                false => String::new(),
            };
            let text = host.setup.text(host.path());
            std::fs::write(host.config(), text).expect("write the file");
            host.start().await;
            host.until_caught_up(LONG).await;
            ENDPOINT
        }
        Arrangement::Replication => {
            host.until_caught_up(LONG).await;
            let (writer, reader) = host.roles().await;
            host.stop_daemon().await;
            for member in [&writer, &reader] {
                let off = source_off(asked.family);
                host.as_root(member, &[off]).await;
            }
            own_port(&writer)
        }
        Arrangement::Alone => {
            // The daemon is gone already; it makes the pair whole again in the next round.
            let (writer, reader) = writer_by_itself(host).await;
            let pid = host.pid(&reader).expect("the reader's server runs");
            fault::terminate(pid);
            let deadline = Instant::now() + LONG;
            while host.pid(&reader) == Some(pid) {
                assert!(
                    Instant::now() < deadline,
                    "the reader's server does not end"
                );
                sleep(Duration::from_millis(50)).await;
            }
            own_port(&writer)
        }
    }
}

fn source_off(family: Family) -> &'static str {
    match family {
        Family::Mariadb => "SET GLOBAL rpl_semi_sync_master_enabled = 0",
        Family::Mysql => "SET GLOBAL rpl_semi_sync_source_enabled = 0",
    }
}

fn own_port(member: &str) -> u16 {
    u16::try_from(settings::server_id(member)).expect("a port")
}

/// Writer and reader while no daemon can be asked.
async fn writer_by_itself(host: &Host) -> (String, String) {
    use mysql_async::prelude::Queryable;
    let mut conn = host.root("a").await;
    let read_only: Option<u8> = conn
        .query_first("SELECT @@global.read_only")
        .await
        .expect("an answer");
    let _ = conn.disconnect().await;
    let (writer, reader) = if read_only == Some(0) {
        ("a", "b")
    } else {
        ("b", "a")
    };
    (writer.to_owned(), reader.to_owned())
}

/// Runs it, and returns what it printed.
async fn sysbench(arguments: &[&str], port: u16, limit: Duration) -> String {
    let run = Command::new("sysbench")
        .args([
            "oltp_read_write",
            "--db-driver=mysql",
            "--mysql-host=127.0.0.1",
        ])
        .args(["--tables=4", "--table-size=20000", "--percentile=95"])
        .arg(format!("--mysql-port={port}"))
        .arg(format!("--mysql-user={APP}"))
        .arg(format!("--mysql-password={APP_PASSWORD}"))
        .arg(format!("--mysql-db={APP}"))
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ended = timeout(limit, run).await;
    let output = ended.expect("sysbench ends").expect("run sysbench");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "sysbench {arguments:?}: {text}{complaint}"
    );
    text
}

/// `transactions: 1234 (61.70 per sec.)`, `avg: 12.3`, `95th percentile: 20.1`.
fn parse(text: &str) -> Said {
    let after = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap_or_else(|| panic!("no `{name}` in {text}"))
            .trim()
    };
    let number = |text: &str| {
        text.parse()
            .unwrap_or_else(|_| panic!("`{text}` is no number"))
    };
    let rate = after("transactions:")
        .split_once('(')
        .map_or("", |(_, rate)| rate);
    Said {
        per_second: number(rate.split_whitespace().next().unwrap_or_default()),
        average_ms: number(after("avg:")),
        p95_ms: number(after("95th percentile:")),
    }
}

fn publish(asked: &Asked, said: &[(Arrangement, Said)], rounds: usize, seconds: u64, threads: u32) {
    println!(
        "{NAME} {}, medians of {rounds} rounds of {seconds} s, {threads} threads",
        settings::name(asked.family)
    );
    println!(
        "{:<20}{:>12}{:>10}{:>10}{:>14}",
        "arrangement", "tps", "avg ms", "p95 ms", "of one server"
    );
    let of = |arrangement: Arrangement, what: fn(&Said) -> f64| {
        let values = said.iter().filter(|(of, _)| *of == arrangement);
        values.map(|(_, said)| what(said)).collect::<Vec<_>>()
    };
    let alone = median(of(Arrangement::Alone, |said| said.per_second));
    let mut kept = Map::new();
    for arrangement in ALL {
        let rates = of(arrangement, |said| said.per_second);
        let rate = median(rates.clone());
        let average = median(of(arrangement, |said| said.average_ms));
        let p95 = median(of(arrangement, |said| said.p95_ms));
        let name = arrangement.name();
        println!(
            "{name:<20}{rate:>12.1}{average:>10.2}{p95:>10.2}{:>12.0} %",
            rate / alone * 100.0
        );
        let told: Value = json!({
            "transactions_per_second": rate,
            "avg_ms": average,
            "p95_ms": p95,
            "percent_of_one_server": rounded(rate / alone * 100.0),
            "rounds_tps": rates,
        });
        kept.insert(name.into(), told);
    }
    let kept = json!({
        "server": settings::name(asked.family),
        "rounds": rounds,
        "seconds": seconds,
        "threads": threads,
        "arrangements": kept,
    });
    keep(NAME, asked, kept);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
