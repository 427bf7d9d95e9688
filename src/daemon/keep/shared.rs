//! What all pairs share.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::config::Settings;
use crate::daemon::systemd::Notify;
use crate::daemon::tell::Statuses;
use crate::model::causes::chain;
use crate::net::address::Addresses;
use crate::net::nft::Nft;
use crate::runtime::systemd::bus::Systemd;

/// How long nft may take for one answer on the failover path before it is replaced.
const NFT_LIMIT: Duration = Duration::from_millis(500);

/// What all pairs share.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Shared {
    pub(in crate::daemon) state_dir: PathBuf,
    pub(in crate::daemon) run_dir: PathBuf,
    pub(in crate::daemon) nft: Option<Arc<Nft>>,
    pub(in crate::daemon) addresses: Option<Arc<Addresses>>,
    pub(in crate::daemon) systemd: Arc<Systemd>,
    pub(in crate::daemon) notify: Arc<Notify>,
    pub(in crate::daemon) statuses: Statuses,
    /// Why the newest configuration is not in force.
    pub(in crate::daemon) refused: watch::Sender<Option<String>>,
}

impl Shared {
    /// Starts what a pair of these settings needs and none needed before: one `nft` serves all pairs, and
    /// none is started where nobody has an endpoint. A pair that has to do without says so itself.
    pub(in crate::daemon) async fn tools(&mut self, settings: &Settings) {
        let endpoints = || {
            let pairs = settings.pairs.values();
            pairs.filter_map(|pair| pair.endpoint.as_ref())
        };
        if self.nft.is_none() && endpoints().next().is_some() {
            match Nft::start(NFT_LIMIT).await {
                Ok(nft) => self.nft = Some(Arc::new(nft)),
                Err(error) => tracing::error!("nftables cannot be used: {}", chain(&error)),
            }
        }
        let wants_address = endpoints().any(|endpoint| endpoint.address.is_some());
        if self.addresses.is_none() && wants_address {
            match Addresses::start() {
                Ok(addresses) => self.addresses = Some(Arc::new(addresses)),
                Err(error) => tracing::error!("addresses cannot be managed: {}", chain(&error)),
            }
        }
    }

    /// Nothing is told of this pair any more.
    pub(super) fn forget(&self, pair: &str) {
        self.notify.forget(pair);
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.remove(pair);
    }
}
