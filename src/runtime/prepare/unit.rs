//! What an order makes and shows in a unit: the servers' account owns its folders, and the daemon's group
//! may see of a datadir what it has to, and no table.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::inspect::MARKER;
use super::order::InUnit;
use crate::runtime::plain;

/// Why a folder was not made, or a file not shown.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempted} {path}")]
pub struct UnitError {
    attempted: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed<'p>(attempted: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> UnitError + 'p {
    move |source| UnitError {
        attempted,
        path: path.to_owned(),
        source,
    }
}

/// Makes the folders that are missing, and gives each its mode. What a server makes in one with the
/// set-group-ID bit belongs to the daemon's group as well.
pub(super) fn make_folders(unit: Option<&InUnit>) -> Result<(), UnitError> {
    let Some(unit) = unit else { return Ok(()) };
    for (folder, mode) in &unit.folders {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(failed("make the folder", folder))?,
        }
        // The group first: giving a folder away clears the bit.
        chown(folder, None, Some(unit.group)).map_err(failed("give to the daemon", folder))?;
        fs::set_permissions(folder, Permissions::from_mode(*mode))
            .map_err(failed("set the mode of", folder))?;
    }
    Ok(())
}

/// Shows of a datadir that was made here what the daemon has to see: that it may be entered, its marker,
/// and the file whose writing tells how the disk does.
pub(super) fn show(unit: Option<&InUnit>, datadir: &Path) -> Result<(), UnitError> {
    let marker = datadir.join(MARKER);
    let Some(unit) = unit.filter(|_| marker.exists()) else {
        return Ok(());
    };
    let mut write = OpenOptions::new();
    write.write(true).mode(0o660);
    plain::open_or_make(&unit.probe, &write, |_| Ok(())).map_err(failed("make", &unit.probe))?;
    for (path, mode) in [
        (unit.probe.as_path(), 0o660),
        (&marker, 0o640),
        (datadir, 0o710),
    ] {
        chown(path, None, Some(unit.group)).map_err(failed("show to the daemon", path))?;
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(failed("set the mode of", path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_group_may_enter_and_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let datadir = folder.path().join("data");
        let run = folder.path().join("run");
        let unit = InUnit {
            folders: vec![(datadir.clone(), 0o750), (run.clone(), 0o2755)],
            group: nix::unistd::getegid().as_raw(),
            probe: datadir.join(".probe"),
            answer: None,
            ticket: String::new(),
        };
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        make_folders(Some(&unit)).unwrap();
        assert_eq!((mode(&datadir), mode(&run)), (0o750, 0o2755));
        // A datadir that is nobody's yet stays as it is.
        show(Some(&unit), &datadir).unwrap();
        assert!(!unit.probe.exists());
        fs::write(datadir.join(MARKER), "{}").unwrap();
        show(Some(&unit), &datadir).unwrap();
        assert_eq!((mode(&datadir), mode(&unit.probe)), (0o710, 0o660));
    }
}
