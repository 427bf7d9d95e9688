//! The shape of the program, kept by a test instead of a reviewer: who may name whom, and what the core
//! may not name at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a module may name, beside itself. A module that is not listed here has no place yet.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("decide", &["model"]),
    // Drivers: one outside thing each, no decisions.
    ("files", &["model"]),
    ("mysql", &["model", "files"]),
    ("binlog", &["model", "files"]),
    ("store", &["model"]),
    ("net", &["model"]),
    ("runtime", &["model", "files", "binlog"]),
    ("control", &["model"]),
    ("etcd", &["model"]),
    ("dns", &["model"]),
    ("config", &["model", "runtime"]),
    ("observe", &["model", "config", DRIVERS]),
    ("act", &["model", "config", DRIVERS]),
    ("jobs", &["model", "config", DRIVERS]),
    (
        "daemon",
        &[
            "model", "config", "decide", "observe", "act", "jobs", DRIVERS,
        ],
    ),
    ("cli", &["model", "config", "daemon", DRIVERS]),
    ("main", &["model", "config", "daemon", "cli", DRIVERS]),
    ("bin", &["model", "config", "cli", "control"]),
];

/// All drivers.
const DRIVERS: &str = "drivers";
const DRIVER_MODULES: &[&str] = &[
    "files", "mysql", "binlog", "store", "net", "runtime", "control", "etcd", "dns",
];

/// Each outside crate, and where alone it may be named.
const OWNERS: &[(&str, &[&str])] = &[
    // `Row` is what a session hands back.
    (
        "mysql_async",
        &["src/mysql", "src/act/close.rs", "src/act/handle.rs"],
    ),
    (
        "sd_notify",
        &["src/daemon/systemd.rs", "src/runtime/systemd/serve.rs"],
    ),
    ("signal_hook", &["src/daemon", "src/main.rs"]),
    (
        "tracing_subscriber",
        &["src/daemon", "src/main.rs", "src/cli.rs"],
    ),
    ("annotate_snippets", &["src/config"]),
    ("toml", &["src/config"]),
    ("schemars", &["src/config"]),
    ("axum", &["src/control"]),
    ("hyper", &["src/control"]),
    ("hyper_util", &["src/control"]),
    ("prometheus_client", &["src/control"]),
    ("comfy_table", &["src/cli"]),
    ("clap", &["src/bin", "src/cli", "src/main.rs"]),
    ("rtnetlink", &["src/net"]),
    ("socket2", &["src/net"]),
    // A checksum is arithmetic: the renderer signs its files with it, and a configuration is named by it.
    (
        "crc32fast",
        &[
            "src/store",
            "src/binlog",
            "src/decide/render.rs",
            "src/config/layer.rs",
        ],
    ),
    ("futures_util", &["src/net", "src/runtime/systemd"]),
    ("zbus", &["src/runtime/systemd"]),
];

/// What the core may not name: I/O, clocks, waiting, logs, chance, and orders that differ from run to run.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "std::sync",
    "std::os",
    "Instant",
    "SystemTime",
    "tokio",
    "async ",
    ".await",
    "tracing",
    "println!",
    "eprintln!",
    "dbg!",
    "rand",
    "HashMap",
    "HashSet",
    "RandomState",
    "nix::",
    "rustix",
    "libc",
    "unsafe ",
    "static mut",
    "thread_local",
    "RefCell",
    "Mutex",
    "Atomic",
    "include_str!",
];

fn files(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).expect("readable");
            // Tests may look across the layers.
            let text = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            found.insert(path, text.to_owned());
        }
    }
}

/// Every source file by its path from the package, without comments, string literals and unit tests.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    files(&root.join("src"), &mut found);
    let relative = |path: PathBuf| {
        let path = path.strip_prefix(root).expect("below the package");
        path.to_string_lossy().into_owned()
    };
    found
        .into_iter()
        .map(|(path, text)| (relative(path), code(&text)))
        .filter(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"))
        .collect()
}

/// The text without comments, and with empty string literals.
fn code(text: &str) -> String {
    let mut out = String::new();
    let text = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    for line in text.lines() {
        let mut in_string = false;
        let mut last = ' ';
        for (at, sign) in line.char_indices() {
            if !in_string && line[at..].starts_with("//") {
                break;
            }
            if sign == '"' && last != '\\' && last != '\'' {
                in_string = !in_string;
            }
            if !in_string || sign == '"' {
                out.push(sign);
            }
            last = if last == '\\' { ' ' } else { sign };
        }
        out.push('\n');
    }
    out
}

/// The outermost module of a file: `model`, `decide`, ..., `main`, `bin`; none for `lib.rs`.
fn module(path: &str) -> Option<String> {
    let below = path.strip_prefix("src/").expect("in src");
    let name = below.split('/').next().unwrap_or(below);
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (name != "lib").then(|| name.to_owned())
}

/// The outer modules that a text names, as `crate::x` or `dualmasterd::x`, in groups as well.
fn named(text: &str) -> Vec<String> {
    behind(text, &["crate::", "dualmasterd::"])
}

