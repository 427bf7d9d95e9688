//! `dualmasterd serve NAME`, the main process of a server's unit: it becomes the server that the daemon
//! ordered. Without an order it ends: who starts the unit by hand does not choose how the server starts.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::names;
use crate::runtime::plain;
use crate::runtime::prepare::{self, Order, PrepareError, Step};
use crate::runtime::process;

/// The exit code where there is no order: 78, EX_CONFIG.
const NO_ORDER: u8 = 78;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    /// The order cannot be read, or is another's.
    #[error(transparent)]
    Order(Box<PrepareError>),
    /// The order is for something else.
    #[error("the order {path} is none to serve")]
    OtherStep {
        /// The order's file.
        path: PathBuf,
    },
    /// A file, a limit or the program.
    #[error("cannot {attempted} {path}")]
    System {
        /// What was tried.
        attempted: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Becomes the server; returns only where that failed.
pub fn run(name: &str) -> ExitCode {
    let path = names::order_file(name);
    if !path.exists() {
        let _ = writeln!(
            io::stderr(),
            "dualmasterd: {name} is started by the daemon alone: `systemctl status dualmasterd`, \
             `dualmasterctl explain`"
        );
        return ExitCode::from(NO_ORDER);
    }
    let error = match serve(name, &path) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    let mut text = format!("dualmasterd: {error}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}

fn serve(name: &str, path: &Path) -> Result<std::convert::Infallible, ServeError> {
    let order = prepare::read(name, path).map_err(|error| ServeError::Order(error.into()))?;
    let Step::Serve {
        arguments,
        log,
        open_files,
    } = &order.step
    else {
        return Err(ServeError::OtherStep {
            path: path.to_owned(),
        });
    };
    let system = |attempted, path: &Path| {
        let path = path.to_owned();
        move |source| ServeError::System {
            attempted,
            path,
            source,
        }
    };
    let log_file = open_log(&order, log).map_err(system("append to the log", log))?;
    let copy = log_file
        .try_clone()
        .map_err(system("append to the log", log))?;
    if let Some(open_files) = open_files {
        limit_files(*open_files).map_err(system("limit the open files of", path))?;
    }
    watchman(name).map_err(system("start the fence of", path))?;
    let mut command = Command::new(&order.server.server);
    command
        .arg(process::defaults_argument(&order.defaults_file))
        .args(arguments)
        .current_dir(&order.datadir)
        .stdin(Stdio::null())
        .stdout(copy)
        .stderr(log_file);
    process::forget_ties(&mut command);
    // The order has been read: from here on the daemon may take it back.
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        let _ = writeln!(io::stderr(), "dualmasterd: telling systemd: {error}");
    }
    let failed = command.exec();
    Err(system("execute", &order.server.server)(failed))
}

/// The log, which the daemon may read.
fn open_log(order: &Order, log: &Path) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.append(true).mode(0o640);
    let file = plain::open_or_make(log, &options, |_| Ok(()))?;
    if let Some(unit) = &order.unit {
        file.set_permissions(Permissions::from_mode(0o640))?;
        chown(log, None, Some(unit.group))?;
    }
    Ok(file)
}

/// Not above what the unit allows.
fn limit_files(wanted: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let limit = wanted.min(hard);
    Ok(setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?)
}

/// The process that kills this one on the daemon's word; it ends with it.
fn watchman(name: &str) -> io::Result<()> {
    Command::new("/proc/self/exe")
        .arg("fence")
        .arg(name)
        .arg(std::process::id().to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .spawn()
        .map(drop)
}
