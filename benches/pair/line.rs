//! A line of the daemon's log, as JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// A line of a time line is no longer.
const WIDTH: usize = 100;

/// What a time line needs of one.
pub(crate) struct Line {
    /// When, by the calendar.
    pub(crate) at: SystemTime,
    message: String,
    event: String,
    step: String,
    member: Option<String>,
}

impl Line {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(text).ok()?;
        let field = |name: &str| line[name].as_str().map(str::to_owned);
        Some(Self {
            at: moment(line["timestamp"].as_str()?)?,
            message: field("message").unwrap_or_default(),
            event: field("dualmaster_event").unwrap_or_default(),
            step: field("dualmaster_step").unwrap_or_default(),
            member: field("dualmaster_member"),
        })
    }

    /// A step at a member, or of the pair, was begun.
    pub(crate) fn begun(&self, step: &str, member: Option<&str>) -> bool {
        self.event == "step_begun" && self.is(step, member)
    }

    /// It ended.
    pub(crate) fn ended(&self, step: &str, member: Option<&str>) -> bool {
        self.event == "step_ended" && self.is(step, member)
    }

    fn is(&self, step: &str, member: Option<&str>) -> bool {
        self.step == step && self.member.as_deref() == member
    }

    /// The kernel says that the member's process is ending.
    pub(crate) fn is_death_of(&self, member: &str) -> bool {
        let seen = format!("seen process {} ", member.to_uppercase());
        let state = self.message.strip_prefix(&seen);
        state.is_some_and(|state| matches!(state, "Exiting" | "Gone"))
    }

    /// The core has decided that the writer moves: everything is drained.
    pub(crate) fn is_move(&self) -> bool {
        self.event == "writer_moved"
    }

    /// The state file holds what was last handed to it.
    pub(crate) fn is_stored(&self) -> bool {
        self.message.starts_with("stored ")
    }

    /// What a person wants to read of it; nothing where it only repeats that all is well.
    pub(crate) fn words(&self) -> Option<String> {
        let told = !self.event.is_empty()
            || self.is_stored()
            || self.message.starts_with("seen process")
            || self.message.starts_with("seen look")
            || self.message == "seen endpoint";
        let member = self.member.as_ref().map(|member| format!("{member}: "));
        let text = format!("{}{}", member.unwrap_or_default(), self.message);
        told.then(|| text.chars().take(WIDTH).collect())
    }
}

/// The first line from a moment on that fits.
pub(crate) fn find(lines: &[(f64, Line)], from: f64, fits: impl Fn(&Line) -> bool) -> Option<f64> {
    let found = lines.iter().find(|(at, line)| *at >= from && fits(line));
    found.map(|(at, _)| *at)
}

/// The last one before it.
pub(crate) fn find_last(
    lines: &[(f64, Line)],
    before: f64,
    fits: impl Fn(&Line) -> bool,
) -> Option<f64> {
    let found = lines.iter().rfind(|(at, line)| *at <= before && fits(line));
    found.map(|(at, _)| *at)
}

/// `2026-11-30T21:01:49.123456Z`.
fn moment(text: &str) -> Option<SystemTime> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let nanos = u64::try_from(at.as_nanosecond()).ok()?;
    Some(UNIX_EPOCH + Duration::from_nanos(nanos))
}
