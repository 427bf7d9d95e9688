//! Files and processes of one member: written, initialised, started, killed, walked through, cut.
//!
//! The daemon itself never touches a datadir: `dualmasterd prepare` does, as the server's user.

mod child;
mod logs;
mod start;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::units::Units;
use crate::config::{MemberSettings, PairSettings, Runtime};
use crate::files;
use crate::model::action::{ActionError, Brought};
use crate::model::causes::chain;
use crate::model::incarnation::Incarnation;
use crate::model::process::Ended;
use crate::runtime::prepare::{
    self, Answer, Binaries, FailureKind, Marker, Order, Reply, Step as PrepareStep,
};
use crate::runtime::process::{self, Signal, SignalError, Spawned, defaults_argument};
use crate::runtime::systemd::bus::Systemd;

/// Longest run of `prepare`: a MySQL initialisation on a slow disk, or a walk through many gigabytes.
const PREPARE_WITHIN: Duration = Duration::from_secs(300);
/// A file or folder is written within this time, or its disk hangs.
const FILES_WITHIN: Duration = Duration::from_secs(10);

/// What is done to one member's files and process.
#[derive(Debug)]
pub struct InstanceHands {
    pair: String,
    home: PathBuf,
    member: MemberSettings,
    rendered: Rendered,
    started: UnboundedSender<Spawned>,
    /// The server's units, where systemd runs it.
    units: Option<Units>,
}

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// The text of its configuration file.
    pub file: String,
    /// What of it a promise rests on, for the command line: the file may have been edited.
    pub arguments: Vec<String>,
}

type Done = Result<Brought, ActionError>;

impl InstanceHands {
    /// The hands for `member`, whose server is to be started as it is `rendered`; servers that they
    /// start are told to `started`. `systemd`: the way to it, for members that it runs.
    pub fn new(
        pair: &PairSettings,
        member: &MemberSettings,
        rendered: Rendered,
        started: UnboundedSender<Spawned>,
        systemd: &Arc<Systemd>,
    ) -> Self {
        let units = match member.runtime {
            Runtime::Process => None,
            Runtime::Systemd => Some(Units::new(systemd.clone(), member)),
        };
        Self {
            pair: pair.policy.pair.clone(),
            home: pair.home.clone(),
            member: member.clone(),
            rendered,
            started,
            units,
        }
    }

    /// Puts the rendered configuration in its place, with the folders that the server needs.
    pub async fn write_files(&self) -> Done {
        let (member, home, owner) = (self.member.clone(), self.home.clone(), self.owner());
        let text = self.rendered.file.clone();
        // The servers' own folders are made by their units.
        let ours = self.units.is_none();
        on_disk("write", &self.member.cnf, move || {
            let own = |path: &Path, mode| files::folder(path, mode, Some(owner));
            files::folder(&home, 0o711, None)?;
            if ours {
                own(&member.home, 0o750)?;
                own(&member.server.tmpdir, 0o750)?;
                own(&member.run_dir, 0o755)?;
            }
            files::write(&member.cnf, text.as_bytes(), 0o644, None)
        })
        .await?;
        Ok(Brought::Nothing)
    }

    async fn own_folder(&self, path: &Path, mode: u32) -> Result<(), ActionError> {
        let (folder, owner) = (path.to_owned(), self.owner());
        on_disk("make", path, move || {
            files::folder(&folder, mode, Some(owner))
        })
        .await
    }

    /// The servers' account.
    fn owner(&self) -> files::Owner {
        (self.member.account.uid, self.member.account.gid)
    }

    /// Creates the datadir, unless it is there and ours.
    pub async fn initialise(&self) -> Done {
        let marker = Marker {
            pair: self.pair.clone(),
            member: self.member.name.clone(),
            family: self.member.server.family,
        };
        self.prepare(PrepareStep::Initialise { marker }).await?;
        Ok(Brought::Nothing)
    }

    /// What stands in the datadir.
    pub async fn inspect(&self) -> Result<prepare::inspect::Datadir, ActionError> {
        let answer = self.prepare(PrepareStep::Inspect {}).await?;
        let Answer::Inspected(datadir) = answer else {
            return Err(odd(&answer));
        };
        Ok(datadir)
    }

    /// What the server's binary says of its version.
    pub async fn version(&self) -> Result<String, ActionError> {
        let answer = self.prepare(PrepareStep::Version {}).await?;
        let Answer::Version { said } = answer else {
            return Err(odd(&answer));
        };
        Ok(said)
    }

