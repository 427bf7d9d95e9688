//! Scenarios: files that a DBA can read, in `tests/scenarios/`.
//!
//! Each starts from a healthy MariaDB pair in lossless mode: `a` writes, `b` reads and is in sync, and the
//! clock stands at 100 s. A line `PATH = VALUE` changes one thing that is seen (`a.process.state =
//! stopped`), remembered (`memory.durable.pause = {...}`) or wanted (`policy.durability = available`); a
//! moment may be written as `now-1200ms`. `request VERB {...}` is an operator's. After `then` stands what
//! is decided: everything below it is written by `UPDATE=1 cargo nextest run --test scenarios`. Lines after
//! a blank line that follows a `then` go on from there: `later 200ms` lets time pass, with everybody looked
//! at anew.
#![allow(unreachable_pub, reason = "shared with the simulation")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use dualmasterd::decide::{Decision, decide};
use dualmasterd::model::action::Step;
use dualmasterd::model::facts::Facts;
use dualmasterd::model::member::Side;
use dualmasterd::model::memory::{Memory, State};
use dualmasterd::model::policy::Policy;
use dualmasterd::model::server::Family;
use serde_json::Value;

#[path = "support/healthy.rs"]
mod healthy;
#[path = "support/policy.rs"]
mod policy;

/// One scenario while it is read.
struct Scenario {
    policy: Policy,
    memory: Memory,
    facts: Facts,
    /// The register was not said to be stored otherwise.
    all_stored: bool,
}

