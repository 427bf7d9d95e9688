//! Scenarios by theme; those of one theme share a machine.

mod boot;
mod bus;
mod daemon;
mod distribution;
mod rights;
mod secrets;
#[allow(dead_code, reason = "the trials of pairs need more of it")]
#[path = "../pair/trial.rs"]
mod trial;
mod unit;

use std::time::Duration;

use crate::support::{Host, in_namespace};

/// One test per theme.
macro_rules! themes {
    ($($theme:ident => $($scenario:path),+;)+) => {
        $(#[test]
        fn $theme() {
            in_namespace(async || {
                let mut host = Host::booted(unit::setup()).await;
                $(
                    let began = tokio::time::Instant::now();
                    eprintln!("{}", stringify!($scenario));
                    $scenario(&mut host).await;
                    eprintln!("{}: {:.1} s", stringify!($scenario), began.elapsed().as_secs_f64());
                )+
            });
        })+
    };
}

themes! {
    units =>
        unit::installed,
        unit::limits,
        unit::only_our_templates,
        unit::writer_killed,
        unit::writer_terminated_by_hand,
        unit::switchover,
        secrets::nowhere,
        unit::reader_restarted_by_hand,
        unit::stopped_by_hand,
        unit::stopped_by_hand_without_the_daemon;
    fencing =>
        bus::writer_frozen,
        bus::writer_frozen_without_a_fence,
        bus::writer_killed_while_the_bus_hangs,
        bus::writer_frozen_while_the_bus_hangs,
        bus::writer_killed_after_a_restart_of_the_bus;
    daemon =>
        daemon::restarted,
        daemon::killed,
        daemon::stopped,
        daemon::stuck,
        daemon::reloaded,
        daemon::badly_configured;
    distribution =>
        distribution::taken_over,
        distribution::it_is_the_only_one,
        distribution::killed,
        distribution::stopped_by_hand,
        distribution::given_back;
    boot =>
        boot::reboot_under_load,
        boot::cut_under_load;
}

/// Prints how long something took, and holds it to its limit.
fn within(what: &str, took: Duration, limit: Duration) {
    eprintln!("  {what}: {:.1} ms", took.as_secs_f64() * 1000.0);
    assert!(took <= limit, "{what}: {took:?}, limit {limit:?}");
}
