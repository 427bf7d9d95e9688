//! What a pair begins with: its files, read or made.

use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::error::KeepError;
use super::hands::{app_of, passwords, server_targets};
use super::shared::Shared;
use crate::act::accounts::App;
use crate::config::PairSettings;
use crate::daemon::identity::mismatch;
use crate::daemon::pair::{self, PairError};
use crate::model::action::Step;
use crate::model::causes::chain;
use crate::model::member::Both;
use crate::model::memory::Durable;
use crate::mysql::ServerTarget;
use crate::store::ledger::{Ledger, LedgerWriter};
use crate::store::slots::Slots;

/// What a pair begins with, from its files.
pub(super) struct Ground {
    pub(super) targets: Both<Arc<ServerTarget>>,
    pub(super) slots: Slots,
    pub(super) durable: Durable,
    pub(super) app: Option<App>,
    pub(super) ledger: Option<LedgerWriter<Step>>,
}

/// Reads the pair's files, or makes them, in a thread of its own: the disk may be slow, and the other pairs
/// go on.
pub(super) async fn ground(settings: &PairSettings, shared: &Shared) -> Result<Ground, KeepError> {
    let (settings, state_dir) = (settings.clone(), shared.state_dir.clone());
    let pair = settings.policy.pair.clone();
    let made = spawn_blocking(move || make_ground(&settings, &state_dir)).await;
    made.map_err(|lost| {
        KeepError::Pair(PairError::System {
            pair,
            attempted: "read the files",
            source: std::io::Error::other(lost),
        })
    })?
}

fn make_ground(settings: &PairSettings, state_dir: &Path) -> Result<Ground, KeepError> {
    let secrets = state_dir.join("secrets");
    folder(state_dir, 0o711)?;
    folder(&settings.home, 0o711)?;
    folder(&secrets, 0o700)?;
    let targets = server_targets(settings, &passwords(settings, &secrets)?);
    let (slots, durable) = remembered(settings)?;
    let app = settings.app.as_ref();
    let app = app.map(|app| app_of(app, &secrets, &settings.policy.pair));
    let ledger = begin_records(&settings.home)
        .inspect_err(|error| tracing::warn!(error, "no begin records are written"))
        .ok();
    Ok(Ground {
        targets,
        slots,
        durable,
        app: app.transpose()?,
        ledger,
    })
}

/// What the state file holds of this pair, and of no other.
fn remembered(settings: &PairSettings) -> Result<(Slots, Durable), KeepError> {
    let pair = &settings.policy.pair;
    let state = settings.home.join("state");
    let (slots, durable) = pair::open_state(pair, &state)?;
    let configured = Both::from_fn(|side| settings.policy.members[side].identity());
    if let Some(stored) = &durable.members
        && let Some(what) = mismatch(pair, &state, stored, &configured)
    {
        return Err(KeepError::OtherMembers {
            pair: pair.clone(),
            what,
        });
    }
    Ok((slots, durable))
}

fn folder(path: &Path, mode: u32) -> Result<(), KeepError> {
    crate::files::folder(path, mode, None).map_err(|source| KeepError::Folder {
        folder: path.to_owned(),
        source,
    })
}

fn begin_records(home: &Path) -> Result<LedgerWriter<Step>, String> {
    let failed = |error| tracing::warn!(error = chain(&error), "a begin record was not written");
    let ledger = Ledger::open(home).map_err(|error| chain(&error))?;
    LedgerWriter::start(ledger, failed).map_err(|error| error.to_string())
}
