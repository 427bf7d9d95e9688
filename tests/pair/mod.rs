//! Scenarios by theme. Those of one theme share a pair, one after the other, for each family.

mod attack;
mod binlogs;
mod configuration;
mod cuts;
mod daemon;
mod events;
mod faults;
mod journal;
mod metrics;
mod operator;
mod planned;
mod policies;
mod recovery;
mod stalls;
mod store;
mod tail;
mod trial;

use dualmasterd::model::server::Family;

use crate::support::{Host, Setup, in_namespace};

/// One test per theme and family.
macro_rules! themes {
    ($($theme:ident: $setup:expr => $($scenario:path),+;)+) => {
        mod mariadb { $(themes!(@test $theme Mariadb $setup => $($scenario),+);)+ }
        mod mysql { $(themes!(@test $theme Mysql $setup => $($scenario),+);)+ }
    };
    (@test $theme:ident $family:ident $setup:expr => $($scenario:path),+) => {
        #[test]
        fn $theme() {
            use super::*;
            in_namespace(async || {
                let setup: Setup = $setup(Family::$family);
                let mut host = Host::serving(setup).await;
                $(
                    let began = tokio::time::Instant::now();
                    eprintln!("{}", stringify!($scenario));
                    $scenario(&mut host).await;
                    eprintln!("{}: {:.1} s", stringify!($scenario), began.elapsed().as_secs_f64());
                )+
            });
        }
    };
}

themes! {
    attack: Setup::new =>
        attack::sockets_deleted,
        attack::manager_locked_at_the_reader,
        attack::heartbeats_dropped,
        attack::control_socket_deleted;
    faults: Setup::new =>
        faults::fresh_pair,
        faults::writer_killed,
        faults::reader_killed,
        faults::writer_frozen,
        faults::reader_frozen,
        faults::writer_stalls_for_a_moment,
        tail::unacknowledged_is_saved_and_cut,
        stalls::everything_locked,
        stalls::writer_busy;
    planned: Setup::new =>
        planned::switchover_under_load,
        events::follow_the_role,
        planned::switchover_against_a_locked_table,
        planned::switchover_against_a_long_statement,
        planned::switchover_against_an_open_transaction,
        planned::flush_on_the_reader,
        planned::stray_write_on_the_reader;
    daemon: Setup::new =>
        daemon::killed,
        daemon::stopped,
        store::full,
        daemon::killed_and_the_writer_too,
        faults::both_killed,
        faults::writer_terminated_behind_our_back,
        tail::terminated_with_a_tail,
        tail::quarantined_after_accepted_loss;
    in_place: faults::by_hand =>
        faults::writer_comes_back_as_writer;
    operator: operator::setup =>
        operator::looks,
        operator::pauses,
        operator::holds_the_receiver,
        operator::holds_the_applier,
        binlogs::kept_while_the_peer_lacks_them,
        operator::hooks,
        operator::ruleset_flushed,
        operator::reloads,
        policies::preferred_member_takes_its_role_back,
        policies::flapping_stops_moves_until_ack;
}
