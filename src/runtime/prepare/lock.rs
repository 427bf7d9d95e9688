//! Does a server use a datadir?
//!
//! Both families lock `ibdata1` (`fcntl`, exclusive) from before recovery to the end of the
//! process, so the lock tells what a pid file cannot. A datadir whose system tablespace stands
//! elsewhere (`innodb_data_home_dir`) is not seen as used.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// The process that uses the datadir; 0 or less when it is in another pid namespace.
///
/// # Errors
/// The operating system's answer.
pub fn holder(datadir: &Path) -> io::Result<Option<i32>> {
    let file = match File::open(datadir.join("ibdata1")) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock))?;
    Ok((i32::from(lock.l_type) != libc::F_UNLCK).then_some(lock.l_pid))
}
