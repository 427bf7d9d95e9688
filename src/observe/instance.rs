//! A member's files and what its start needs: looked at when asked to, and now and then.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Publisher, Seen};
use crate::config::MemberSettings;
use crate::model::facts::{Datadir, FileState, InstanceFact};
use crate::model::incarnation::Incarnation;
use crate::model::time::Timestamp;
use crate::runtime::log::tail_log;
use crate::runtime::port::port_in_use;
use crate::runtime::prepare::inspect;

/// How often files are looked at without being asked, beside each end of a life: soon enough for a disk
/// that fills, and for what keeps a server from starting to go away.
const EVERY: Duration = Duration::from_secs(2);
/// Lines of the server's log that go with a failed start.
const LAST_WORDS: usize = 12;

/// What is thought of a configuration file, which is not the observer's business.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    /// Of what lies at its path.
    pub config: fn(Option<&str>, &MemberSettings) -> FileState,
    /// Of what it was at the server's start, and is now.
    pub waiting: fn(&str, &str) -> String,
}

/// Looks, publishes, and waits to be asked, until nobody listens. A disk that hangs makes this fact old
/// and nothing slow.
pub async fn run<I, F>(
    member: MemberSettings,
    judge: Judge,
    inspect_datadir: I,
    mut lives: watch::Receiver<Option<Incarnation>>,
    asked: Arc<Notify>,
    clock: fn() -> Timestamp,
    seen: Publisher,
) where
    I: Fn() -> F,
    F: Future<Output = Result<inspect::Datadir, String>>,
{
    loop {
        let alive = lives.borrow_and_update().is_some();
        let datadir = if alive {
            Datadir::Ours
        } else {
            datadir(&member, inspect_datadir().await)
        };
        let whose = member.clone();
        let Ok(fact) = spawn_blocking(move || look(&whose, judge, alive, datadir, clock)).await
        else {
            return;
        };
        if seen.send(Seen::Instance(member.side, fact)).is_err() {
            return;
        }
        tokio::select! {
            () = asked.notified() => {}
            Ok(()) = lives.changed() => {}
            () = sleep(EVERY) => {}
        }
    }
}

fn look(
    member: &MemberSettings,
    judge: Judge,
    alive: bool,
    datadir: Datadir,
    clock: fn() -> Timestamp,
) -> InstanceFact {
    InstanceFact {
        at: clock(),
        datadir,
        config: config(member, judge.config),
        waits_for_restart: waits_for_restart(member, judge.waiting),
        binary_error: binary_error(&member.binary),
        port_taken_by: if alive { None } else { port_taken_by(member) },
        last_words: tail_log(&member.server.log, LAST_WORDS).unwrap_or_default(),
        free_mb: free_mb(&member.server.datadir),
    }
}

/// Nothing where either file cannot be read: a server that an earlier version started left no copy.
fn waits_for_restart(member: &MemberSettings, waiting: fn(&str, &str) -> String) -> String {
    let started = fs::read_to_string(member.started_cnf());
    let on_disk = fs::read_to_string(&member.cnf);
    match (started, on_disk) {
        (Ok(started), Ok(on_disk)) => waiting(&started, &on_disk),
        (Err(_), _) | (_, Err(_)) => String::new(),
    }
}

/// What the inspection, made as the server's user, means for this member.
fn datadir(member: &MemberSettings, found: Result<inspect::Datadir, String>) -> Datadir {
    let path = member.server.datadir.display();
    match found {
        Ok(inspect::Datadir::Missing | inspect::Datadir::Empty) => Datadir::Missing,
        Ok(inspect::Datadir::Initialised {
            family,
            made_by: Some(marker),
            ..
        }) => {
            let ours = family == member.server.family
                && marker.member == member.name
                && marker.pair == member.server.pair;
            if ours {
                Datadir::Ours
            } else {
                Datadir::Foreign(format!(
                    "{path} was made for {}.{} ({})",
                    marker.pair, marker.member, marker.family
                ))
            }
        }
        Ok(inspect::Datadir::Initialised {
            family,
            made_by: None,
            ..
        }) => Datadir::Foreign(format!(
            "{path} holds data of a {family} server that was not made here"
        )),
        Ok(inspect::Datadir::Foreign { why }) => Datadir::Foreign(format!("{path}: {why}")),
        Ok(inspect::Datadir::NotOurs { owner }) => Datadir::Foreign(format!(
            "{path} belongs to {owner}, the server runs as {}",
            member.account.name
        )),
        Err(why) => Datadir::Foreign(format!("{path} could not be looked at: {why}")),
    }
}

fn config(
    member: &MemberSettings,
    judge: fn(Option<&str>, &MemberSettings) -> FileState,
) -> FileState {
    let on_disk = match fs::read_to_string(&member.cnf) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return FileState::Edited(format!("{}: {error}", member.cnf.display())),
    };
    judge(on_disk.as_deref(), member)
}

fn binary_error(binary: &Path) -> Option<String> {
    let error = access(binary, AccessFlags::X_OK).err()?;
    Some(format!("{}: {}", binary.display(), error.desc()))
}

fn port_taken_by(member: &MemberSettings) -> Option<String> {
    let host: IpAddr = member.host.parse().ok()?;
    let address = SocketAddr::new(host, member.server.port);
    let listener = port_in_use(address).ok()??;
    let name = listener.name.unwrap_or_else(|| "another process".into());
    Some(match listener.pid {
        Some(pid) => format!("{name} (process {pid}) listens at {address}"),
        None => format!("{name} listens at {address}"),
    })
}

/// What the server may still write, on the file system of the nearest folder that is there.
fn free_mb(path: &Path) -> u64 {
    let stat = path
        .ancestors()
        .find_map(|folder| nix::sys::statvfs::statvfs(folder).ok());
    stat.map_or(u64::MAX, |stat| {
        stat.blocks_available().saturating_mul(stat.fragment_size()) >> 20
    })
}
