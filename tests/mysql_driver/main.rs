//! The driver, the looks and every action on real servers of both families.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]
#![allow(clippy::disallowed_methods, reason = "tests measure time")]

mod accounts;
mod closing;
mod events;
mod link;
mod observers;
mod pair;
mod positions;
mod roles;
mod session;
mod times;
mod watched;

use std::time::Duration;

use dualmasterd::model::server::Family;

use self::pair::Pair;

/// What a close may take.
const BUDGET: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "current_thread")]
async fn mariadb() {
    all(Family::Mariadb, 25110).await;
}

#[tokio::test(flavor = "current_thread")]
async fn mysql() {
    all(Family::Mysql, 25120).await;
}

async fn all(family: Family, port: u16) {
    let mut pair = Pair::start(family, port).await;
    step("bootstrap");
    accounts::of_ours(&pair).await;
    step("link");
    link::both_ways(&pair).await;
    step("application");
    accounts::of_the_application(&pair).await;
    step("late statements");
    session::late(&pair).await;
    step("settings of a session");
    session::settings(&pair).await;
    step("too many connections");
    session::without_room(&pair).await;
    step("close");
    closing::close_and_open(&pair).await;
    step("sessions");
    closing::sessions(&pair).await;
    if family == Family::Mariadb {
        step("routines with an administrator's right");
        closing::definers(&pair).await;
    }
    step("relay logs");
    link::relay_logs(&pair).await;
    if family == Family::Mariadb {
        step("positions");
        positions::behind(&pair).await;
        positions::peer_with_a_backlog(&pair).await;
        positions::only_received(&pair).await;
    }
    step("observers");
    observers::of_a_writer(&pair).await;
    step("events");
    events::handed_over(&pair).await;
    step("switchover");
    roles::switchover(&pair).await;
    if family == Family::Mariadb {
        step("a limit of a statement");
        link::limit_of_a_statement(&pair).await;
    }
    step("silent peer");
    link::silent_peer(&pair).await;
    step("times of a look");
    times::of_looks(&pair).await;
    step("cost at rest");
    times::at_rest(&pair).await;
    if family == Family::Mysql {
        step("link over TLS");
        link::over_tls(&pair).await;
    }
    step("half a transaction");
    roles::half_a_transaction(&mut pair).await;
}

fn step(name: &str) {
    eprintln!("-- {name}");
}
