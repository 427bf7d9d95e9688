//! The strict reading of one file: every unknown key and every wrong value, each with its place.
//!
//! A reader stops at the first mistake. So the mistaken entry is struck out and the rest read again,
//! until nothing is wrong any more.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::code::Code;
use super::file::File;
use super::problem::{Place, Problem, Problems, SourceText};

/// An entry of a file, with the spans of its key and its value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Table(BTreeMap<String, Node>),
    Leaf(config::ValueKind),
}

/// What is left of a file once everything mistaken was struck out.
#[derive(Debug)]
pub(super) struct Strict {
    pub(super) root: BTreeMap<String, Node>,
    /// Paths of what was struck out.
    pub(super) struck: Vec<Vec<String>>,
    /// It is no TOML at all: nothing in it can be relied on.
    pub(super) broken: bool,
}

/// Reads a file strictly and notes what is wrong with it.
pub(super) fn read(source: &Arc<SourceText>, problems: &mut Problems) -> Strict {
    let (mut table, errors) = DeTable::parse_recoverable(&source.text);
    let mut struck = Vec::new();
    let mut broken = !errors.is_empty();
    for error in &errors {
        problems.push(syntax(source, error));
    }
    while !broken && let Some(span) = stray_array(table.get_ref(), 0) {
        let what = "an array cannot stand here";
        let place = Place::new(source, span.clone());
        let expected = "expected a table or a single value";
        problems.push(Problem::new(Code::BadValue, place, what, expected));
        match strike(table.get_mut(), &span) {
            Some(path) => struck.push(path),
            None => broken = true,
        }
    }
    while !broken && let Err(error) = File::deserialize(Deserializer::from(table.clone())) {
        problems.push(mistake(source, &error));
        match error.span().and_then(|span| strike(table.get_mut(), &span)) {
            Some(path) => struck.push(path),
            None => broken = true,
        }
    }
    Strict {
        root: nodes(table.into_inner()),
        struck,
        broken,
    }
}

/// An array outside of the lists of hooks. Serde would read it as a table without its keys.
fn stray_array(table: &DeTable<'_>, depth: usize) -> Option<Range<usize>> {
    let is_hooks = |key: &str| depth == 2 && key == "hooks";
    table.iter().find_map(|(key, value)| match value.get_ref() {
        DeValue::Array(_) => Some(value.span()),
        DeValue::Table(inner) if !is_hooks(key.get_ref()) => stray_array(inner, depth + 1),
        DeValue::Table(_)
        | DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    })
}

fn place(source: &Arc<SourceText>, error: &Error) -> Place {
    Place::new(source, error.span().unwrap_or(0..0))
}

fn syntax(source: &Arc<SourceText>, error: &Error) -> Problem {
    let what = "the configuration file is not valid TOML";
    Problem::new(Code::Syntax, place(source, error), what, error.message())
}

fn mistake(source: &Arc<SourceText>, error: &Error) -> Problem {
    let place = place(source, error);
    let said = place
        .span
        .clone()
        .and_then(|span| source.text.get(span))
        .unwrap_or_default();
    let message = error.message();
    if let Some((_, expected)) = message
        .strip_prefix("unknown field ")
        .and_then(|rest| rest.split_once(", "))
    {
        let what = format!("unknown key `{said}`");
        let problem = Problem::new(Code::UnknownKey, place.clone(), what, expected);
        return match nearest(said, expected) {
            Some(meant) => problem.help(format!("`{meant}` is meant, perhaps")),
            None => problem,
        };
    }
    let what = match said.lines().next() {
        Some(line) if line.len() == said.len() && line.len() <= 60 => {
            format!("`{line}` cannot stand here")
        }
        _ => "this cannot stand here".to_owned(),
    };
    let expected = match message.split_once(", expected ") {
        Some((_, expected)) if expected.starts_with("struct ") || expected == "a map" => {
            "expected a table".to_owned()
        }
        Some((_, expected)) => format!("expected {expected}"),
        None => message.to_owned(),
    };
    Problem::new(Code::BadValue, place, what, expected)
}

/// The one of the quoted words that was meant, if one is two slips away at most.
fn nearest<'a>(said: &str, expected: &'a str) -> Option<&'a str> {
    let words = expected.split('`').skip(1).step_by(2);
    let (slips, word) = words.map(|word| (slips(said, word), word)).min()?;
    (slips <= 2).then_some(word)
}

/// Letters to insert, delete or replace to make one word of the other.
fn slips(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (done, left) in from.chars().enumerate() {
        let mut next = vec![done + 1];
        for (right, pair) in to.chars().zip(row.windows(2)) {
            let replaced = pair
                .first()
                .map_or(0, |above| above + usize::from(left != right));
            let deleted = pair.last().map_or(0, |above| above + 1);
            let inserted = next.last().map_or(0, |beside| beside + 1);
            next.push(replaced.min(deleted).min(inserted));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Takes out the entry whose key or value stands at the span, and returns its path.
fn strike(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    let hit = table
        .iter()
        .find(|(key, value)| key.span() == *span || is_within(value, span))
        .map(|(key, _)| key.clone());
    if let Some(key) = hit {
        table.remove(&key);
        return Some(vec![key.get_ref().to_string()]);
    }
    for (key, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && let Some(mut path) = strike(inner, span)
        {
            path.insert(0, key.get_ref().to_string());
            return Some(path);
        }
    }
    None
}

/// The span is this value's, or that of a part of it that is no table.
fn is_within(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    let outer = value.span();
    outer == *span
        || (!value.get_ref().is_table() && outer.start <= span.start && span.end <= outer.end)
}

fn nodes(table: DeTable<'_>) -> BTreeMap<String, Node> {
    table
        .into_iter()
        .map(|(key, value)| {
            let node = Node {
                key: key.span(),
                value: value.span(),
                kind: kind(value.into_inner()),
            };
            (key.into_inner().into_owned(), node)
        })
        .collect()
}

fn kind(value: DeValue<'_>) -> Kind {
    match value {
        DeValue::Table(table) => Kind::Table(nodes(table)),
        value @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)) => Kind::Leaf(leaf(value)),
    }
}

fn leaf(value: DeValue<'_>) -> config::ValueKind {
    use config::ValueKind;
    match value {
        DeValue::String(text) => ValueKind::String(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(ValueKind::Nil, ValueKind::I64),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or(ValueKind::Nil, ValueKind::Float),
        DeValue::Boolean(value) => ValueKind::Boolean(value),
        DeValue::Datetime(time) => ValueKind::String(time.to_string()),
        DeValue::Array(items) => ValueKind::Array(
            items
                .into_iter()
                .map(|item| config::Value::new(None, leaf(item.into_inner())))
                .collect(),
        ),
        DeValue::Table(table) => super::layer::table(&nodes(table)),
    }
}
