//! The right to write.

use serde::{Deserialize, Serialize};

use super::incarnation::Incarnation;
use super::member::Side;

/// Who may be opened, since which epoch, and which life of the standby may take over.
///
/// It changes only by compare-and-swap: each new value is stored durably before a server is opened or
/// a commit may go unacknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Register {
    /// Rises by one with every change of the writer.
    pub epoch: u64,
    /// The one member that may be open.
    pub writer: Side,
    /// The standby's life that has everything acknowledged; `None`: nobody may take over unproven.
    pub in_sync: Option<Incarnation>,
}

impl Register {
    /// The register after an unplanned promotion: the survivor starts alone.
    pub fn promoted(&self, to: Side) -> Self {
        Self {
            epoch: self.epoch + 1,
            writer: to,
            in_sync: None,
        }
    }

    /// The register after a planned switchover: the old writer is the standby and has everything.
    pub fn switched(&self, to: Side, old_writer: Incarnation) -> Self {
        Self {
            epoch: self.epoch + 1,
            writer: to,
            in_sync: Some(old_writer),
        }
    }
}
