//! Making a datadir.
//!
//! It is made in `DATADIR.dualmasterd-new/data` and renamed when it is whole, so that an
//! interrupted one is never taken for a server's data. `making` beside it is locked and given to
//! the server's program as its standard input: while any of its processes lives nobody else begins.
//!
//! Afterwards the only account a person can use is root@localhost, with an empty password: by the
//! socket, for the daemon, which makes its own accounts and closes this one. No binary log is
//! written, so both members begin with the same, empty GTID history.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use nix::unistd::{geteuid, syncfs};

use super::inspect::{self, Datadir};
use super::order::{Answer, Marker, Order};
use crate::binlog::copy::{self, FsError, failed};
use crate::model::server::Family;

/// Why a datadir was not made.
#[derive(Debug, thiserror::Error)]
pub enum InitialiseError {
    /// Something is there.
    #[error("making the datadir {datadir}: {why}; nothing was changed")]
    Taken {
        /// The datadir.
        datadir: PathBuf,
        /// What is there.
        why: String,
    },
    /// An earlier order's program still runs.
    #[error("making the datadir {datadir}: the program of an earlier order is still at it")]
    StillMaking {
        /// The datadir.
        datadir: PathBuf,
    },
    /// MariaDB cannot be initialised without it.
    #[error("making the datadir {datadir}: the order does not say where mariadb-install-db is")]
    NoInstaller {
        /// The datadir.
        datadir: PathBuf,
    },
    /// The program could not be started.
    #[error("starting {program}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The program failed.
    #[error("{program} failed to make the datadir {datadir}: {status}")]
    Server {
        /// The program.
        program: PathBuf,
        /// The datadir.
        datadir: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines.
        log: Vec<String>,
    },
    /// The file system.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The marker.
    #[error("writing who made the datadir")]
    Marker(#[source] serde_json::Error),
}

/// Accounts that `mariadb-install-db` makes and nobody needs: with an empty password on TCP, or
/// without a name.
const MARIADB_ACCOUNTS: &str = "\
DELETE FROM mysql.global_priv WHERE User='' OR (User='root' AND Host<>'localhost');
DELETE FROM mysql.proxies_priv WHERE User='' OR (User='root' AND Host<>'localhost');
";

/// How `mariadb-install-db` begins its advice.
const ADVICE: &str = "\nInstallation of system tables failed!";

/// Makes the order's datadir, unless it is there and has this marker.
///
/// # Errors
/// [`InitialiseError`]; the datadir is as it was.
pub(super) fn initialise(order: &Order, marker: &Marker) -> Result<Answer, InitialiseError> {
    if is_there(&order.datadir, marker)? {
        Scratch::clear(&order.datadir)?;
        return Ok(Answer::Initialised { made: false });
    }
    let scratch = Scratch::begin(&order.datadir)?;
    make(order, &scratch)?;
    let text = serde_json::to_vec_pretty(marker).map_err(InitialiseError::Marker)?;
    copy::replace(&scratch.data().join(inspect::MARKER), &text)?;
    let data = File::open(scratch.data()).map_err(failed("opening", &scratch.data()))?;
    syncfs(&data).map_err(|e| failed("syncing", &scratch.data())(e.into()))?;
    // Renaming onto an empty folder replaces it, onto any other fails.
    copy::rename(&scratch.data(), &order.datadir)?;
    scratch.end()?;
    Ok(Answer::Initialised { made: true })
}

/// What a server's binary says of itself.
///
/// # Errors
/// It cannot be started.
pub(super) fn version(program: &Path) -> Result<String, InitialiseError> {
    let ran = Command::new(program)
        .args(["--no-defaults", "--version"])
        .stdin(Stdio::null())
        .output();
    let output = ran.map_err(|source| InitialiseError::Spawn {
        program: program.to_owned(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn is_there(datadir: &Path, marker: &Marker) -> Result<bool, InitialiseError> {
    let taken = |why: String| {
        Err(InitialiseError::Taken {
            datadir: datadir.to_owned(),
            why,
        })
    };
    match inspect::inspect(datadir) {
        Datadir::Missing | Datadir::Empty => Ok(false),
        Datadir::Initialised {
            made_by: Some(made_by),
            ..
        } if made_by == *marker => Ok(true),
        Datadir::Initialised {
            made_by: Some(by), ..
        } => taken(format!(
            "it was made for member {} of pair {}",
            by.member, by.pair
        )),
        Datadir::Initialised { family, .. } => taken(format!(
            "it holds a {family} server's data that dualmasterd did not make"
        )),
        Datadir::Foreign { why } => taken(why),
        Datadir::NotOurs { owner } => taken(format!("it belongs to {owner}")),
    }
}

/// The folder beside the datadir.
struct Scratch {
    folder: PathBuf,
    lock: File,
}

impl Scratch {
    /// Takes the folder, clearing what an interrupted order left in it.
    fn begin(datadir: &Path) -> Result<Self, InitialiseError> {
        let folder = datadir.with_added_extension("dualmasterd-new");
        let making = folder.join("making");
        if folder.exists() && !making.exists() {
            // An empty one is what is left when the order dies between the two steps below.
            fs::remove_dir(&folder).map_err(failed("making room at", &folder))?;
        }
        copy::make_folder(&folder)?;
        let lock = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&making);
        let lock = lock.map_err(failed("writing", &making))?;
        if lock.try_lock().is_err() {
            return Err(InitialiseError::StillMaking {
                datadir: datadir.to_owned(),
            });
        }
        let scratch = Self { folder, lock };
        if scratch.data().exists() {
            fs::remove_dir_all(scratch.data()).map_err(failed("removing", &scratch.data()))?;
        }
        Ok(scratch)
    }

    /// Removes what is left when an order dies after the renaming.
    fn clear(datadir: &Path) -> Result<(), InitialiseError> {
        let folder = datadir.with_added_extension("dualmasterd-new");
        if folder.join("making").exists() {
            Self::begin(datadir)?.end()?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn end(self) -> Result<(), FsError> {
        fs::remove_dir_all(&self.folder).map_err(failed("removing", &self.folder))
    }
}

fn make(order: &Order, scratch: &Scratch) -> Result<(), InitialiseError> {
    copy::make_folder(&scratch.data())?;
    let program = match order.family {
        Family::Mysql => &order.server.server,
        Family::Mariadb => {
            order
                .server
                .install_db
                .as_ref()
                .ok_or_else(|| InitialiseError::NoInstaller {
                    datadir: order.datadir.clone(),
                })?
        }
    };
    let argument = |name: &str, path: &Path| {
        let mut text = std::ffi::OsString::from(name);
        text.push(path);
        text
    };
    let mut command = Command::new(program);
    // Both want it first.
    command.arg(argument("--defaults-file=", &order.defaults_file));
    command.arg(argument("--datadir=", &scratch.data()));
    match order.family {
        Family::Mysql => {
            // On the same disk as the data its log would say nothing when that is full.
            command.args([
                "--initialize-insecure",
                "--disable-log-bin",
                "--log-error=stderr",
            ]);
        }
        Family::Mariadb => {
            let accounts = scratch.folder.join("accounts.sql");
            copy::replace(&accounts, MARIADB_ACCOUNTS.as_bytes())?;
            command.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
            command.args(["--skip-name-resolve", "--skip-log-bin"]);
            command.arg(argument("--extra-file=", &accounts));
        }
    }
    // What it says comes to us, also when the disk is full on which its log would lie.
    command.arg("--skip-log-error");
    if geteuid().is_root() {
        command.arg("--user=root");
    }
    run(command, program, order, scratch)
}

fn run(
    mut command: Command,
    program: &Path,
    order: &Order,
    scratch: &Scratch,
) -> Result<(), InitialiseError> {
    let spawn = |source| InitialiseError::Spawn {
        program: program.to_owned(),
        source,
    };
    let lock = scratch.lock.try_clone().map_err(spawn)?;
    let output = command.stdin(Stdio::from(lock)).output().map_err(spawn)?;
    if output.status.success() {
        return Ok(());
    }
    let [advised, said] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let lines: Vec<_> = without_advice(&advised)
        .lines()
        .chain(said.lines())
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = lines.iter().skip(lines.len().saturating_sub(20));
    Err(InitialiseError::Server {
        program: program.to_owned(),
        datadir: order.datadir.clone(),
        status: output.status,
        log: last.map(|line| (*line).to_owned()).collect(),
    })
}

/// `mariadb-install-db` goes on with advice that does not know the reason.
fn without_advice(text: &str) -> &str {
    text.split_once(ADVICE).map_or(text, |(before, _)| before)
}
