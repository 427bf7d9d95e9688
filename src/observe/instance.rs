//! A member's files and what its start needs: looked at when asked to, and now and then.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::disk::free_mb;
use super::{Publisher, Seen};
use crate::config::MemberSettings;
use crate::model::facts::{Datadir, FileState, InstanceFact};
use crate::model::incarnation::Incarnation;
use crate::model::server::{Family, Version};
use crate::model::time::Timestamp;
use crate::runtime::adopt::names;
use crate::runtime::log::tail_log;
use crate::runtime::port::port_in_use;
use crate::runtime::prepare::{Marker, inspect};
use crate::runtime::program;

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

/// What is asked as the server's user, by programs of its own.
pub struct Ask<I, V> {
    /// What stands in the datadir.
    pub datadir: I,
    /// What the server's binary says of its version.
    pub version: V,
}

impl<I, V> std::fmt::Debug for Ask<I, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").finish_non_exhaustive()
    }
}

/// Looks, publishes, and waits to be asked, until nobody listens. A disk that hangs makes this fact old
/// and nothing slow.
pub async fn run<I, F, V, W>(
    member: MemberSettings,
    judge: Judge,
    ask: Ask<I, V>,
    mut lives: watch::Receiver<Option<Incarnation>>,
    asked: Arc<Notify>,
    clock: fn() -> Timestamp,
    seen: Publisher,
) where
    I: Fn() -> F,
    F: Future<Output = Result<inspect::Datadir, String>>,
    V: Fn() -> W,
    W: Future<Output = Result<String, String>>,
{
    let mut binary = Binary::default();
    loop {
        binary.renew(&member.binary, &ask.version).await;
        let life = lives.borrow_and_update().clone();
        let datadir = match life {
            Some(_) => Datadir::Ours,
            None => datadir(&member, (ask.datadir)().await, binary.version),
        };
        let whose = member.clone();
        let version = binary.version;
        let look = move || look(&whose, judge, life.as_ref(), (datadir, version), clock);
        let Ok(fact) = spawn_blocking(look).await else {
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

/// The server's binary as it was last asked for its version: a program takes time that a failover needs,
/// so one is run only where the file is another one.
#[derive(Debug, Default)]
struct Binary {
    written: Option<SystemTime>,
    version: Option<Version>,
}

impl Binary {
    /// Asks where that is needed.
    async fn renew<V, W>(&mut self, program: &Path, ask: &V)
    where
        V: Fn() -> W,
        W: Future<Output = Result<String, String>>,
    {
        let program = program.to_owned();
        let written = move || {
            fs::metadata(program)
                .and_then(|found| found.modified())
                .ok()
        };
        let written = spawn_blocking(written).await.ok().flatten();
        if written == self.written {
            return;
        }
        let said = match written {
            Some(_) => ask().await.unwrap_or_default(),
            None => String::new(),
        };
        let version = said.split_once("Ver ");
        let version = version.and_then(|(_, version)| Version::parse(version.trim_start()));
        *self = Self { written, version };
    }
}

fn look(
    member: &MemberSettings,
    judge: Judge,
    life: Option<&Incarnation>,
    (datadir, binary): (Datadir, Option<Version>),
    clock: fn() -> Timestamp,
) -> InstanceFact {
    let server = &member.server;
    let gone = |life| names(&server.pid_file, life) && !server.socket.exists();
    InstanceFact {
        at: clock(),
        datadir,
        config: config(member, judge.config),
        waits_for_restart: waits_for_restart(member, judge.waiting),
        socket_gone: life.is_some_and(gone),
        binary_error: program::unusable(&member.binary).or_else(|| too_old(member, binary?)),
        port_taken_by: if life.is_some() {
            None
        } else {
            port_taken_by(member)
        },
        last_words: tail_log(&server.log, LAST_WORDS).unwrap_or_default(),
        free_mb: free_mb(&server.datadir),
    }
}

/// The first MySQL that starts with the file as it is rendered: it knows `log_replica_updates`,
/// `skip_replica_start` and semi-sync by these words.
const OLDEST_MYSQL: Version = Version(8, 0, 26);

fn too_old(member: &MemberSettings, binary: Version) -> Option<String> {
    let is_old = member.server.family == Family::Mysql && binary < OLDEST_MYSQL;
    is_old.then(|| {
        format!(
            "{} is MySQL {binary}; {OLDEST_MYSQL} or newer can be kept",
            member.binary.display()
        )
    })
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

/// What the inspection, made as the server's user, means for this member, whose binary has this version.
fn datadir(
    member: &MemberSettings,
    found: Result<inspect::Datadir, String>,
    binary: Option<Version>,
) -> Datadir {
    let path = member.server.datadir.display();
    let wanted = member.server.family;
    match found {
        Ok(inspect::Datadir::Missing | inspect::Datadir::Empty) => Datadir::Missing,
        Ok(inspect::Datadir::Initialised {
            family,
            server_version,
            made_by,
            ..
        }) => {
            let written = server_version.as_deref().and_then(Version::parse);
            if family != wanted {
                let version = server_version.map(|version| format!(" {version}"));
                return Datadir::OtherVersion(format!(
                    "{path} was written by {family}{}, and the pair is {wanted}",
                    version.unwrap_or_default()
                ));
            }
            if let (Some(written), Some(binary)) = (written, binary)
                && written.is_later_series(binary)
            {
                return Datadir::OtherVersion(format!(
                    "{path} was written by {family} {written}, and {} is {binary}",
                    member.binary.display()
                ));
            }
            made(member, family, made_by)
        }
        Ok(inspect::Datadir::Foreign { why }) => Datadir::Foreign(format!("{path}: {why}")),
        Ok(inspect::Datadir::NotOurs { owner }) => Datadir::Foreign(format!(
            "{path} belongs to {owner}, the server runs as {}",
            member.account.name
        )),
        Err(why) => Datadir::Foreign(format!("{path} could not be looked at: {why}")),
    }
}

/// Whose it is, where our server could use it.
fn made(member: &MemberSettings, family: Family, by: Option<Marker>) -> Datadir {
    let path = member.server.datadir.display();
    match by {
        Some(by) if by.member == member.name && by.pair == member.server.pair => Datadir::Ours,
        Some(by) => Datadir::Foreign(format!("{path} was made for {}.{}", by.pair, by.member)),
        None => Datadir::Foreign(format!(
            "{path} holds data of a {family} server that was not made here"
        )),
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
