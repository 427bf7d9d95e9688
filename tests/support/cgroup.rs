//! Limits of a process: memory, and bytes a second to a disk.

use std::path::PathBuf;

/// A group of cgroup v1 with one limit. Its processes go back to the root group with this value.
pub struct Group {
    path: PathBuf,
}

impl Group {
    /// A group of this controller.
    ///
    /// # Panics
    /// Where the kernel does not offer it.
    fn new(controller: &str, what: &str) -> Self {
        let name = format!("dualmasterd-test-{}-{what}", std::process::id());
        let path = PathBuf::from(format!("/sys/fs/cgroup/{controller}")).join(name);
        std::fs::create_dir_all(&path).expect("make a control group");
        Self { path }
    }

    /// What a process allocates from now on is limited to so many megabytes.
    pub fn memory(pid: i32, megabytes: u64) -> Self {
        let group = Self::new("memory", &pid.to_string());
        group.say("memory.limit_in_bytes", &(megabytes << 20).to_string());
        group.add(pid);
        group
    }

    /// A process writes no more than so many bytes a second to this device, `major:minor`.
    pub fn writes(pid: i32, device: &str, bytes: u64) -> Self {
        let group = Self::new("blkio", &pid.to_string());
        group.say(
            "blkio.throttle.write_bps_device",
            &format!("{device} {bytes}"),
        );
        group.add(pid);
        group
    }

    /// As often the kernel ended a process of it for want of memory.
    pub fn killed(&self) -> u64 {
        let text = std::fs::read_to_string(self.path.join("memory.oom_control"));
        let text = text.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    fn say(&self, file: &str, value: &str) {
        let path = self.path.join(file);
        std::fs::write(&path, value).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    }

    fn add(&self, pid: i32) {
        self.say("cgroup.procs", &pid.to_string());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let members = std::fs::read_to_string(self.path.join("cgroup.procs"));
        let root = self.path.parent().map(|root| root.join("cgroup.procs"));
        for pid in members.unwrap_or_default().lines() {
            // It may have ended meanwhile.
            let _ = root.as_ref().map(|root| std::fs::write(root, pid));
        }
        let _ = std::fs::remove_dir(&self.path);
    }
}
