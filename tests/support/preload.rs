//! Small libraries in C that are loaded into the daemon or its servers.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `NAME.c` of this folder into `folder`; the library.
///
/// # Panics
/// Where the C compiler refuses.
pub fn build(name: &str, folder: &Path) -> PathBuf {
    let source = format!("{}/tests/support/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let library = folder.join(name).with_extension("so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .status();
    assert!(built.expect("run cc").success(), "{source} was not built");
    library
}
