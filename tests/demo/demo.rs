//! `make demo`: a pair is made, loses its writer twice, is switched over, and loses nothing.

#![expect(clippy::print_stdout, reason = "to be watched")]

#[path = "../support/mod.rs"]
mod support;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Duration;

use support::check::{check, never_two_writers};
use support::settings::{ENDPOINT, READER, family_of_environment, server_id};
use support::{Host, Load, Sampler, Setup, fault, in_namespace};
use tokio::time::{Instant, sleep};

/// Whatever takes longer than this has failed.
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match catch_unwind(|| in_namespace(demo)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => {
            println!("The demo failed; the reason is above.");
            ExitCode::FAILURE
        }
    }
}

async fn demo() {
    let family = family_of_environment();
    let begun = Instant::now();
    println!("\ndualmasterd makes a pair of {family} servers, a and b, in a network of their own.");
    let host = Host::serving(Setup::new(family)).await;
    let report = host.report().await;
    let version = report
        .members
        .iter()
        .find_map(|member| member.server_version.clone());
    let config = std::fs::read_to_string(host.config()).expect("read");
    let lines = config
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count();
    said(
        begun,
        &format!(
            "{family} {}, from a file of {lines} lines",
            version.unwrap_or_default()
        ),
    );
    let (writer, reader) = host.roles().await;
    said(
        begun,
        &format!("127.0.0.1:{ENDPOINT} leads to the writer, {writer}"),
    );
    said(
        begun,
        &format!("127.0.0.1:{READER} leads to the reader, {reader}"),
    );
    said(
        begun,
        "linked both ways, in sync: an acknowledged write is on both",
    );

    let sampler = Sampler::start(&host);
    let load = Load::usual(&host, "demo").await;
    println!("\nFour clients write through the endpoint and try again after any error.");
    sleep(Duration::from_secs(1)).await;
    said(
        begun,
        &format!("{} writes acknowledged", load.so_far().acked().len()),
    );

    println!("\nThe writer's process is killed with SIGKILL.");
    lose_writer(begun, &host, &load, fault::kill).await;
    println!("\nThe new writer is frozen with SIGSTOP.");
    lose_writer(begun, &host, &load, fault::freeze).await;
    println!("\nA planned switchover, and back.");
    switch_over(begun, &host, &load).await;
    switch_over(begun, &host, &load).await;

    println!("\nThe clients end, and both servers are compared with what the clients heard.");
    let history = load.finish().await;
    let verdict = check(&host, "demo", &history).await;
    never_two_writers(&sampler, &history);
    let seen = sampler.seen();
    said(
        begun,
        &format!(
            "{} rows, the same on both servers, none twice",
            verdict.present
        ),
    );
    said(
        begun,
        &format!(
            "{} writes acknowledged, {} lost",
            verdict.acked, verdict.lost
        ),
    );
    said(
        begun,
        &format!("asked {} times, never found both writable", seen.samples),
    );
    let path = host.path().to_owned();
    drop((sampler, host));
    assert!(!path.exists(), "{} is still there", path.display());
    said(begun, "daemon, servers and files are gone again");
    println!();
}

/// The writer is lost; the reader takes over; the lost one comes back as reader.
async fn lose_writer(begun: Instant, host: &Host, load: &Load, lose: fn(i32)) {
    let (writer, reader) = host.roles().await;
    let pid = host.pid(&writer).expect("the writer runs");
    let at = Instant::now();
    lose(pid);
    let old = server_id(&writer);
    let back = load.until_acked(at, |server| server != old, LONG).await;
    said(
        begun,
        &format!(
            "first acknowledged write on {reader} after {}",
            ms(back - at)
        ),
    );
    host.until_restarted(&writer, pid, LONG).await;
    host.until_healthy(LONG).await;
    let took = at.elapsed().as_secs_f64();
    said(
        begun,
        &format!("{writer} is back as reader, in sync, after {took:.1} s"),
    );
}

async fn switch_over(begun: Instant, host: &Host, load: &Load) {
    host.until_caught_up(LONG).await;
    let (writer, reader) = host.roles().await;
    let at = Instant::now();
    let operation = host.switchover().await.expect("granted");
    assert!(
        operation.ended.as_ref().is_some_and(|ended| ended.moved),
        "{operation:#?}"
    );
    let old = server_id(&writer);
    let back = load.until_acked(at, |server| server != old, LONG).await;
    sleep(Duration::from_millis(100)).await;
    let history = load.so_far();
    let gap = history.longest_gap(at, back + Duration::from_millis(100));
    let refused = history
        .failures
        .iter()
        .filter(|f| f.connecting && f.at >= at)
        .count();
    said(
        begun,
        &format!(
            "{writer} to {reader}: no write for {}, {refused} connections refused",
            ms(gap)
        ),
    );
    host.until_healthy(LONG).await;
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

fn said(begun: Instant, line: &str) {
    println!("  {:>5.1} s  {line}", begun.elapsed().as_secs_f64());
}
