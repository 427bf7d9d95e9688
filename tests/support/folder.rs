//! A folder whose processes and files go away even when the test is killed.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, which comes with the end of the test in whatever way; then kills
/// every process that has a path below the folder among its arguments, and removes the folder.
const KEEPER: &str = r#"
cat >/dev/null
for try in $(seq 50); do
    # The pattern comes by the input: among its arguments it would find itself.
    found=$(printf '%s/' "$1" | grep -lsF -f - /proc/[0-9]*/cmdline)
    [ -n "$found" ] || break
    for process in $found; do
        pid=${process#/proc/}
        kill -KILL "${pid%/cmdline}" 2>/dev/null
    done
    sleep 0.02
done
[ -n "$KEEP" ] || rm -rf -- "$1"
"#;

/// The folder and its keeper.
pub struct Folder {
    path: PathBuf,
    keeper: Child,
}

impl Folder {
    /// A new folder that every system account can enter.
    ///
    /// # Errors
    /// The folder cannot be made, or no shell can be started.
    pub fn new() -> io::Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("dualmasterd-")
            .tempdir_in("/var/tmp")?
            .keep();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        // The path is not among the keeper's own arguments with a slash behind it.
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&path)
            .env(
                "KEEP",
                std::env::var_os("DUALMASTERD_TEST_KEEP").unwrap_or_default(),
            )
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()?;
        Ok(Self { path, keeper })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Nothing is left to do about a keeper that cannot be waited for.
        let _ = self.keeper.wait();
    }
}
