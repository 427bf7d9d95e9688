//! The death of a process as an event.
//!
//! A process dies slowly: 80 ms pass per GB of memory before its pidfd becomes readable, its sockets
//! close and its port refuses. Its threads end in the first moments of that, and since kernel 6.9 a
//! pidfd can stand for one thread. So a few threads are watched, and what their end means is read
//! from `/proc`. A core dump holds all threads back: for that `/proc` is looked at five times a second, on
//! older kernels, which know no such pidfd, ten times. These looks also tell how much a server works.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::proc::{self, ProcError, ProcState};
use crate::model::incarnation::Incarnation;
use crate::model::process::Ended;
use crate::model::time::Timestamp;

/// How often `/proc` is looked at without an event.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The same where the kernel tells of no thread's end.
const LOOK_OFTEN: Duration = Duration::from_millis(100);
/// Threads under watch. One would do; more are there because each may end by itself.
const THREADS: usize = 8;
/// After a thread's end `/proc` is looked at again at these distances: the main thread of a killed
/// process may need a moment to notice, and that of a healthy one never will.
const LOOK_AGAIN: [Duration; 5] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(4),
    Duration::from_millis(8),
    Duration::from_millis(16),
];
/// How long our own child's exit status is waited for once `/proc` shows that it is over.
/// Under systemd it is asked over D-Bus, which may hang: a failover does not wait for more than this.
const COLLECTED_WITHIN: Duration = Duration::from_millis(100);
/// `PIDFD_THREAD` of linux/pidfd.h: the pidfd stands for the thread, not for its process.
const PIDFD_THREAD: u32 = 0o200;

/// A process as it was seen: a step from life to death, or a look by our own clock while it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcSeen {
    /// What it is now.
    pub state: ProcState,
    /// When that was seen.
    pub at: Timestamp,
    /// Processor time of all its threads so far.
    pub cpu: Duration,
    /// How it ended, as far as is known by then; a later step may know more.
    pub ended: Ended,
    /// What made us look.
    pub by: Witness,
}

/// What made us look at `/proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// One of its threads ended.
    Thread,
    /// The whole process ended.
    Process,
    /// Our own clock.
    Routine,
}

/// Watches one life until it is over, and sends each step: first what it is now, then each change
/// between living (whatever it does; only `Running`, `Stopped` and `DiskSleep` are one and the same
/// here), `CoreDumping`, `Exiting`, and last `Zombie` or `Gone`. Between, while it lives, each routine look is
/// sent where there is room.
///
/// `own` is the exit status of our own child (see [`super::process::Spawned`]); without it the way
/// it ended comes from field 52 of `/proc/PID/stat`, which only root may read. `clock` is read for
/// each step. Returns after the last step, or when nobody receives any more. Cancelling it loses
/// nothing: a new watch begins with the present state.
///
/// # Errors
/// `/proc` does not answer.
pub async fn watch(
    life: Incarnation,
    mut own: Option<watch::Receiver<Option<Ended>>>,
    clock: fn() -> Timestamp,
    steps: mpsc::Sender<ProcSeen>,
) -> Result<(), ProcError> {
    let mut eyes = Eyes::open(&life);
    eyes.refill(ProcState::Running)?;
    let every = if eyes.knows_threads {
        LOOK_EVERY
    } else {
        LOOK_OFTEN
    };
    let mut routine = interval_at(Instant::now() + clock().until_tick(every), every);
    routine.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut told = None;
    let mut readable = false;
    let mut ended = Ended::Unknown;
    let mut by = Witness::Routine;
    let mut again = [].iter();
    loop {
        let look = proc::look(&life)?;
        readable |= look.readable;
        let state = look.state;
        // Whoever collects it takes this away: what was shown once stays known.
        let shown = look.ended(readable);
        if shown != Ended::Unknown {
            ended = shown;
        }
        let mut seen = ProcSeen {
            state,
            at: clock(),
            cpu: look.cpu,
            ended,
            by,
        };
        if told != Some(step(state)) {
            told = Some(step(state));
            if state.is_over()
                && let Some(own) = own.take()
            {
                seen.ended = collected(own).await.unwrap_or(seen.ended);
            }
            if steps.send(seen).await.is_err() {
                return Ok(());
            }
        } else if by == Witness::Routine && !state.is_dead() {
            let _ = steps.try_send(seen);
        }
        if state.is_over() {
            return Ok(());
        }
        let pause = again.next().copied();
        by = tokio::select! {
            by = poll_fn(|context| eyes.poll(context)) => {
                again = LOOK_AGAIN.iter();
                by
            }
            () = sleep(pause.unwrap_or_default()), if pause.is_some() => Witness::Thread,
            _ = routine.tick() => {
                eyes.refill(state)?;
                Witness::Routine
            }
            () = steps.closed() => return Ok(()),
        };
    }
}