/// What stands behind one of these prefixes, in groups as well.
fn behind(text: &str, prefixes: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for prefix in prefixes {
        for (at, _) in text.match_indices(prefix) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|sign| sign.is_alphanumeric() || sign == '_') {
                continue;
            }
            let rest = &text[at + prefix.len()..];
            let group = rest.strip_prefix('{');
            let list = match group {
                Some(group) => top_level(group),
                None => vec![rest],
            };
            for item in list {
                let name: String = item
                    .trim()
                    .chars()
                    .take_while(|sign| sign.is_alphanumeric() || *sign == '_')
                    .collect();
                names.push(name);
            }
        }
    }
    names
}

/// The items of a use group, up to its closing brace.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut items) = (0_usize, 0, Vec::new());
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[from..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    items
}

fn may_name(module: &str, other: &str) -> bool {
    let allowed = LAYERS.iter().find(|(name, _)| *name == module);
    let allowed = allowed.map_or(&[] as &[&str], |(_, allowed)| allowed);
    module == other
        || allowed.contains(&other)
        || (allowed.contains(&DRIVERS) && DRIVER_MODULES.contains(&other))
}

#[test]
fn every_module_has_its_place() {
    let unplaced: Vec<_> = sources()
        .keys()
        .filter_map(|path| module(path))
        .filter(|name| !LAYERS.iter().any(|(known, _)| known == name))
        .collect();
    assert!(unplaced.is_empty(), "no layer is said for: {unplaced:?}");
}

#[test]
fn layers_name_only_what_lies_below() {
    let modules: Vec<_> = LAYERS.iter().map(|(name, _)| *name).collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(module) = module(&path) else {
            continue;
        };
        for other in named(&text) {
            if modules.contains(&other.as_str()) && !may_name(&module, &other) {
                wrong.push(format!("{path} names {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Those who look and act are given their part of the configuration: its settings, which are plain data,
/// and nothing that reads or checks a file.
#[test]
fn settings_are_all_that_observe_and_act_know_of_the_configuration() {
    let sources = sources();
    let settings = &sources["src/config/settings.rs"];
    let is_settings = |name: &String| {
        let defined = |kind| settings.contains(&format!("pub {kind} {name} {{"));
        defined("struct") || defined("enum")
    };
    let mut wrong = Vec::new();
    for (path, text) in &sources {
        if !matches!(module(path).as_deref(), Some("observe" | "act" | "jobs")) {
            continue;
        }
        let names = behind(text, &["crate::config::"]);
        let others = names.iter().filter(|name| !is_settings(name));
        wrong.extend(others.map(|name| format!("{path} names config::{name}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_core_and_the_loop_are_pure() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let of_loop = path.starts_with("src/daemon/rounds");
        if !of_loop && !matches!(module(&path).as_deref(), Some("model" | "decide")) {
            continue;
        }
        // The loop says in the log what it takes in.
        let words = IMPURE.iter().filter(|word| !of_loop || **word != "tracing");
        for word in words {
            let starts_word = |at: usize| {
                let before = text[..at].chars().next_back();
                !word.starts_with(char::is_alphabetic)
                    || !before.is_some_and(|sign| sign.is_alphanumeric() || sign == '_')
            };
            let ends_word = |at: usize| {
                let after = text[at + word.len()..].chars().next();
                !word.ends_with(char::is_alphanumeric)
                    || *word == "Atomic"
                    || !after.is_some_and(|sign| sign.is_alphanumeric() || sign == '_')
            };
            let named = text
                .match_indices(word)
                .any(|(at, _)| starts_word(at) && ends_word(at));
            if named {
                wrong.push(format!("{path} names {}", word.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_outside_crate_has_one_owner() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (outside, owners) in OWNERS {
            let named = text.match_indices(outside).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let after = &text[at + outside.len()..];
                !before.is_some_and(|sign| sign.is_alphanumeric() || sign == '_' || sign == ':')
                    && (after.starts_with("::") || after.starts_with(';'))
            });
            if named && !owners.iter().any(|owner| path.starts_with(owner)) {
                wrong.push(format!(
                    "{path} names {outside}, which belongs to {owners:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The picture of the writer machine is printed from its table; put what this test prints in its place.
#[test]
fn the_documents_show_the_writer_machine() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = fs::read_to_string(path).expect("ARCHITECTURE.md");
    let parts: Vec<_> = text.split("<!-- writer-machine -->\n").collect();
    let picture = format!("```mermaid\n{}```\n", dualmasterd::decide::table::picture());
    assert_eq!(
        parts.len(),
        3,
        "a marker before the picture and one after it"
    );
    assert_eq!(parts[1], picture, "expected:\n{picture}");
}

/// `make mutants` runs long and seldom; here a defect that no longer fits the source is seen at once.
#[test]
fn every_planted_defect_fits_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(root.join("tests/mutants/list.toml")).expect("the list");
    let list: toml::Table = list.parse().expect("TOML");
    let mutants = list["mutant"].as_array().expect("entries");
    let text = |mutant: &toml::Value, key: &str| mutant[key].as_str().expect(key).to_owned();
    let misfits = mutants.iter().filter(|mutant| {
        let source = fs::read_to_string(root.join(text(mutant, "file"))).expect("its file");
        source.matches(&text(mutant, "old")).count() != 1
    });
    let misfits: Vec<_> = misfits.map(|mutant| text(mutant, "name")).collect();
    assert!(
        misfits.is_empty(),
        "mend in tests/mutants/list.toml: {misfits:?}"
    );
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let text =
        code("use crate::{decide::x, model::{a, b}}; // crate::act\nlet s = \"crate::net\";");
    assert_eq!(named(&text), ["decide", "model"]);
}
