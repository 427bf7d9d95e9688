//! A member's process: found, watched to its end, looked for again.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::{Publisher, Seen};
use crate::model::incarnation::Incarnation;
use crate::model::member::Side;
use crate::model::process::{Ended, ProcessFact, ProcessState};
use crate::model::time::Timestamp;
use crate::runtime::adopt::{self, Sought};
use crate::runtime::death::{self, ProcSeen};
use crate::runtime::proc;
use crate::runtime::process::Spawned;
use crate::runtime::systemd::bus::Systemd;
use crate::runtime::systemd::exit;

/// How often a server that somebody else may have started is looked for. A search reads all of `/proc`.
const SEARCH_EVERY: Duration = Duration::from_secs(2);
/// Over this time a server's share of a core is taken.
const WINDOW: Duration = Duration::from_secs(1);
/// A change of a server's share of a core that is told, in percent.
const NEWS: u32 = 5;

/// By what a member's server is found.
#[derive(Debug, Clone)]
pub struct Target {
    /// Which member.
    pub side: Side,
    /// File name of its program.
    pub program: OsString,
    /// Its rendered configuration.
    pub defaults_file: PathBuf,
    /// Where it writes its pid.
    pub pid_file: PathBuf,
    /// User id of its account.
    pub user: u32,
    /// The last life that was known before we started.
    pub last_life: Option<Incarnation>,
    /// The unit that it is the main process of, where systemd runs it: systemd alone knows how it ends.
    pub unit: Option<(Arc<Systemd>, String)>,
}

/// Follows the member's process, life after life, until nobody listens. `started` brings the servers
/// that we start ourselves; `lives` tells the other observers whom they talk to.
pub async fn run(
    target: Target,
    mut started: mpsc::UnboundedReceiver<Spawned>,
    lives: watch::Sender<Option<Incarnation>>,
    clock: fn() -> Timestamp,
    seen: Publisher,
) {
    let mut watcher = Watcher {
        target,
        lives,
        clock,
        seen,
        untold: None,
    };
    while !watcher.seen.is_closed() {
        let asked = (watcher.clock)();
        let found = watcher.find().await;
        let (life, own) = match found.clone().flatten() {
            Some(life) => {
                let own = watcher.exit_of(&life);
                (life, own)
            }
            None => {
                if found.is_some() {
                    watcher.tell_absent(asked);
                }
                tokio::select! {
                    spawned = started.recv() => match spawned {
                        Some(spawned) => (spawned.life, Some(spawned.ended)),
                        None => return,
                    },
                    () = sleep(SEARCH_EVERY) => continue,
                    () = watcher.seen.closed() => return,
                }
            }
        };
        watcher.target.last_life = Some(life.clone());
        watcher.lives.send_replace(Some(life.clone()));
        watcher.follow(life, own, &mut started).await;
        watcher.lives.send_replace(None);
    }
}

/// How a server ends that we started ourselves.
type Own = Option<watch::Receiver<Option<Ended>>>;

type Watching = JoinHandle<Result<(), proc::ProcError>>;

struct Watcher {
    target: Target,
    lives: watch::Sender<Option<Incarnation>>,
    clock: fn() -> Timestamp,
    seen: Publisher,
    /// Why it cannot be told which process is the server, as it was said last.
    untold: Option<String>,
}

impl Watcher {
    /// The server that runs now, if one does. `None`: that cannot be told, and so none is absent.
    async fn find(&mut self) -> Option<Option<Incarnation>> {
        let target = self.target.clone();
        // A command line is read through its process's memory, which may be locked for long.
        let search = spawn_blocking(move || {
            adopt::adopt(Sought {
                program: &target.program,
                defaults_file: &target.defaults_file,
                pid_file: Some(&target.pid_file),
                user: target.user,
            })
        });
        match search.await.ok()? {
            Ok(found) => {
                self.untold = None;
                Some(found)
            }
            Err(error) => {
                let why = error.to_string();
                if self.untold.as_deref() != Some(&why) {
                    tracing::warn!(error = why, "cannot tell which process is the server");
                    self.untold = Some(why);
                }
                None
            }
        }
    }

    /// How a server ends that was found: its unit knows it.
    fn exit_of(&self, life: &Incarnation) -> Own {
        let (systemd, unit) = self.target.unit.clone()?;
        Some(exit::of(systemd, unit, life))
    }

    /// It is not there, asked so late. Told again and again: a start may have been found done only after the
    /// server's end was.
    fn tell_absent(&self, asked: Timestamp) {
        self.tell(ProcessFact {
            at: asked,
            incarnation: self.target.last_life.clone(),
            state: ProcessState::Gone,
            ended: None,
            busy_percent: 0,
            stops_by_order: false,
            watched: false,
        });
    }

