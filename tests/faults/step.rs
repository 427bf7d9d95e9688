//! How each step is done.

mod disks;
mod people;
mod processes;
mod sessions;

use std::time::Duration;

use dualmasterd::control::report::PairReport;

pub(super) use self::processes::is_alive;
use super::case::{Step, Who};
use super::ground::Ground;
use crate::support::fault;

/// Longer than anything that a step waits for.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// Does a step.
///
/// # Panics
/// Where it cannot be done.
pub(super) async fn take(ground: &mut Ground, step: Step) {
    match step {
        Step::Kill(who) => fault::kill(ground.ends(who).await),
        Step::Terminate(who) => fault::terminate(ground.ends(who).await),
        Step::Freeze(who) => fault::freeze(ground.pid(who).await),
        Step::Thaw(who) => fault::thaw(ground.pid(who).await),
        Step::OutOfMemory(who) => processes::out_of_memory(ground, who).await,
        Step::RestartByHand(who) => processes::restart_by_hand(ground, who).await,
        Step::KillDaemon => ground.host.kill_daemon().await,
        Step::StartDaemon => ground.host.start().await,
        Step::StartInVain => {
            ground.host.launch();
            let ended = ground.host.daemon_ended(LONG).await;
            assert!(!ended.success(), "{ended}");
        }
        Step::Lasts(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Step::UntilWhole => ground.until_whole(LONG).await,
        Step::UntilRestarted(who) => processes::until_restarted(ground, who).await,
        Step::UntilNamed(kind, who) => until_named(ground, kind, who).await,
        Step::Root(who, mariadb, mysql) => people::root(ground, who, mariadb, mysql).await,
        Step::Quiet(who, words) => people::quiet(ground, who, words).await,
        Step::Hold(who, words) => sessions::hold(ground, who, words).await,
        Step::Client(words) => sessions::client(ground, words).await,
        Step::Begin(words) => sessions::begin(ground, words).await,
        Step::Release => ground.release(),
        Step::UntilRuns(who, part) => sessions::until_runs(ground, who, part).await,
        Step::AllConnections => sessions::all_connections(ground).await,
        Step::Storm(rate) => sessions::storm(ground, rate),
        Step::Large(megabytes) => sessions::large(ground, megabytes).await,
        Step::CommitLarge => sessions::commit_large(ground),
        Step::DeleteNftTable => people::delete_nft_table(),
        Step::FlushRuleset => people::nft("flush ruleset"),
        Step::LoseRelayLogs(who) => people::lose_relay_logs(ground, who).await,
        Step::EditConfig(who, lines) => people::edit_config(ground, who, lines).await,
        Step::DeleteConfig(who) => people::delete_config(ground, who).await,
        Step::State(change) => people::state(ground, change),
        Step::Fill(space) => disks::fill(ground, space).await,
        Step::Free(space) => disks::free(ground, space).await,
        Step::ReadOnly(who) => disks::read_only(ground, who).await,
        Step::Repair(who) => disks::repair(ground, who).await,
        Step::Slow(who, bytes) => disks::slow(ground, who, bytes).await,
        Step::Fast => ground.groups.clear(),
        Step::SetClock(clock, seconds) => disks::set_clock(ground, clock, seconds).await,
    }
}

/// Waits until the daemon names this at a member.
///
/// # Panics
/// With its report, where it does not.
pub(super) async fn until_named(ground: &Ground, kind: &str, who: Who) {
    let member = ground.member(who).await;
    let named = |report: &PairReport| {
        report.findings.iter().any(|finding| {
            finding.kind == kind
                && (finding.member.is_none() || finding.member.as_ref() == Some(&member))
        })
    };
    let what = format!("{kind} at {member}");
    ground.host.until(&what, LONG, named).await;
}
