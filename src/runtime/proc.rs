//! What `/proc` says of a process. Reads only; world-readable files suffice for everything but the
//! way it ended.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::Pid;

use crate::model::incarnation::{BootId, Incarnation};
use crate::model::process::{Ended, ProcessState};

/// Ticks of field 14, 15 and 22 of `/proc/PID/stat` in a second: USER_HZ, 100 wherever Linux runs
/// MySQL.
const TICKS_PER_SECOND: u64 = 100;
/// The task is on its way out (PF_EXITING, `include/linux/sched.h`).
const EXITING: u64 = 0x4;
/// The task took a fatal signal (PF_SIGNALED), which is never undone. Set before a core is dumped,
/// and also where another thread ended the process.
const SIGNALED: u64 = 0x400;

/// What keeps `/proc` from answering.
#[derive(Debug, thiserror::Error)]
pub enum ProcError {
    /// A file could not be read, for another reason than that the process is gone.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not look like proc(5) describes it.
    #[error("cannot make sense of {file}: {text}")]
    Odd {
        /// The file.
        file: String,
        /// Its content.
        text: String,
    },
    /// The process is there, yet `/proc` does not show it: mounted with `hidepid`.
    #[error("process {pid} exists, but /proc does not show it (hidepid)")]
    Hidden {
        /// The process.
        pid: i32,
    },
}

/// What a process is doing, finer than the core needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcState {
    /// It runs, or sleeps as servers do.
    Running,
    /// A signal or a debugger stopped it (T, t).
    Stopped,
    /// Its main thread waits in the kernel and cannot be interrupted (D).
    DiskSleep,
    /// It took a fatal signal and its core is being written, which takes seconds.
    CoreDumping,
    /// It runs no more of its program. Memory, files and sockets are being freed, 80 ms per GB.
    Exiting,
    /// It holds nothing any more but its entry, which its parent has not collected.
    Zombie,
    /// There is no such process, or its id belongs to a later one.
    Gone,
}

impl ProcState {
    /// It will never execute another statement.
    pub fn is_dead(self) -> bool {
        match self {
            Self::Running | Self::Stopped | Self::DiskSleep => false,
            Self::CoreDumping | Self::Exiting | Self::Zombie | Self::Gone => true,
        }
    }

    /// Its memory, files, sockets and locks are free.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Zombie | Self::Gone)
    }
}

impl From<ProcState> for ProcessState {
    fn from(state: ProcState) -> Self {
        match state {
            ProcState::Running => Self::Running,
            ProcState::Stopped => Self::Stopped,
            ProcState::DiskSleep => Self::DiskSleep,
            ProcState::CoreDumping | ProcState::Exiting => Self::Exiting,
            ProcState::Zombie | ProcState::Gone => Self::Gone,
        }
    }
}

/// One look at one life of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What it is doing.
    pub state: ProcState,
    /// Processor time of all its threads so far; zero once it is gone.
    pub cpu: Duration,
    /// The raw exit status of field 52 (as waitpid(2) gives it), which is 0 also where we may not
    /// read it. Means something only once the process is dead.
    status: i32,
    /// We may read the process as a debugger may, so a status of 0 means 0. Known while it lives.
    pub readable: bool,
}

impl Look {
    const GONE: Self = Self {
        state: ProcState::Gone,
        cpu: Duration::ZERO,
        status: 0,
        readable: false,
    };

    /// How the process ended, as far as field 52 tells.
    ///
    /// `readable` is what an earlier look at the living process found: without that right the kernel
    /// shows 0 for every end, which is `Unknown` here. Measured (6.18): SIGKILL shows 9 from the
    /// first exiting flag on, exit code 3 shows 768, abort shows 6 while it dumps and 134 after.
    pub fn ended(&self, readable: bool) -> Ended {
        let signal = self.status & 0x7f;
        let shown = self.state.is_dead() && self.state != ProcState::Gone;
        if !shown || (self.status == 0 && !readable) {
            Ended::Unknown
        } else if signal != 0 {
            Ended::Signal(signal)
        } else {
            Ended::Code((self.status >> 8) & 0xff)
        }
    }
}

/// The boot we live in.
///
/// # Errors
/// `/proc` is not mounted.
pub fn boot_id() -> Result<BootId, ProcError> {
    static BOOT: OnceLock<BootId> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot.clone());
    }
    let file = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(file).map_err(|source| ProcError::Read {
        file: file.to_owned(),
        source,
    })?;
    Ok(BOOT.get_or_init(|| BootId(text.trim().to_owned())).clone())
}

/// The life that has this process id now; `None` where nobody has it.
///
/// # Errors
/// `/proc` does not answer.
pub fn incarnation(pid: i32) -> Result<Option<Incarnation>, ProcError> {
    let boot = boot_id()?;
    Ok(stat(pid)?.map(|stat| Incarnation {
        boot,
        pid,
        started: stat.started,
    }))
}

/// Looks at one life. Costs one read: 4 µs on a process of sixty threads.
///
/// # Errors
/// `/proc` does not answer.
pub fn look(life: &Incarnation) -> Result<Look, ProcError> {
    if life.boot != boot_id()? {
        return Ok(Look::GONE);
    }
    let Some(stat) = stat(life.pid)?.filter(|stat| stat.started == life.started) else {
        return Ok(Look::GONE);
    };
    Ok(Look {
        state: state(life.pid, &stat)?,
        cpu: stat.cpu,
        status: stat.status,
        readable: stat.start_code > 1,
    })
}

