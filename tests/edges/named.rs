//! Waits for what the daemon names.

use std::time::Duration;

use dualmasterd::control::report::PairReport;

use crate::support::Host;

/// Longer than the pause after a third start in vain.
const LONG: Duration = Duration::from_secs(60);

/// Waits for a finding at a member; its detail.
pub(super) async fn named(host: &Host, kind: &str, member: &str) -> String {
    named_with(host, kind, member, "").await
}

/// Waits for a finding at a member whose detail has this part; the detail.
pub(super) async fn named_with(host: &Host, kind: &str, member: &str, part: &str) -> String {
    let found = |report: &PairReport| {
        let found = report.findings.iter().find(|finding| {
            finding.kind == kind
                && finding.member.as_deref() == Some(member)
                && finding.detail.contains(part)
        });
        found.map(|finding| finding.detail.clone())
    };
    let what = format!("{kind} at {member}, {part:?}");
    let report = host
        .until(&what, LONG, |report| found(report).is_some())
        .await;
    found(&report).unwrap_or_default()
}

/// Waits until no finding of this kind is left.
pub(super) async fn until_no(host: &Host, kind: &str) {
    let gone = |report: &PairReport| report.findings.iter().all(|finding| finding.kind != kind);
    host.until(&format!("no {kind}"), LONG, gone).await;
}
