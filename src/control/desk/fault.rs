//! Why there is no answer.

use crate::control::access::{GROUP, Peer};
use crate::control::commands::{Answer, Failure};

/// Why there is no answer: becomes [`Answer::Failed`].
pub(in crate::control) struct Fault {
    pub(in crate::control) code: Failure,
    pub(in crate::control) text: String,
}

impl From<Fault> for Answer {
    fn from(Fault { code, text }: Fault) -> Self {
        Self::Failed { code, text }
    }
}

pub(super) fn failed(code: Failure, text: String) -> Fault {
    Fault { code, text }
}

pub(super) fn unknown(text: String) -> Fault {
    failed(Failure::Unknown, text)
}

pub(super) fn silent(whom: &str) -> Fault {
    failed(
        Failure::Unavailable,
        format!("{whom} did not answer: see `journalctl -u dualmasterd`"),
    )
}

pub(super) fn denied(peer: Peer) -> Fault {
    failed(
        Failure::Denied,
        format!(
            "uid {} may only look: be root or a member of the group `{}`",
            peer.uid, GROUP
        ),
    )
}
