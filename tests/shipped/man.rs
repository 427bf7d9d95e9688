//! Man pages: of both programs from their command lines, of the configuration from its schema.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use dualmasterd::cli::exit::Exit;
use serde_json::Value;

/// A page and its name.
type Page = (String, String);

/// The pages of a program and of its verbs.
pub(super) fn of_program(command: Command, section: &str) -> Vec<Page> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    of_verb(&command, section, &[], &mut pages);
    pages
}

fn of_verb(command: &Command, section: &str, above: &[&str], pages: &mut Vec<Page>) {
    let names: Vec<_> = above.iter().copied().chain([command.get_name()]).collect();
    let name = names.join("-");
    let renamed = command
        .clone()
        .name(clap::builder::Str::from(&*name.clone().leak()))
        .display_name(name.clone())
        .bin_name(names.join(" "))
        .version(env!("CARGO_PKG_VERSION"));
    let man = Man::new(renamed);
    let mut page = Vec::new();
    let mut write = || -> std::io::Result<()> {
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if command.has_subcommands() {
            man.render_subcommands_section(&mut page)?;
        }
        more(command.get_name(), above.is_empty()).to_writer(&mut page)
    };
    write().expect("writing to memory");
    let text = String::from_utf8(page).expect("text");
    let text = title(&name, section) + &text;
    pages.push((format!("{name}.{section}"), text));
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        of_verb(verb, section, &names, pages);
    }
}

/// The title line. A page without a date is the same whenever it is made; roff takes no empty argument.
fn title(name: &str, section: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {name} {section} \"\" \"dualmasterd {version}\" dualmasterd\n")
}

/// What no command line says: files, signals, exit codes.
fn more(name: &str, whole: bool) -> Roff {
    let mut page = Roff::default();
    match (name, whole) {
        ("dualmasterd", true) => {
            heading(&mut page, "FILES");
            for (path, text) in [
                (
                    "/etc/dualmasterd/dualmasterd.toml",
                    "The configuration: dualmasterd.toml(5).",
                ),
                (
                    "/etc/dualmasterd/conf.d/*.toml",
                    "More of it, in byte order; a later file wins, key by key.",
                ),
                (
                    "/var/lib/dualmasterd",
                    "The register, passwords, rendered server files, datadirs by default.",
                ),
                (
                    "/run/dualmasterd/control.sock",
                    "What dualmasterctl(1) talks to.",
                ),
            ] {
                item(&mut page, [bold(path)], text);
            }
            heading(&mut page, "SIGNALS");
            for (signal, text) in [
                (
                    "SIGHUP",
                    "Reads the configuration again. A bad one changes nothing and is named in the log.",
                ),
                (
                    "SIGTERM, SIGINT",
                    "A clean stop: servers, roles and endpoint stay as they are, and nobody promotes until the next start. A second one ends the daemon at once.",
                ),
            ] {
                item(&mut page, [bold(signal)], text);
            }
            heading(&mut page, "EXIT STATUS");
            for (code, text) in [
                (0, "Stopped as told."),
                (1, "It could not start, or could keep no pair."),
                (
                    i32::from(Exit::BadConfig.code()),
                    "The configuration is bad or says nothing; every mistake is named on stderr. systemd does not start it again.",
                ),
            ] {
                item(&mut page, [bold(code.to_string())], text);
            }
            heading(&mut page, "LOG");
            page.text([roman("Under systemd every line is in the journal with fields of its own: DUALMASTER_EVENT, DUALMASTER_PAIR, DUALMASTER_MEMBER, DUALMASTER_LINK, DUALMASTER_OP_ID, DUALMASTER_STEP, DUALMASTER_FINDING, DUALMASTER_ERRNO, DUALMASTER_GTID, DUALMASTER_FROM, DUALMASTER_TO, DUALMASTER_EPOCH, DUALMASTER_DURATION_MS. Each kind of line has a MESSAGE_ID, which the journal's catalog explains.")]);
            item(
                &mut page,
                [bold("journalctl -x -u dualmasterd -p warning")],
                "What mattered, with what the daemon did and what to do.",
            );
            item(
                &mut page,
                [bold("journalctl DUALMASTER_PAIR=orders DUALMASTER_OP_ID=7")],
                "The whole story of one operation; `dualmasterctl history` has the numbers.",
            );
            see(
                &mut page,
                &["dualmasterctl(1)", "dualmasterd.toml(5)", "journalctl(1)"],
            );
        }
        ("dualmasterctl", true) => {
            heading(&mut page, "EXIT STATUS");
            for (exit, text) in [
                (Exit::Ok, "All went well."),
                (Exit::Failed, "It was tried and failed."),
                (Exit::Usage, "The command line is wrong."),
                (Exit::Unhealthy, "list --check: a pair is not healthy."),
                (Exit::Unreachable, "The daemon does not answer."),
                (
                    Exit::Refused,
                    "Refused for now; the message names the guard.",
                ),
                (Exit::Denied, "This user may not."),
                (Exit::BadConfig, "reload: the configuration is bad."),
            ] {
                item(&mut page, [bold(exit.code().to_string())], text);
            }
            see(&mut page, &["dualmasterd(8)", "dualmasterd.toml(5)"]);
        }
        (_, _) => see(&mut page, &["dualmasterd(8)", "dualmasterctl(1)"]),
    }
    page
}

