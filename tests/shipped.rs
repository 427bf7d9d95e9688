//! What is shipped and made from the code: the journal's catalog, man pages, completions, the schema.
//!
//! `make generate` (`UPDATE=1 cargo test --test shipped`) writes it; without `UPDATE` a difference fails.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use dualmasterd::cli::ctl::Ctl;
use dualmasterd::cli::daemon::Daemon;

#[path = "shipped/man.rs"]
mod man;

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

#[test]
fn schema() {
    same("dualmasterd.schema.json", &dualmasterd::config::schema());
}

#[test]
fn manual() {
    let mut pages = man::of_program(Daemon::command(), "8");
    pages.extend(man::of_program(Ctl::command(), "1"));
    pages.push(("dualmasterd.toml.5".to_owned(), man::of_configuration()));
    for (name, page) in &pages {
        same(&format!("man/{name}"), page);
    }
    // A verb that went away takes its page along.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man");
    for entry in fs::read_dir(folder).expect("packaging/man") {
        let name = entry.expect("readable").file_name();
        let known = pages.iter().any(|(page, _)| name == page.as_str());
        assert!(known, "packaging/man/{name:?} is nobody's page");
    }
}

#[test]
fn completions() {
    for (shell, folder, before, after) in [
        (Shell::Bash, "bash", "", ""),
        (Shell::Zsh, "zsh", "_", ""),
        (Shell::Fish, "fish", "", ".fish"),
    ] {
        for mut command in [Daemon::command(), Ctl::command()] {
            let name = command.get_name().to_owned();
            let file = format!("{before}{name}{after}");
            let mut made = Vec::new();
            clap_complete::generate(shell, &mut command, name, &mut made);
            let made = String::from_utf8(made).expect("text");
            same(&format!("completions/{folder}/{file}"), &made);
        }
    }
}

/// Every page is read without an error or a warning by the program that shows it.
#[test]
fn manual_is_readable() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man");
    let mut lint = std::process::Command::new("mandoc");
    lint.args(["-T", "lint", "-W", "warning"]);
    for entry in fs::read_dir(folder).expect("packaging/man") {
        lint.arg(entry.expect("readable").path());
    }
    let said = lint.output().expect("mandoc, from tests/setup/host.sh");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    // A page that is the same whenever it is made has no date; the generator doubles some line breaks.
    let meant = ["missing date", "skipping paragraph macro: br"];
    let complaints: Vec<_> = said
        .lines()
        .filter(|line| !meant.iter().any(|meant| line.contains(meant)))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Every unit is read without a complaint, and exposes no more than systemd calls 2.0.
#[test]
fn units_are_hardened() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    for unit in [
        "dualmasterd.service",
        "dualmasterd-mysqld@.service",
        "dualmasterd-prepare@.service",
    ] {
        let mut analyze = std::process::Command::new("systemd-analyze");
        analyze.args(["security", "--offline=yes", "--no-pager", "--threshold=20"]);
        let said = analyze.arg(folder.join(unit)).output();
        let said = said.expect("systemd-analyze, from tests/setup/host.sh");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.status.success(), "{unit}: {text}");
    }
}