/// Returns once this process is over: its memory is free, and it waits to be collected at most.
pub async fn over(pid: i32) {
    let Ok(process) = open(pid, PidfdFlags::empty()) else {
        return;
    };
    poll_fn(|context| match is_readable(&process, context) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// The state as far as a step differs from another: a living process changes too often.
fn step(state: ProcState) -> ProcState {
    if state.is_dead() {
        state
    } else {
        ProcState::Running
    }
}

async fn collected(mut own: watch::Receiver<Option<Ended>>) -> Option<Ended> {
    let status = timeout(COLLECTED_WITHIN, own.wait_for(Option::is_some)).await;
    status.ok()?.ok().and_then(|ended| *ended)
}

/// The descriptors that wake us.
struct Eyes {
    pid: i32,
    process: Option<AsyncFd<OwnedFd>>,
    threads: Vec<(i32, AsyncFd<OwnedFd>)>,
    /// The kernel knows pidfds of threads.
    knows_threads: bool,
}

impl Eyes {
    /// Without descriptors (none left, or an old kernel) the routine still looks.
    fn open(life: &Incarnation) -> Self {
        let process = open(life.pid, PidfdFlags::empty()).ok();
        Self {
            pid: life.pid,
            process,
            threads: Vec::new(),
            knows_threads: true,
        }
    }

    /// Watches further threads up to [`THREADS`], the oldest ones, which are those a server keeps. A
    /// thread that ended by itself is replaced here alone, so that a server which ends threads all
    /// the time costs no more than that.
    fn refill(&mut self, state: ProcState) -> Result<(), ProcError> {
        if state.is_dead() {
            self.threads.clear();
            return Ok(());
        }
        if !self.knows_threads || self.threads.len() >= THREADS {
            return Ok(());
        }
        for task in proc::tasks(self.pid)? {
            if self.threads.len() >= THREADS {
                break;
            }
            if task == self.pid || self.threads.iter().any(|(watched, _)| *watched == task) {
                continue;
            }
            match open(task, PidfdFlags::from_bits_retain(PIDFD_THREAD)) {
                Ok(thread) => self.threads.push((task, thread)),
                Err(Errno::INVAL) => {
                    self.knows_threads = false;
                    break;
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Ready with the first descriptor that is, which is then let go of.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Witness> {
        if self
            .process
            .as_ref()
            .is_some_and(|process| is_readable(process, context))
        {
            self.process = None;
            return Poll::Ready(Witness::Process);
        }
        match self
            .threads
            .iter()
            .position(|(_, thread)| is_readable(thread, context))
        {
            Some(ended) => {
                self.threads.swap_remove(ended);
                Poll::Ready(Witness::Thread)
            }
            None => Poll::Pending,
        }
    }
}

/// An error here means that the reactor is gone, and with it every wait; the routine's too.
fn is_readable(fd: &AsyncFd<OwnedFd>, context: &mut Context<'_>) -> bool {
    matches!(fd.poll_read_ready(context), Poll::Ready(Ok(_)))
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types that change their descriptor; an OwnedFd \
              owns one for life"
)]
fn open(pid: i32, flags: PidfdFlags) -> Result<AsyncFd<OwnedFd>, Errno> {
    let pid = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
    let fd = pidfd_open(pid, flags)?;
    AsyncFd::with_interest(fd, Interest::READABLE)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests;