/// dualmasterd.toml(5).
pub(super) fn of_configuration() -> String {
    let schema: Value = serde_json::from_str(&dualmasterd::config::schema()).expect("JSON");
    let mut page = Roff::default();
    heading(&mut page, "NAME");
    page.text([roman("dualmasterd.toml - configuration of dualmasterd")]);
    heading(&mut page, "SYNOPSIS");
    page.text([bold("/etc/dualmasterd/dualmasterd.toml")]);
    page.control("br", []);
    page.text([bold("/etc/dualmasterd/conf.d/*.toml")]);
    heading(&mut page, "DESCRIPTION");
    for (nth, text) in [
        "The main file and those of conf.d, in byte order of their names, are laid over each other; a later file wins, key by key. Unknown keys are refused. `dualmasterd --check` names every mistake with its line and touches nothing; a running daemon reads everything again on SIGHUP and keeps what it has where something is wrong.",
        "Durations are strings with a unit: ms, s, m, h, d. There is no key for a password: files are named instead, which only root or the daemon's user may read.",
        "A pair needs its family and two members with their ports; everything else has a default.",
    ]
    .into_iter()
    .enumerate()
    {
        if nth > 0 {
            page.control("PP", []);
        }
        page.text([roman(text)]);
    }
    heading(&mut page, "EXAMPLE");
    page.control("nf", []);
    for line in include_str!("../../packaging/examples/mariadb.toml").lines() {
        if !line.starts_with('#') {
            page.text([roman(line)]);
        }
    }
    page.control("fi", []);
    table(&mut page, &schema, "");
    see(&mut page, &["dualmasterd(8)", "dualmasterctl(1)"]);
    title("dualmasterd.toml", "5") + &page.to_roff()
}

/// The keys of a table, then the tables in it.
fn table(page: &mut Roff, schema: &Value, path: &str) {
    let keys = schema["properties"].as_object().into_iter().flatten();
    let (tables, keys): (Vec<_>, Vec<_>) = keys.partition(|(_, key)| key["type"] == "object");
    if !path.is_empty() {
        heading(page, &format!("[{path}]"));
        page.text([roman(schema["description"].as_str().unwrap_or_default())]);
    }
    for (name, key) in keys {
        let text = key["description"].as_str().unwrap_or_default();
        item(
            page,
            [bold(name.as_str()), roman(" = "), italic(kind(key))],
            text,
        );
        if let Some(default) = key.get("default") {
            page.control("br", []);
            page.text([roman(format!("Default: {default}"))]);
        } else if let Some(example) = key.pointer("/examples/0") {
            page.control("br", []);
            page.text([roman(format!("Example: {example}"))]);
        }
    }
    for (name, inner) in tables {
        let path = match path {
            "" => name.clone(),
            above => format!("{above}.{name}"),
        };
        match inner
            .get("additionalProperties")
            .filter(|named| named["type"] == "object")
        {
            Some(named) => {
                let mut named = named.clone();
                named["description"] = inner["description"].clone();
                table(page, &named, &format!("{path}.NAME"));
            }
            None => table(page, inner, &path),
        }
    }
}

/// What a key takes, in a few words.
fn kind(key: &Value) -> String {
    if let Some(words) = key["enum"].as_array() {
        let words: Vec<_> = words.iter().map(Value::to_string).collect();
        return words.join(" | ");
    }
    if let Some(comment) = key["$comment"].as_str() {
        return comment.to_owned();
    }
    match (key["type"].as_str(), &key["minimum"], &key["maximum"]) {
        (Some("integer"), Value::Number(least), Value::Number(most)) => {
            format!("a whole number from {least} to {most}")
        }
        (Some("array"), _, _) => "a list".to_owned(),
        (Some("boolean"), _, _) => "true | false".to_owned(),
        (_, _, _) => "a string".to_owned(),
    }
}

fn heading(page: &mut Roff, title: &str) {
    page.control("SH", [title]);
}

fn item(page: &mut Roff, head: impl IntoIterator<Item = Inline>, text: &str) {
    page.control("TP", []);
    page.text(head.into_iter().collect::<Vec<_>>());
    page.text([roman(text)]);
}

fn see(page: &mut Roff, others: &[&str]) {
    heading(page, "SEE ALSO");
    page.text([roman(others.join(", "))]);
}
