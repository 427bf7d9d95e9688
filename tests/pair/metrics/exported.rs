//! What was exported, and what asks for it.

use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, BTreeSet<String>>;

/// A label, its operator, its value.
type Matcher = (String, String, String);

/// Series by name, with the labels and the values that were seen.
pub(super) struct Exported(BTreeMap<String, Labels>);

impl Exported {
    pub(super) fn of(metrics: &str) -> Self {
        let mut all = Self(BTreeMap::new());
        all.add(metrics);
        all
    }

    pub(super) fn add(&mut self, metrics: &str) {
        for line in metrics.lines().filter(|line| !line.starts_with('#')) {
            for (name, matchers) in selectors(line) {
                let labels = self.0.entry(name).or_default();
                for (label, _, value) in matchers {
                    labels.entry(label).or_default().insert(value);
                }
            }
        }
    }

    /// `NAME here`, or `NAME later: why`.
    pub(super) fn has_all_that_was_planned(&self, names: &str) {
        for line in names.lines().filter(|line| !line.starts_with('#')) {
            let (name, when) = line.split_once(' ').expect("a name and when");
            let is_there = self.0.contains_key(&format!("dualmasterd_{name}"));
            let why = when.strip_prefix("later: ");
            assert!(why.is_none_or(|why| !why.is_empty()), "{line}");
            assert_eq!(is_there, when == "here", "{line}");
        }
    }

    /// Every selector of a rule, and every label that its text shows.
    pub(super) fn has_what_alerts_use(&self, alerts: &str) {
        for rule in alerts.split("- alert: ").skip(1) {
            let expression = rule
                .lines()
                .find_map(|line| line.trim().strip_prefix("expr: "));
            let shown = rule.split("$labels.").skip(1).map(word);
            self.has(expression.expect("an expression"), shown);
        }
    }

    /// The same of each query of a dashboard, with its legend.
    pub(super) fn has_what_a_dashboard_shows(&self, dashboard: &str) {
        let dashboard: serde_json::Value = serde_json::from_str(dashboard).expect("JSON");
        let mut queries = Vec::new();
        collect(&dashboard, &mut queries);
        assert!(queries.len() > 10, "{queries:?}");
        for (expression, legend) in queries {
            let shown = legend.split("{{").skip(1).map(|part| word(part.trim()));
            self.has(&expression, shown);
        }
    }

    fn has(&self, expression: &str, shown: impl Iterator<Item = String>) {
        let selectors = selectors(expression);
        assert!(!selectors.is_empty(), "nothing of ours in {expression}");
        let mut known = BTreeSet::from(["instance".to_owned()]);
        for (name, matchers) in selectors {
            let labels = self.0.get(&name);
            let labels = labels.unwrap_or_else(|| panic!("nobody exports {name}: {expression}"));
            known.extend(labels.keys().cloned());
            for (label, how, value) in matchers {
                let values = labels.get(&label);
                let values =
                    values.unwrap_or_else(|| panic!("{name} has no {label}: {expression}"));
                if value.starts_with('$') {
                    continue;
                }
                assert!(["=", "=~"].contains(&how.as_str()), "{expression}");
                for value in value.split('|') {
                    assert!(
                        values.contains(value),
                        "{name}: {label}={value}: {expression}"
                    );
                }
            }
        }
        for label in shown {
            assert!(known.contains(&label), "no {label} in {expression}");
        }
    }
}

/// The word at the begin of a text.
fn word(text: &str) -> String {
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().take_while(|c| of_word(*c)).collect()
}

/// Each series of ours in a text, with its labels: name, operator, value.
fn selectors(text: &str) -> Vec<(String, Vec<Matcher>)> {
    const OURS: &str = "dualmasterd_";
    let named = text.match_indices(OURS).map(|(at, _)| {
        let rest = text.get(at..).unwrap_or_default();
        let name = word(rest);
        let braced = rest
            .get(name.len()..)
            .and_then(|rest| rest.strip_prefix('{'))
            .and_then(|rest| rest.split_once('}'));
        let inner = braced.map_or("", |(inner, _)| inner);
        // No value of ours holds a comma.
        let matchers = inner
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let label = word(part);
                let rest = part.get(label.len()..).unwrap_or_default();
                let (how, value) = rest.split_once('"').expect("a value");
                (
                    label,
                    how.to_owned(),
                    value.trim_end_matches('"').to_owned(),
                )
            });
        let matchers = matchers.collect();
        (name, matchers)
    });
    named.collect()
}

fn collect(value: &serde_json::Value, queries: &mut Vec<(String, String)>) {
    let text = |value: Option<&serde_json::Value>| {
        let text = value.and_then(serde_json::Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    if let Some(object) = value.as_object() {
        let expression = text(object.get("expr"));
        if !expression.is_empty() {
            queries.push((expression, text(object.get("legendFormat"))));
        }
        object.values().for_each(|inner| collect(inner, queries));
    }
    for inner in value.as_array().into_iter().flatten() {
        collect(inner, queries);
    }
}

/// OpenMetrics: series of a family stand together, below its type; the text ends with `# EOF`.
pub(super) fn every_series_has_a_type(text: &str) {
    assert!(text.ends_with("# EOF\n"));
    let (mut family, mut seen) = (String::new(), BTreeSet::new());
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap_or_default().to_owned();
            assert!(seen.insert(family.clone()), "{family} comes twice");
        }
        if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line} is no part of {family}");
        }
    }
}
