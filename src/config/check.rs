//! What one file alone cannot tell: contradictions, names, what must exist, what is used twice.
//!
//! Every check goes on after a problem, with a stand-in for what is wrong, so that all problems come
//! out together. The stand-ins never leave: where there is a problem there are no settings.

mod access;
mod endpoint;
mod hooks;
mod member;
mod mysqld;
mod pair;
mod paths;
mod promise;
mod unique;
mod units;

use std::collections::BTreeMap;

use super::code::Code;
use super::file::File;
use super::layer::Layers;
use super::problem::{Place, Problem, Problems};
use super::settings::{DaemonSettings, HttpSettings, LogFormat, LogLevel, LogSettings, Settings};
use super::sources::Sources;
use super::value::Address;
use unique::Claims;

/// What every check needs.
struct Check<'a> {
    layers: &'a Layers,
    sources: &'a Sources,
    problems: &'a mut Problems,
    claims: Claims,
}

impl Check<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// A key without a default is not there. One that was there and wrong was reported already.
    fn missing(&mut self, path: &[&str], example: &str) {
        if self.layers.is_struck(path) {
            return;
        }
        let place = self.layers.key(path);
        let name = path.last().copied().unwrap_or_default();
        let what = format!("`{name}` is missing");
        self.report(Problem::new(
            Code::Missing,
            place,
            what,
            format!("expected `{example}` here"),
        ));
    }

    fn value(&self, path: &[&str]) -> Place {
        self.layers.value(path)
    }

    fn key(&self, path: &[&str]) -> Place {
        self.layers.key(path)
    }
}

/// Checks what all files say together; `None` only where a part is too wrong for a stand-in.
pub(super) fn settings(
    file: &File,
    layers: &Layers,
    sources: &Sources,
    problems: &mut Problems,
) -> Option<Settings> {
    let mut check = Check {
        layers,
        sources,
        problems,
        claims: Claims::default(),
    };
    let daemon = daemon(&mut check, file);
    if file.pair.is_empty() && !layers.is_struck(&["pair"]) {
        let what = "no pair is configured";
        let problem = Problem::new(
            Code::NoPair,
            check.key(&["pair"]),
            what,
            "expected `[pair.NAME]`",
        );
        check.report(
            problem.help("a pair is made of `[pair.NAME]` and two `[pair.NAME.member.NAME]`"),
        );
    }
    let pairs: Vec<_> = file
        .pair
        .iter()
        .map(|(name, pair)| Some((name.clone(), pair::check(&mut check, name, pair, &daemon)?)))
        .collect();
    unique::check(&mut check);
    let pairs = pairs.into_iter().collect::<Option<BTreeMap<_, _>>>()?;
    let log = LogSettings {
        level: file.log.level.unwrap_or(LogLevel::Info),
        format: file.log.format.unwrap_or(LogFormat::Auto),
    };
    let http = HttpSettings {
        listen: file.http.listen.map(|Address(address)| address),
    };
    Some(Settings {
        digest: check.layers.digest(),
        daemon,
        log,
        http,
        pairs,
    })
}

fn daemon(check: &mut Check<'_>, file: &File) -> DaemonSettings {
    let said = &file.daemon;
    let state_dir = said.state_dir.clone();
    let run_dir = said.run_dir.clone();
    let state_dir = state_dir.unwrap_or_else(|| "/var/lib/dualmasterd".into());
    let run_dir = run_dir.unwrap_or_else(|| "/run/dualmasterd".into());
    let control = said.control.clone();
    let control = control.unwrap_or_else(|| run_dir.join("control.sock"));
    paths::folder_to_be(check, &["daemon", "state_dir"], &state_dir);
    paths::folder_to_be(check, &["daemon", "run_dir"], &run_dir);
    paths::socket(check, &["daemon", "control"], &control);
    DaemonSettings {
        state_dir,
        run_dir,
        control,
    }
}

/// A name of a pair or a member: it becomes a part of paths, of rule names and of journal fields.
fn name(check: &mut Check<'_>, path: &[&str], noun: &str) {
    let name = path.last().copied().unwrap_or_default();
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let rest = |c: char| first(c) || c == '_' || c == '-';
    let good = name.starts_with(first) && name.chars().all(rest) && name.len() <= 31;
    if !good {
        let what = format!("`{name}` cannot be the name of a {noun}");
        let expected = "expected 1 to 31 of a-z, 0-9, _ and -, a letter or digit first";
        check.report(Problem::new(Code::BadName, check.key(path), what, expected));
    }
}
