//! A small disk: a tmpfs in a mount namespace of the test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

/// What fills a disk.
const BALLAST: &str = "ballast";

/// The disk. It is taken away with this value.
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts one of so many megabytes at this folder, which is made. The calling thread, and what it
    /// starts from now on, see it; nobody else does.
    ///
    /// # Panics
    /// Where that is not permitted.
    pub fn mount(path: &Path, megabytes: u32) -> Self {
        unshare(CloneFlags::CLONE_NEWNS).expect("make a mount namespace");
        let none: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none).expect("keep our mounts to ourselves");
        std::fs::create_dir_all(path).expect("make a folder");
        let size = format!("size={megabytes}m,mode=755");
        let kind = Some("tmpfs");
        mount(kind, path, kind, MsFlags::empty(), Some(size.as_str())).expect("mount a tmpfs");
        Self {
            path: path.to_owned(),
        }
    }

    /// Gives it another size.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn resize(&self, megabytes: u32) {
        let size = format!("size={megabytes}m");
        let ran = Command::new("mount")
            .args(["-o", &format!("remount,{size}")])
            .arg(&self.path)
            .status();
        assert!(ran.expect("run mount").success(), "remount");
    }

    /// Fills it to the last block.
    ///
    /// # Panics
    /// Where it cannot be written at all.
    pub fn fill(&self) {
        let file = std::fs::File::create(self.path.join(BALLAST)).expect("make a file");
        let block = vec![1; 1 << 16];
        for size in [1 << 16, 4096, 1] {
            while std::io::Write::write_all(&mut &file, block.get(..size).expect("a part")).is_ok()
            {
            }
        }
    }

    /// Frees what was filled.
    ///
    /// # Panics
    /// Where nothing was.
    pub fn free(&self) {
        std::fs::remove_file(self.path.join(BALLAST)).expect("remove the ballast");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Servers on it are ended by the folder's keeper, later.
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}
