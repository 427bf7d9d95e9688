//! What a line carries beside its words: the link, the server's error number, transactions.

use crate::model::action::{ActionKind, Brought};
use crate::model::facts::Facts;
use crate::model::finding::{Finding, Kind};
use crate::model::gtid::GtidSet;
use crate::model::member::Side;
use crate::model::memory::Memory;
use crate::model::policy::Policy;

/// A set of transactions may be long; a field of the journal holds as many bytes of it.
const LONGEST: usize = 1024;

/// A set as text, cut where it is long.
pub(super) fn shown(set: &GtidSet) -> String {
    let mut text = set.to_string();
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push_str("...");
    }
    text
}

/// `SOURCE->REPLICA`: a link is held by its replica.
fn link(policy: &Policy, replica: Side) -> String {
    format!("{}->{}", policy.name(replica.peer()), policy.name(replica))
}

/// The link that a finding is about.
pub(super) fn link_to(policy: &Policy, finding: &Finding) -> Option<String> {
    let about = [
        Kind::LinkBroken,
        Kind::LinkConnecting,
        Kind::LinkMissing,
        Kind::LinkHeld,
        Kind::LinkQuarantined,
        Kind::ReaderLagging,
        Kind::StrayOnWriter,
    ];
    let replica = finding.side.filter(|_| about.contains(&finding.kind))?;
    Some(link(policy, replica))
}

/// The link that a step changes.
pub(super) fn link_of_step(
    policy: &Policy,
    side: Option<Side>,
    kind: ActionKind,
) -> Option<String> {
    let changes = [
        ActionKind::Point,
        ActionKind::StartReceiver,
        ActionKind::StopReceiver,
        ActionKind::StartApplier,
        ActionKind::StopApplier,
        ActionKind::SaveRelay,
    ];
    Some(link(policy, side.filter(|_| changes.contains(&kind))?))
}

/// The server's error number behind a finding.
pub(super) fn errno(facts: &Facts, finding: &Finding) -> Option<u32> {
    let member = &facts.members[finding.side?];
    let links = [Kind::LinkBroken, Kind::LinkConnecting];
    let logins = [Kind::LoginRefused, Kind::WriterRefuses];
    if links.contains(&finding.kind) {
        let link = member.server.as_ref()?.link.as_ref()?;
        let error = link.applier_error.as_ref().or(link.receiver_error.as_ref());
        error.map(|error| error.errno)
    } else if logins.contains(&finding.kind) {
        member.server_error.as_ref()?.errno
    } else {
        None
    }
}

/// The transactions that a finding is about.
pub(super) fn gtids(facts: &Facts, memory: &Memory, finding: &Finding) -> Option<String> {
    let side = finding.side?;
    if finding.kind == Kind::LinkQuarantined {
        let quarantine = memory.durable.quarantine[side].as_ref()?;
        return Some(shown(&quarantine.exclusive));
    }
    if finding.kind != Kind::TailRemoved {
        return None;
    }
    let cut = facts.members[side].work.ended.get(&ActionKind::Cut)?;
    let Ok(Brought::Removed(removed)) = &cut.result else {
        return None;
    };
    Some(shown(&removed.gtids))
}