    async fn start_unit(&self, units: &Units) -> Result<Begun, ActionError> {
        let member = &self.member;
        let (cnf, copy) = (member.cnf.clone(), member.started_cnf());
        let keep = move || {
            keep_copy(&cnf, &copy);
            Ok(())
        };
        on_disk("copy", &member.cnf, keep).await?;
        let order = self.order(PrepareStep::Serve {
            arguments: self.rendered.arguments.clone(),
            log: member.server.log.clone(),
            open_files: member.limits.open_files,
        });
        let spawned = units.start(order).await?;
        let begun = (spawned.life.clone(), spawned.ended.clone());
        let _ = self.started.send(spawned);
        Ok(begun)
    }

    /// Its file first, as the servers want it; then what must hold though the file was edited.
    fn arguments(&self) -> Vec<OsString> {
        let promised = self.rendered.arguments.iter().map(OsString::from);
        [defaults_argument(&self.member.cnf)]
            .into_iter()
            .chain(promised)
            .collect()
    }

    /// SIGKILL to this life alone: by ourselves, else by its unit.
    pub async fn kill(&self, life: &Incarnation) -> Done {
        match (process::signal(life, Signal::Kill), &self.units) {
            (Ok(()) | Err(SignalError::Gone { .. }), _) => Ok(Brought::Nothing),
            (Err(_), Some(units)) => units.kill(life, self.port()).await,
            (Err(error), None) => Err(ActionError::Failed(chain(&error))),
        }
    }

    /// The port at which its clients are connected.
    pub fn port(&self) -> u16 {
        self.member.server.port
    }

    /// Runs `prepare` as the server's user, with this order.
    async fn prepare(&self, step: PrepareStep) -> Result<Answer, ActionError> {
        let order = self.order(step);
        let reply = match &self.units {
            Some(units) => units.prepare(order).await?,
            None => self.prepare_here(order).await?,
        };
        answer(reply)
    }

    fn order(&self, step: PrepareStep) -> Order {
        let member = &self.member;
        Order {
            version: prepare::order::VERSION,
            name: format!("{}.{}", self.pair, member.name),
            family: member.server.family,
            datadir: member.server.datadir.clone(),
            server: Binaries {
                server: member.binary.clone(),
                install_db: member.install_db.clone(),
            },
            defaults_file: member.cnf.clone(),
            binlog_index: member.server.binlog_index(),
            relay_index: member.server.relay_index(),
            unit: None,
            step,
        }
    }
}

/// A server that was started, and how it will have ended.
type Begun = (Incarnation, watch::Receiver<Option<Ended>>);

/// What settings wait for a restart is told by this copy; a full disk stops no start.
fn keep_copy(cnf: &Path, copy: &Path) {
    let kept = std::fs::read(cnf).and_then(|text| files::write(copy, &text, 0o600, None));
    if kept.is_err() {
        let _ = std::fs::remove_file(copy);
    }
}

/// What `prepare` replied, as an action ends.
pub(super) fn answer(reply: Reply) -> Result<Answer, ActionError> {
    let failure = match reply {
        Reply::Answer(answer) => return Ok(*answer),
        Reply::Failure(failure) => failure,
    };
    let mut text = failure.message;
    for line in failure.log {
        text.push('\n');
        text.push_str(&line);
    }
    Err(match failure.kind {
        FailureKind::Refused | FailureKind::Foreign => ActionError::Refused(text),
        FailureKind::Running | FailureKind::Server | FailureKind::Order | FailureKind::Failed => {
            ActionError::Failed(text)
        }
    })
}

fn odd(answer: &Answer) -> ActionError {
    ActionError::Failed(format!("prepare answered another question: {answer:?}"))
}

/// Does what may wait for a disk in a thread of its own. One that a disk holds up for too long goes on by
/// itself: each of these may be done twice.
pub(super) async fn on_disk<T: Send + 'static>(
    attempted: &str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ActionError> {
    let failed =
        |why: String| ActionError::Failed(format!("cannot {attempted} {}: {why}", path.display()));
    match timeout(FILES_WITHIN, spawn_blocking(work)).await {
        Ok(Ok(done)) => done.map_err(|error| failed(chain(&error))),
        Ok(Err(lost)) => Err(failed(lost.to_string())),
        Err(_) => Err(failed(format!("no answer after {FILES_WITHIN:?}"))),
    }
}
