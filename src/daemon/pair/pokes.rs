//! How observers are asked to look at once.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::model::member::Both;

/// How a pair's observers are asked to look at once.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Pokes {
    pub(in crate::daemon) members: Both<MemberPokes>,
    pub(in crate::daemon) endpoint: Arc<Notify>,
}

/// How one member's observers are asked to look at once.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct MemberPokes {
    pub(in crate::daemon) look: Arc<Notify>,
    pub(in crate::daemon) instance: Arc<Notify>,
}
