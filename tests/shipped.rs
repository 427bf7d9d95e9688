//! What is shipped and made from the code: the journal's catalog, man pages, completions, the schema.
//!
//! `make generate` (`UPDATE=1 cargo test --test shipped`) writes it; without `UPDATE` a difference fails.

use std::fs;
use std::path::Path;

/// Compares a file below `packaging/` with what the code says now, or writes it.
fn same(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(&path, made).expect("writable");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "packaging/{name} is not what the code says: `make generate`"
    );
}

#[test]
fn catalog() {
    same(
        "dualmasterd.catalog",
        &dualmasterd::daemon::journal::catalog::catalog(),
    );
}
