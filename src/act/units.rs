//! A member's server where systemd runs it: what the daemon may not do itself is done by units.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::instance::on_disk;
use crate::config::MemberSettings;
use crate::model::action::{ActionError, Brought};
use crate::model::causes::chain;
use crate::model::incarnation::Incarnation;
use crate::net::sockets;
use crate::runtime::prepare::inspect::PROBE;
use crate::runtime::prepare::{InUnit, Order, Reply};
use crate::runtime::proc;
use crate::runtime::process::Spawned;
use crate::runtime::systemd::bus::{BusError, Systemd};
use crate::runtime::systemd::{exit, fence, names, order};

/// The longest work on a server's files, as `TimeoutStartSec=` of its unit says.
const PREPARE_WITHIN: Duration = Duration::from_secs(300);
/// A unit that has not begun to serve by then has not found its disk.
const START_WITHIN: Duration = Duration::from_secs(60);
/// The fence answers in less than a millisecond.
const FENCE_WITHIN: Duration = Duration::from_millis(200);
/// How long a kill over D-Bus may take before it is tried again: 2 ms as a rule, and 200 where polkit has
/// to be started first.
const KILL_WITHIN: Duration = Duration::from_secs(1);

/// One server's units.
#[derive(Debug)]
pub(super) struct Units {
    systemd: Arc<Systemd>,
    member: MemberSettings,
    /// `PAIR.MEMBER`.
    server: String,
}

fn failed(error: &dyn std::error::Error) -> ActionError {
    ActionError::Failed(chain(error))
}

impl Units {
    /// The units of a member. An order that a daemon before us left is none of ours.
    pub(super) fn new(systemd: Arc<Systemd>, member: &MemberSettings) -> Self {
        let server = member.server_name();
        order::take_back(&names::order_file(&server));
        Self {
            systemd,
            server,
            member: member.clone(),
        }
    }

    /// Starts the server's unit with this order, which is taken back once the server runs: a start by
    /// hand finds none.
    pub(super) async fn start(&self, order: Order) -> Result<Spawned, ActionError> {
        let unit = self.member.unit.clone();
        // Always: a limit that is configured no more would stay in force until the next boot.
        let limit = self.member.limits.memory;
        let limited = self.systemd.limit_memory(&unit, limit).await;
        limited.map_err(|error| failed(&error))?;
        let file = names::order_file(&self.server);
        self.give(
            &file,
            Order {
                unit: Some(self.in_unit(None)),
                ..order
            },
        )?;
        let started = self.systemd.start(&unit, START_WITHIN).await;
        order::take_back(&file);
        started.map_err(|error| failed(&error))?;
        let pid = self.systemd.main_pid(&unit).await;
        let pid = pid.map_err(|error| failed(&error))?;
        let life = pid.map(proc::incarnation).transpose();
        let Some(life) = life.map_err(|error| failed(&error))?.flatten() else {
            let text = format!("{unit} ended at its start; see `journalctl -u {unit}`");
            return Err(ActionError::Failed(text));
        };
        let ended = exit::of(self.systemd.clone(), unit, &life);
        Ok(Spawned { life, ended })
    }

    /// Has a unit do this to the server's files.
    pub(super) async fn prepare(&self, order: Order) -> Result<Reply, ActionError> {
        let step = order.step.name();
        let work = format!("{}:{step}", self.server);
        let answer = names::home(&self.server).join(format!("answer.{step}.json"));
        let in_unit = self.in_unit(Some(answer.clone()));
        let ticket = in_unit.ticket.clone();
        let file = names::order_file(&work);
        let order = Order {
            name: work.clone(),
            unit: Some(in_unit),
            ..order
        };
        self.give(&file, order)?;
        let unit = names::prepare_unit(&work);
        let done = self.systemd.start(&unit, PREPARE_WITHIN).await;
        order::take_back(&file);
        // It lies on the servers' disk, which may hang.
        let from = answer.clone();
        let read = on_disk("read", &answer, move || order::read_answer(&from, &ticket)).await;
        // A failure in words says more than that the unit failed.
        match (read, done) {
            (Ok(Some(reply)), Ok(()) | Err(BusError::Job { .. })) => Ok(reply),
            (_, Err(error)) => Err(failed(&error)),
            (Ok(None), Ok(())) => {
                let text = format!("{unit} left no answer; see `journalctl -u {unit}`");
                Err(ActionError::Failed(text))
            }
            (Err(error), Ok(())) => Err(error),
        }
    }

    /// SIGKILL by the fence that stands beside the server; else over D-Bus, which may be slow, so that its
    /// clients are cut off first.
    pub(super) async fn kill(&self, life: &Incarnation, port: u16) -> Result<Brought, ActionError> {
        let Err(error) = fence::kill(&self.server, life, FENCE_WITHIN).await else {
            return Ok(Brought::Nothing);
        };
        if self.runs_another(life).await {
            return Ok(Brought::Nothing);
        }
        tracing::warn!(error = chain(&error), "killing by D-Bus");
        let _ = sockets::destroy_local_port(port, |_| true);
        let killed = self.systemd.kill(&self.member.unit, KILL_WITHIN).await;
        killed
            .map(|()| Brought::Nothing)
            .map_err(|error| failed(&error))
    }

    /// The unit's process is a later life, so this one is gone. What cannot be told in time is not so.
    async fn runs_another(&self, life: &Incarnation) -> bool {
        let asked = timeout(KILL_WITHIN, self.systemd.main_pid(&self.member.unit));
        let Ok(Ok(Some(pid))) = asked.await else {
            return false;
        };
        matches!(proc::incarnation(pid), Ok(Some(now)) if now != *life)
    }

    fn give(&self, file: &std::path::Path, order: Order) -> Result<(), ActionError> {
        order::give(&order, file).map_err(|error: io::Error| {
            ActionError::Failed(format!(
                "cannot write {}: {}",
                file.display(),
                chain(&error)
            ))
        })
    }

    fn in_unit(&self, answer: Option<PathBuf>) -> InUnit {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let member = &self.member;
        let folders = vec![
            (member.home.clone(), 0o711),
            (member.server.tmpdir.clone(), 0o700),
            (member.saved(), 0o700),
            (member.run_dir.clone(), 0o2755),
        ];
        InUnit {
            folders,
            group: daemon_group(),
            probe: member.server.datadir.join(PROBE),
            answer,
            ticket: format!("{}-{number}", self.systemd.tickets()),
        }
    }
}

/// The group whose members see what the daemon has to see: our own, or the one that our unit has where we
/// are root all the same.
fn daemon_group() -> u32 {
    let ours = nix::unistd::getegid().as_raw();
    if ours != 0 {
        return ours;
    }
    let named = nix::unistd::Group::from_name(names::DAEMON_GROUP);
    named
        .ok()
        .flatten()
        .map_or(ours, |group| group.gid.as_raw())
}