impl Scenario {
    fn new(family: Family) -> Self {
        Self {
            policy: policy::policy(family),
            memory: healthy::memory(family),
            facts: healthy::facts(family),
            all_stored: true,
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(family) = line.strip_prefix("family ") {
            let family = serde_json::from_value(Value::String(family.trim().into()));
            *self = Self::new(family.expect("mariadb or mysql"));
        } else if let Some(span) = line.strip_prefix("later ") {
            self.later(millis(span));
        } else if let Some(request) = line.strip_prefix("request ") {
            self.request(request);
        } else {
            let (path, value) = line
                .split_once('=')
                .unwrap_or_else(|| panic!("no `=`: {line}"));
            self.set(path.trim(), value.trim());
        }
    }

    fn set(&mut self, path: &str, value: &str) {
        let value = self.value(value);
        let parts: Vec<&str> = path.split('.').collect();
        match parts[0] {
            "policy" => change(&mut self.policy, &parts[1..], value),
            "memory" => change(&mut self.memory, &parts[1..], value),
            "a" | "b" => {
                let whole: Vec<&str> = ["members"].into_iter().chain(parts).collect();
                change(&mut self.facts, &whole, value);
            }
            "facts" => {
                self.all_stored &= parts[1] != "stored";
                change(&mut self.facts, &parts[1..], value);
            }
            other => panic!("what is {other}?"),
        }
    }

    /// JSON, a bare word, or a moment.
    fn value(&self, text: &str) -> Value {
        if let Some(span) = text.strip_prefix("now") {
            let ago = span.strip_prefix('-').map_or(0, millis);
            return Value::from(self.facts.now.as_nanos() - ago * 1_000_000);
        }
        let now = self.facts.now.as_nanos().to_string();
        let text = text.replace("$now", &now);
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    fn request(&mut self, request: &str) {
        let (verb, rest) = request.split_once(' ').unwrap_or((request, "{}"));
        let mut value: Value = serde_json::from_str(rest).expect("a JSON object");
        value["verb"] = Value::from(verb);
        let request = serde_json::json!({"id": 1, "verb": value, "dry_run": false});
        let request = serde_json::from_value(request).expect("a verb");
        self.facts.requests.push(request);
    }

    /// Everything is looked at anew, and shows the same.
    fn later(&mut self, millis: u64) {
        let span = std::time::Duration::from_millis(millis);
        self.facts.now = self.facts.now + span;
        self.facts.wall_ms += millis;
        let now = self.facts.now;
        for side in Side::BOTH {
            let member = &mut self.facts.members[side];
            if let Some(process) = &mut member.process {
                process.at = now;
            }
            if let Some(server) = &mut member.server {
                server.asked = now;
                server.at = now;
            }
            for probe in [
                &mut member.probes.ping,
                &mut member.probes.disk,
                &mut member.probes.login,
            ] {
                if probe.pending_since.is_none() && probe.error.is_none() {
                    probe.last_ok = Some(now);
                    probe.last_ok_sent = Some(now);
                }
            }
        }
        if let Some(endpoint) = &mut self.facts.endpoint {
            endpoint.at = now;
        }
    }

    fn decide(&mut self) -> Decision {
        if self.all_stored {
            self.facts.stored = Some(self.memory.durable.clone());
        }
        let decision = decide(&self.policy, &self.memory, &self.facts);
        self.memory = decision.memory.clone();
        self.facts.requests.clear();
        decision
    }
}

fn millis(span: &str) -> u64 {
    let number = span.trim().strip_suffix("ms").expect("a span in ms");
    number.parse().expect("a number of ms")
}

/// Changes one field by its path.
fn change<T: serde::Serialize + serde::de::DeserializeOwned>(
    whole: &mut T,
    path: &[&str],
    to: Value,
) {
    let mut value = serde_json::to_value(&*whole).expect("plain data");
    let mut at = &mut value;
    for (depth, part) in path.iter().enumerate() {
        let last = depth + 1 == path.len();
        let known = at.get(*part).is_some() || (last && at.is_object());
        assert!(known, "no such field: {}", path.join("."));
        at = &mut at[*part];
    }
    *at = to;
    *whole =
        serde_json::from_value(value).unwrap_or_else(|why| panic!("{}: {why}", path.join(".")));
}

/// What was decided, in words.
fn told(decision: &Decision) -> String {
    let mut text = String::new();
    let memory = &decision.memory;
    let state = match &memory.state {
        State::Switching(switch) => format!("Switching to {}, {:?}", switch.to, switch.stage),
        State::Promoting(promotion) => format!("Promoting {}: {}", promotion.to, promotion.why),
        state @ (State::Settling { .. }
        | State::Serving
        | State::Holding { .. }
        | State::Paused) => format!("{:?}", dualmasterd::decide::table::name(state)),
    };
    let _ = writeln!(text, "  state    {state}");
    if let Some(register) = &memory.durable.register {
        let standby = register
            .in_sync
            .as_ref()
            .map_or_else(|| "nobody".into(), |life| format!("process {}", life.pid));
        let _ = writeln!(
            text,
            "  register epoch {}, writer {}, in sync: {standby}",
            register.epoch, register.writer
        );
    }
    for finding in &decision.findings {
        let at = finding
            .side
            .map_or_else(String::new, |side| format!(" at {side}"));
        let detail = finding.detail.replace('\n', " | ");
        let _ = writeln!(text, "  finding  {}{at}: {detail}", finding.kind);
    }
    for step in &decision.plan {
        let _ = writeln!(text, "  do       {}", named(step));
    }
    for reply in &decision.replies {
        match &reply.result {
            Ok(granted) => {
                let _ = writeln!(text, "  granted  {}", granted.text);
            }
            Err(refusal) => {
                let _ = writeln!(text, "  refused  {}", refusal.text);
                for guard in &refusal.guards {
                    let _ = writeln!(
                        text,
                        "  guard    {}: {} (must be: {}); {}",
                        guard.name, guard.value, guard.limit, guard.remedy
                    );
                }
            }
        }
    }
    text
}

/// `close a`, `route writer=b reader=b`.
fn named(step: &Step) -> String {
    let Value::Object(fields) = serde_json::to_value(&step.action).expect("plain data") else {
        panic!("an action is an object");
    };
    let word = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut text = fields.get("do").map(word).expect("tagged");
    if let Some(side) = fields.get("side") {
        let _ = write!(text, " {}", word(side));
    }
    for (name, value) in &fields {
        if !matches!(name.as_str(), "do" | "side" | "life") {
            let _ = write!(text, " {name}={}", word(value));
        }
    }
    text
}

/// The file as it must read.
fn rendered(text: &str) -> String {
    let mut scenario = Scenario::new(Family::Mariadb);
    let mut out = String::new();
    let mut written_by_us = false;
    for line in text.lines() {
        if line == "then" {
            let decision = scenario.decide();
            let _ = write!(out, "then\n{}", told(&decision));
            written_by_us = true;
            continue;
        }
        if written_by_us && line.starts_with("  ") {
            continue;
        }
        written_by_us = false;
        let _ = writeln!(out, "{line}");
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            scenario.line(line);
        }
    }
    out
}

#[test]
fn scenarios_decide_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 25, "only {} scenarios", paths.len());
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("readable");
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let expected = std::panic::catch_unwind(|| rendered(&text))
            .unwrap_or_else(|_| panic!("{name:?} cannot be read"));
        if expected == text {
            continue;
        }
        if update {
            fs::write(&path, expected).expect("writable");
        } else {
            wrong.push(format!("{}\n{expected}", name.unwrap_or_default()));
        }
    }
    assert!(
        wrong.is_empty(),
        "these decide otherwise:\n{}",
        wrong.join("\n")
    );
}
