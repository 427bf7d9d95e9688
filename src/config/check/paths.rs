//! Paths: absolute, short enough, and standing on what exists.

use std::path::Path;

use super::Check;
use crate::config::code::Code;
use crate::config::problem::Problem;
use crate::runtime::program;

/// The longest path of a Unix socket that both families and the kernel take.
const LONGEST_SOCKET: usize = 103;

/// Reports a path that is not absolute, climbs, or has a character that no program takes in a path.
pub(super) fn absolute(check: &mut Check<'_>, at: &[&str], path: &Path) -> bool {
    let climbs = path
        .components()
        .any(|part| part == std::path::Component::ParentDir);
    let odd = path.to_string_lossy().contains(char::is_control);
    let good = path.is_absolute() && !climbs && !odd;
    if !good {
        let what = format!("{path:?} is not an absolute path");
        let expected = "expected a path from `/` on, without `..` and without control characters";
        check.report(Problem::new(Code::BadPath, check.value(at), what, expected));
    }
    good
}

/// Reports a program that cannot be run, where programs are looked for.
pub(super) fn program(check: &mut Check<'_>, at: &[&str], path: &Path) {
    let wrong = check.sources.programs.then(|| program::unusable(path));
    if let Some(wrong) = wrong.flatten() {
        let expected = "expected the path of a program that can be run";
        let problem = Problem::new(Code::NoSuchFile, check.value(at), wrong, expected);
        let key = at.last().copied().unwrap_or_default();
        check.report(problem.help(format!(
            "install the server, or name its program as `{key}`"
        )));
    }
}

/// A folder that is there, or can be made because the one above it is there.
pub(super) fn folder_to_be(check: &mut Check<'_>, at: &[&str], path: &Path) {
    if !absolute(check, at, path) {
        return;
    }
    let wrong = if path.is_dir() {
        return;
    } else if path.exists() {
        format!("`{}` is not a folder", path.display())
    } else {
        match path.parent() {
            Some(above) if !above.is_dir() => {
                format!("the folder `{}` does not exist", above.display())
            }
            _ => return,
        }
    };
    let problem = Problem::new(
        Code::NoSuchFile,
        check.value(at),
        wrong,
        "expected a folder, or a name in a folder that exists",
    );
    check.report(
        problem.help("make it first: a mistyped path or an unmounted disk looks like this"),
    );
}

/// A file that must be there.
pub(super) fn file(check: &mut Check<'_>, at: &[&str], path: &Path) {
    if absolute(check, at, path) && !path.is_file() {
        let what = format!("`{}` is not there or not a file", path.display());
        check.report(Problem::new(
            Code::NoSuchFile,
            check.value(at),
            what,
            "expected a file",
        ));
    }
}

/// A Unix socket to be made.
pub(super) fn socket(check: &mut Check<'_>, at: &[&str], path: &Path) {
    let length = path.as_os_str().len();
    if absolute(check, at, path) && length > LONGEST_SOCKET {
        let what = format!(
            "the path of the socket has {length} bytes: `{}`",
            path.display()
        );
        let expected = format!("expected at most {LONGEST_SOCKET} bytes");
        let problem = Problem::new(Code::BadPath, check.value(at), what, expected);
        check.report(problem.help("the kernel takes no longer path: choose a shorter `run_dir`"));
    }
}
