//! A pair's state file, from the start of its loop to its end.

use std::path::Path;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::PairError;
use crate::daemon::rounds::remembered;
use crate::model::memory::Durable;
use crate::store::slots::Slots;
use crate::store::writer::StoreWriter;

/// Opens a pair's state file and reads what was remembered.
///
/// # Errors
/// See [`PairError`].
pub(in crate::daemon) fn open_state(
    pair: &str,
    file: &Path,
) -> Result<(Slots, Durable), PairError> {
    let (slots, payload) = Slots::open(file).map_err(|source| PairError::State {
        pair: pair.to_owned(),
        source,
    })?;
    let (durable, distrusted) =
        remembered(payload.as_deref(), slots.may_be_old()).map_err(|source| {
            PairError::Understand {
                pair: pair.to_owned(),
                file: file.display().to_string(),
                source,
            }
        })?;
    if distrusted {
        tracing::warn!(
            pair,
            file = %file.display(),
            "one half of the state file is damaged: the reader has to prove anew that it has everything"
        );
    }
    Ok((slots, durable))
}

/// Ends the storing thread, if its disk answers within this time.
pub(super) async fn finish(writer: StoreWriter, within: Duration) {
    let finished = spawn_blocking(move || writer.finish());
    if timeout(within, finished).await.is_err() {
        tracing::error!("the state file's disk does not answer");
    }
}
