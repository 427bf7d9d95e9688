//! Whom and what a command means: members by name, threads, holds; a reason that can be shown.

use super::PairHandle;
use super::fault::{Fault, failed, unknown};
use crate::control::commands::Failure;
use crate::model::member::{Both, Side};
use crate::model::request::{Thread, Verb};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

pub(super) fn side(handle: &PairHandle, member: &str) -> Result<Side, Fault> {
    let found = Side::BOTH
        .into_iter()
        .find(|side| handle.members[*side] == member);
    found.ok_or_else(|| {
        let Both { a, b } = &handle.members;
        unknown(format!("no member `{member}`; there is: {a}, {b}"))
    })
}

/// The member named, or the one that is not the register's writer.
pub(super) fn member_or_reader(handle: &PairHandle, member: Option<String>) -> Result<Side, Fault> {
    if let Some(member) = member {
        return side(handle, &member);
    }
    match handle.report.borrow().writer.as_deref() {
        Some(writer) => side(handle, writer).map(Side::peer),
        None => Err(unknown(
            "no writer was chosen yet: name the member".to_owned(),
        )),
    }
}

/// A reason is stored with the register and shown in every list: one short line.
pub(super) fn reason_of(reason: String) -> Result<String, Fault> {
    if reason.chars().count() <= LONGEST_REASON && !reason.contains(char::is_control) {
        return Ok(reason);
    }
    Err(failed(
        Failure::Malformed,
        format!("a reason is one line of at most {LONGEST_REASON} characters"),
    ))
}

pub(super) fn threads(only: Option<Thread>) -> impl Iterator<Item = Thread> {
    [Thread::Receiver, Thread::Applier]
        .into_iter()
        .filter(move |thread| only.is_none_or(|only| only == *thread))
}

/// A release for each hold that is there and meant; for a thread named in full, whether held or not.
pub(super) fn releases(
    handle: &PairHandle,
    member: Option<&str>,
    thread: Option<Thread>,
) -> Result<Vec<Verb>, Fault> {
    let only = member.map(|member| side(handle, member)).transpose()?;
    if let (Some(side), Some(thread)) = (only, thread) {
        return Ok(vec![Verb::Release { side, thread }]);
    }
    let report = handle.report.borrow();
    let mut verbs = Vec::new();
    for side in Side::BOTH
        .into_iter()
        .filter(|side| only.is_none_or(|o| o == *side))
    {
        let of = report
            .members
            .iter()
            .find(|m| m.name == handle.members[side]);
        let held = of.map(|member| member.holds.as_slice()).unwrap_or_default();
        let meant = threads(thread).filter(|thread| held.iter().any(|h| h.thread == *thread));
        verbs.extend(meant.map(|thread| Verb::Release { side, thread }));
    }
    Ok(verbs)
}
