//! The operator's own `[mysqld]` settings.

use std::collections::BTreeMap;

use super::Check;
use super::promise::{base, demands_tls, refusal, refused_value};
use crate::config::code::Code;
use crate::config::problem::Problem;
use crate::config::value::Setting;
use crate::model::policy::Durability;
use crate::model::server::Family;

/// What a key is judged by.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) family: Family,
    pub(super) durability: Durability,
    /// The links have TLS, and so has the daemon.
    pub(super) tls: bool,
}

/// Checks one table and returns it with normal names: lower case, `_`.
pub(super) fn check(
    check: &mut Check<'_>,
    table: &[&str],
    said: &BTreeMap<String, Setting>,
    rules: Rules,
) -> BTreeMap<String, String> {
    let mut own = BTreeMap::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (key, Setting(value)) in said {
        let at: Vec<&str> = table.iter().copied().chain([key.as_str()]).collect();
        let name = key.to_ascii_lowercase().replace('-', "_");
        spelling(check, &at, &name, value);
        if let Some(refused) = refused_value(&name, value, rules.family, rules.durability) {
            let what = format!("`{key} = {value}` in [mysqld] is refused: {}", refused.why);
            let expected = "expected a method that syncs";
            let problem = Problem::new(refused.code, check.value(&at), what, expected);
            check.report(problem.help(refused.instead));
        }
        if !rules.tls && demands_tls(&name, value, rules.family) {
            let what =
                format!("with `{key} = {value}` neither the peer nor the daemon gets in by TCP");
            let expected = "expected [link.tls] as well";
            let problem = Problem::new(Code::Contradiction, check.value(&at), what, expected);
            check.report(problem.help("give the links TLS, or delete the line"));
        }
        if let Some(refused) = refusal(&name, rules.family, rules.durability) {
            let what = format!("`{key}` in [mysqld] is refused: {}", refused.why);
            let problem = Problem::new(refused.code, check.key(&at), what, "expected no such key");
            check.report(problem.help(refused.instead));
        }
        if let Some(other) = seen.insert(base(&name).to_owned(), key) {
            let other_at: Vec<&str> = table.iter().copied().chain([other]).collect();
            let what = format!("`{other}` and `{key}` are the same setting");
            let problem =
                Problem::new(Code::BadServerKey, check.key(&at), what, "expected it once");
            let other_place = check.key(&other_at);
            check.report(problem.also(other_place, "the same setting"));
        }
        own.insert(name, value.clone());
    }
    own
}

/// Names and values that an option file can hold.
fn spelling(check: &mut Check<'_>, at: &[&str], name: &str, value: &str) {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    if name.is_empty() || !name.chars().all(part) {
        let what = format!("{name:?} cannot be the name of a server's setting");
        let expected = "expected letters, digits, `-` and `_`";
        check.report(Problem::new(
            Code::BadServerKey,
            check.key(at),
            what,
            expected,
        ));
    }
    if value.contains(['\n', '\r', '\0']) {
        let what = "a server's setting has one line";
        let expected = "expected no line break";
        check.report(Problem::new(
            Code::BadServerKey,
            check.value(at),
            what,
            expected,
        ));
    }
}