    fn tell(&self, fact: ProcessFact) {
        let _ = self.seen.send(Seen::Process(self.target.side, fact));
    }

    fn watch(&self, life: &Incarnation, own: Own) -> (Watching, mpsc::Receiver<ProcSeen>) {
        let (steps, seen_steps) = mpsc::channel(8);
        let watching = tokio::spawn(death::watch(life.clone(), own, self.clock, steps));
        (watching, seen_steps)
    }

    /// Publishes each change of one life until it is over. A search may find a server that we start before
    /// `started` brings it: how it ends is then told from there on.
    async fn follow(
        &self,
        life: Incarnation,
        own: Own,
        started: &mut mpsc::UnboundedReceiver<Spawned>,
    ) {
        let mut is_own = own.is_some();
        let (mut watching, mut seen_steps) = self.watch(&life, own);
        let mut meter = Meter::default();
        let mut told = None;
        loop {
            tokio::select! {
                biased;
                Some(spawned) = started.recv(), if !is_own => {
                    if spawned.life == life {
                        is_own = true;
                        watching.abort();
                        (watching, seen_steps) = self.watch(&life, Some(spawned.ended));
                    }
                }
                step = seen_steps.recv() => {
                    let Some(step) = step else { break };
                    let state = ProcessState::from(step.state);
                    meter.read(step.at, step.cpu);
                    // Whoever kills one that stands still has to see that it does so afterwards.
                    let stands = matches!(state, ProcessState::Stopped | ProcessState::DiskSleep);
                    let news = stands || step.state.is_dead() || told != Some(state);
                    if news || meter.has_news() {
                        told = Some(state);
                        self.tell(step_fact(&life, &step, meter.tell()));
                    }
                }
                () = self.seen.closed() => break,
            }
        }
        watching.abort();
    }
}

fn step_fact(life: &Incarnation, step: &ProcSeen, busy_percent: u32) -> ProcessFact {
    ProcessFact {
        at: step.at,
        incarnation: Some(life.clone()),
        state: step.state.into(),
        ended: step.state.is_dead().then_some(step.ended),
        busy_percent,
        stops_by_order: false,
        watched: true,
    }
}

/// The share of a core that a process used over about the last second.
#[derive(Debug, Default)]
struct Meter {
    readings: std::collections::VecDeque<(Timestamp, Duration)>,
    percent: u32,
    /// What was told last.
    told: u32,
}

impl Meter {
    /// It differs from what was told by more than a server at rest ever does.
    fn has_news(&self) -> bool {
        self.told.abs_diff(self.percent) >= NEWS
    }

    fn tell(&mut self) -> u32 {
        self.told = self.percent;
        self.told
    }

    fn read(&mut self, at: Timestamp, cpu: Duration) {
        self.readings.push_back((at, cpu));
        while self
            .readings
            .get(1)
            .is_some_and(|(next, _)| at.since(*next) >= WINDOW)
        {
            self.readings.pop_front();
        }
        if let Some((first_at, first_cpu)) = self.readings.front() {
            let wall = at.since(*first_at).as_micros().max(1);
            let used = cpu.saturating_sub(*first_cpu).as_micros();
            self.percent = u32::try_from(used.saturating_mul(100) / wall).unwrap_or(u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE_EVERY: Duration = Duration::from_millis(200);

    /// Shares of a core, sample by sample; what is told of them.
    fn told(shares: &[u32]) -> Vec<u32> {
        let (mut meter, mut cpu) = (Meter::default(), Duration::ZERO);
        let mut told = Vec::new();
        for (number, share) in (0_u32..).zip(shares) {
            cpu += SAMPLE_EVERY * *share / 100;
            meter.read(Timestamp::BOOT + SAMPLE_EVERY * number, cpu);
            if meter.has_news() {
                told.push(meter.tell());
            }
        }
        told
    }

    #[test]
    fn work_is_told_however_slowly_it_grows_and_ends() {
        let mut shares = vec![0; 6];
        shares.extend([24; 8]);
        shares.extend([0; 8]);
        assert_eq!(told(&shares), [9, 14, 19, 24, 19, 14, 9, 4]);
        let ramp: Vec<u32> = (0..60).map(|step| step / 2).collect();
        let ramp = told(&ramp);
        assert!(ramp.last() >= Some(&25), "{ramp:?}");
    }

    #[test]
    fn a_server_at_rest_tells_nothing() {
        assert_eq!(told(&[1, 2, 0, 3, 1, 4, 0, 1, 2, 3]), [] as [u32; 0]);
    }
}