/// The ids of its threads in ascending order, the main thread's (which is `pid`) among them; empty
/// once it is gone.
///
/// # Errors
/// `/proc` does not answer.
pub fn tasks(pid: i32) -> Result<Vec<i32>, ProcError> {
    let file = format!("/proc/{pid}/task");
    let entries = match fs::read_dir(&file) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(source) => return Err(ProcError::Read { file, source }),
    };
    let mut tasks: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    tasks.sort_unstable();
    Ok(tasks)
}

/// Its arguments; empty once it has ended, and for threads of the kernel.
///
/// # Errors
/// `/proc` does not answer.
pub fn command_line(pid: i32) -> Result<Vec<OsString>, ProcError> {
    let file = format!("/proc/{pid}/cmdline");
    let mut bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(source) => return Err(ProcError::Read { file, source }),
    };
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(bytes
        .split(|byte| *byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect())
}

/// The name of its program as the kernel keeps it (at most 15 bytes), which outlives its arguments.
///
/// # Errors
/// `/proc` does not answer.
pub fn name(pid: i32) -> Result<Option<String>, ProcError> {
    Ok(stat(pid)?.map(|stat| stat.name))
}

/// The user who started it (its real user id), which a set-user-id program does not change; `None`
/// where it is gone.
///
/// # Errors
/// `/proc` does not answer.
pub fn user(pid: i32) -> Result<Option<u32>, ProcError> {
    let ids = status_value(pid, "Uid:")?;
    Ok(ids.and_then(|ids| ids.split_ascii_whitespace().next()?.parse().ok()))
}

/// The fields of `/proc/PID/stat` that are used here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    letter: char,
    flags: u64,
    cpu: Duration,
    threads: u64,
    started: u64,
    /// Field 26: 1 where we may not read it, 0 once the memory is gone.
    start_code: u64,
    status: i32,
}

fn stat(pid: i32) -> Result<Option<Stat>, ProcError> {
    match read(format!("/proc/{pid}/stat"))? {
        Some((file, text)) => match parse_stat(&text) {
            Some(stat) => Ok(Some(stat)),
            None => Err(ProcError::Odd { file, text }),
        },
        None => match nix::sys::signal::kill(Pid::from_raw(pid), None) {
            Err(Errno::ESRCH) => Ok(None),
            _ => Err(ProcError::Hidden { pid }),
        },
    }
}

/// The name stands in brackets and may contain anything, brackets and spaces too.
fn parse_stat(text: &str) -> Option<Stat> {
    let (start, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Fields are numbered from 1 in proc(5), and the first two stand before the bracket.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)?.checked_add(number(15)?)?;
    Some(Stat {
        name: start.split_once('(')?.1.to_owned(),
        letter: fields.first()?.chars().next()?,
        flags: number(9)?,
        cpu: Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND)),
        threads: number(20)?,
        started: number(22)?,
        start_code: number(26)?,
        status: fields.get(52 - 3)?.parse().ok()?,
    })
}

/// The main thread alone cannot tell: it may have ended by itself while others run, and it is a
/// zombie as soon as it has ended, however long the others take to free the memory.
fn state(pid: i32, stat: &Stat) -> Result<ProcState, ProcError> {
    let left = stat.flags & EXITING != 0 || matches!(stat.letter, 'Z' | 'X');
    let signaled = stat.flags & SIGNALED != 0;
    if left {
        if matches!(stat.letter, 'Z' | 'X') && tasks(pid)?.len() <= 1 {
            return Ok(ProcState::Zombie);
        }
        let dying = signaled || stat.threads <= 1 || !any_task_lives(pid)?;
        return Ok(if dying {
            ProcState::Exiting
        } else {
            ProcState::Running
        });
    }
    if (signaled || stat.letter == 'D')
        && status_value(pid, "CoreDumping:")?.as_deref() == Some("1")
    {
        return Ok(ProcState::CoreDumping);
    }
    Ok(match stat.letter {
        _ if signaled => ProcState::Exiting,
        'T' | 't' => ProcState::Stopped,
        'D' => ProcState::DiskSleep,
        _ => ProcState::Running,
    })
}

fn any_task_lives(pid: i32) -> Result<bool, ProcError> {
    for task in tasks(pid)? {
        let text = read(format!("/proc/{pid}/task/{task}/stat"))?;
        if let Some(stat) = text.and_then(|(_, text)| parse_stat(&text))
            && stat.flags & EXITING == 0
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn status_value(pid: i32, key: &str) -> Result<Option<String>, ProcError> {
    let text = read(format!("/proc/{pid}/status"))?;
    Ok(text.and_then(|(_, text)| {
        Some(
            text.lines()
                .find_map(|line| line.strip_prefix(key))?
                .trim()
                .to_owned(),
        )
    }))
}

/// The file and its text; `None` where the process is gone. A name need not be UTF-8.
fn read(file: String) -> Result<Option<(String, String)>, ProcError> {
    match read_at_once(&file) {
        Ok(bytes) => Ok(Some((file, String::from_utf8_lossy(&bytes).into_owned()))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(source) => Err(ProcError::Read { file, source }),
    }
}

/// The kernel tells no size for these files, so a reader that starts small reads many times. One read
/// that does not fill a page has all of it.
fn read_at_once(file: &str) -> io::Result<Vec<u8>> {
    let mut page = vec![0; 4096];
    let length = File::open(file)?.read(&mut page)?;
    if length == page.len() {
        return fs::read(file);
    }
    page.truncate(length);
    Ok(page)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

#[cfg(test)]
mod tests;
