//! One row: a load on a whole pair, the fault, what has to be named, what heals it, a whole pair again within
//! the budget, and what is always true.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;
use tokio::time::Instant;

use super::case::{Case, Ends, Site};
use super::draw;
use super::equal::{equal, tables};
use super::ground::Ground;
use super::step::{take, until_named};
use crate::support::check::{check, check_alone, never_two_writers, one_writer_per_epoch};
use crate::support::settings::APP;
use crate::support::{History, Host, Load, Sampler, in_namespace, sql};

/// The pair is whole before a fault.
const BEFORE: Duration = Duration::from_secs(60);
/// A reader that root opens is closed again before it was seen open as often, about 20 ms apart.
const OPEN_LOOKS: u32 = 50;

/// Runs the rows that were asked for; one that fails does not keep the others from running.
///
/// # Panics
/// With the names of those that failed.
pub(super) fn chosen(family: Family) {
    let queue = Mutex::new(VecDeque::from(draw::chosen(family)));
    let current = Mutex::new(None);
    let mut failed = Vec::new();
    while !queue.lock().expect("lock").is_empty() {
        let pair = || in_namespace(async || rows_of_a_pair(family, &queue, &current).await);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(pair)) {
            match current.lock().expect("lock").take() {
                Some(name) => failed.push(name),
                // The pair was not made.
                None => resume_unwind(panic),
            }
        }
    }
    assert!(failed.is_empty(), "failed: {failed:?}");
}

/// Runs rows of one site until one fails.
async fn rows_of_a_pair(
    family: Family,
    queue: &Mutex<VecDeque<Case>>,
    current: &Mutex<Option<&'static str>>,
) {
    let next = |site: Option<Site>| {
        let mut queue = queue.lock().expect("lock");
        let fits = |case: &&Case| site.is_none_or(|site| case.site == site);
        queue.front().filter(fits).copied().inspect(|_| {
            queue.pop_front();
        })
    };
    let mut case = next(None);
    let site = case.map(|case| case.site);
    let mut ground = Ground::make(family, site.unwrap_or(Site::Usual)).await;
    let mut number = 0;
    while let Some(row) = case {
        *current.lock().expect("lock") = Some(row.name);
        number += 1;
        one(&mut ground, &row, number).await;
        *current.lock().expect("lock") = None;
        if site == Some(Site::Spent) {
            return;
        }
        case = next(site);
    }
}

/// Runs one row.
async fn one(ground: &mut Ground, case: &Case, number: u32) {
    eprintln!("{} ...", case.name);
    let epoch = ground.host.until_caught_up(BEFORE).await.epoch;
    ground.look().await;
    let sampler = Sampler::start(&ground.host);
    let load = Load::usual(&ground.host, &format!("load_{number}")).await;
    ground.table = load.table().to_owned();
    let begun = Instant::now();
    let healed = happen(ground, case).await;
    if case.ends == Ends::Alone {
        let history = load.finish().await;
        check_alone(&ground.host, &ground.table, &history).await;
        ends(ground, case, epoch).await;
        let (kind, who) = case.named.expect("what is named while it lasts");
        until_named(ground, kind, who).await;
        one_writer_per_epoch(&sampler, &history);
        eprintln!("{}: {kind}, and writes go on", case.name);
        return;
    }
    ground.until_whole(budget(case)).await;
    let whole = healed.elapsed();
    ends(ground, case, epoch).await;
    ground.release();
    let history = finish(&ground.host, load, &sampler, u32::from(case.opens)).await;
    large_is_there(ground).await;
    clear(&ground.host).await;
    let gap = history.longest_gap(begun, Instant::now());
    eprintln!(
        "{}: whole {:.1} s after it was healed; longest gap {:.1} s",
        case.name,
        whole.as_secs_f64(),
        gap.as_secs_f64(),
    );
}

/// The fault and what heals it; when it was healed.
pub(super) async fn happen(ground: &mut Ground, case: &Case) -> Instant {
    for step in case.fault {
        take(ground, *step).await;
    }
    let healed = Instant::now();
    if let Some((kind, who)) = case.named {
        until_named(ground, kind, who).await;
    }
    if case.heal.is_empty() {
        return healed;
    }
    for step in case.heal {
        take(ground, *step).await;
    }
    Instant::now()
}

/// How long the pair may take until it is whole.
pub(super) fn budget(case: &Case) -> Duration {
    Duration::from_secs(case.budget)
}

/// Ends the load, and checks what is always true; prints what came of it. `opened`: so often root opened the reader.
pub(super) async fn finish(host: &Host, load: Load, sampler: &Sampler, opened: u32) -> History {
    let table = load.table().to_owned();
    let history = load.finish().await;
    let verdict = check(host, &table, &history).await;
    equal(host).await;
    if opened > 0 {
        one_writer_per_epoch(sampler, &history);
        let seen = sampler.seen().both_writable;
        assert!(
            seen < OPEN_LOOKS * opened,
            "open side by side in {seen} looks"
        );
    } else {
        never_two_writers(sampler, &history);
    }
    eprintln!(
        "  {} acknowledged, {} lost, {} more present",
        verdict.acked,
        verdict.lost,
        verdict.present - verdict.acked
    );
    history
}

/// Who writes in the end is who should.
async fn ends(ground: &Ground, case: &Case, epoch: Option<u64>) {
    let report = ground.host.report().await;
    let writer = report.writer.as_ref();
    let (first, second) = &ground.roles;
    let fits = match case.ends {
        Ends::Same => writer == Some(first) && report.epoch == epoch,
        Ends::Moved => writer == Some(second),
        Ends::Back => writer == Some(first) && report.epoch > epoch,
        Ends::Either | Ends::Alone => true,
    };
    assert!(
        fits,
        "expected {:?} of writer {first} in epoch {epoch:?}, but it is {writer:?} in epoch {:?}: {:#?}",
        case.ends, report.epoch, report.operations
    );
}

/// A large transaction that was answered OK is there.
async fn large_is_there(ground: &Ground) {
    if ground.large_acked.swap(false, Ordering::Relaxed) {
        let (writer, _) = ground.host.roles().await;
        let mut root = ground.host.root(&writer).await;
        let rows: Option<u64> = root
            .query_first(format!("SELECT COUNT(*) FROM {APP}.x_large"))
            .await
            .expect("its rows");
        assert!(rows > Some(1), "the large transaction is lost: {rows:?}");
    }
}

/// Drops every table.
pub(super) async fn clear(host: &Host) {
    clear_but(host, None).await;
}

/// Drops every table but this.
pub(super) async fn clear_but(host: &Host, but: Option<&str>) {
    let (writer, _) = host.roles().await;
    let mut root = host.root(&writer).await;
    let mut found = tables(&mut root).await;
    found.retain(|table| but != Some(table));
    for table in found {
        let drop = format!("DROP TABLE {APP}.`{table}`");
        let dropped = sql::run(&mut root, &drop, BEFORE).await;
        dropped.unwrap_or_else(|why| panic!("{drop}: {why}"));
    }
    let _ = root.disconnect().await;
}
