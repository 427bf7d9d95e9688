//! Plain files in folders that belong to a server's account.
//!
//! What that account puts in a file's place, a link, a pipe, a second name of another file, must lead
//! neither the writes nor the reads of a daemon that is root elsewhere, nor hang it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// Opens a file that is there with these options.
///
/// # Errors
/// It cannot be opened, or is no plain file with one name.
pub fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.clone().custom_flags(flags.bits()).open(path)?;
    let found = file.metadata()?;
    if found.is_file() && found.nlink() == 1 {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "not a plain file with one name",
    ))
}

/// As [`open`], but makes the file where it is missing, for `made` to see to.
///
/// # Errors
/// As [`open`], and those of `made`.
pub fn open_or_make(
    path: &Path,
    options: &OpenOptions,
    made: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<File> {
    match options.clone().create_new(true).open(path) {
        Ok(file) => made(&file).map(|()| file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(path, options),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_a_pipe_and_a_second_name_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, file) = (folder.path().join("victim"), folder.path().join("file"));
        std::fs::write(&victim, "secret").unwrap();
        let mut append = OpenOptions::new();
        append.append(true);
        let mut read = OpenOptions::new();
        read.read(true);
        let refused =
            || open_or_make(&file, &append, |_| Ok(())).is_err() && open(&file, &read).is_err();
        std::os::unix::fs::symlink(&victim, &file).unwrap();
        assert!(refused());
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(folder.path().join("new"), &file).unwrap();
        assert!(refused() && !folder.path().join("new").exists());
        std::fs::remove_file(&file).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(refused());
        std::fs::remove_file(&file).unwrap();
        std::fs::hard_link(&victim, &file).unwrap();
        assert!(refused());
        std::fs::remove_file(&victim).unwrap();
        assert!(!refused());
    }
}
