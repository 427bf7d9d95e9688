//! A small ext4 on a loop device: it can be full, slow, and read-only under files that are open.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, umount2};

/// The file system, mounted. It is taken away with this value.
pub struct Image {
    file: PathBuf,
    path: PathBuf,
}

impl Image {
    /// Makes one of so many megabytes in `file` and mounts it at `path`, which is made, in the mount
    /// namespace of the calling thread.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn mount(file: &Path, path: &Path, megabytes: u64) -> Self {
        let made = std::fs::File::create(file).expect("make a file");
        made.set_len(megabytes << 20).expect("give it its length");
        // Nothing is kept for root, as root fills it.
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0"])
            .arg(file));
        std::fs::create_dir_all(path).expect("make a folder");
        let image = Self {
            file: file.to_owned(),
            path: path.to_owned(),
        };
        image.attach();
        image
    }

    fn attach(&self) {
        run(Command::new("mount")
            .args(["-o", "loop,errors=remount-ro"])
            .args([&self.file, &self.path]));
    }

    /// Its place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its device's name and its number as cgroups want it.
    ///
    /// # Panics
    /// Where it is not mounted.
    pub fn device(&self) -> (String, String) {
        let found = Command::new("findmnt")
            .args(["-n", "-o", "SOURCE,MAJ:MIN", "--target"])
            .arg(&self.path)
            .output();
        let found = found.expect("run findmnt").stdout;
        let found = String::from_utf8_lossy(&found).into_owned();
        let mut words = found.split_whitespace();
        let name = words.next().expect("a device").trim_start_matches("/dev/");
        (
            name.to_owned(),
            words.next().expect("its number").to_owned(),
        )
    }

    /// It becomes read-only, as after an error of its disk.
    ///
    /// # Panics
    /// Where the kernel refuses.
    pub fn fail(&self) {
        let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", self.device().0);
        std::fs::write(trigger, "a disk that failed").expect("an error of the file system");
    }

    /// It is checked and mounted again. Nobody may use it; who still does is asked to let go for a while.
    ///
    /// # Panics
    /// Where somebody does not, or it cannot be repaired.
    pub async fn repair(&self) {
        let mut tries = 0;
        while let Err(why) = umount2(&self.path, MntFlags::empty()) {
            tries += 1;
            assert!(tries < 500, "{} is in use: {why}", self.path.display());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let checked = Command::new("e2fsck")
            .args(["-f", "-y"])
            .arg(&self.file)
            .output();
        let checked = checked.expect("run e2fsck");
        // 1: errors were corrected.
        assert!(matches!(checked.status.code(), Some(0 | 1)), "{checked:?}");
        self.attach();
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Servers on it are ended by the folder's keeper, later.
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}

fn run(command: &mut Command) {
    let ran = command.status();
    assert!(
        ran.as_ref().is_ok_and(|status| status.success()),
        "{command:?}: {ran:?}"
    );
}
