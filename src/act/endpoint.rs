//! Where the endpoint leads: the redirect's entries, the address, its announcements.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::config::{AddressSettings, EndpointSettings};
use crate::model::action::{ActionError, Brought};
use crate::model::causes::chain;
use crate::model::member::{Both, Side};
use crate::net::address::{Addresses, Cidr};
use crate::net::announce::{self, Announced};
use crate::net::claim::Claim;
use crate::net::nft::{Nft, NftError, Rules, Table};

/// Announcements may be lost or believed late, so they are repeated at these distances, then every minute.
const ANNOUNCE_AFTER_MS: [u64; 7] = [0, 50, 100, 350, 500, 1_000, 3_000];
const ANNOUNCE_EVERY: Duration = Duration::from_secs(60);

/// What is done to one pair's endpoint.
#[derive(Debug)]
pub struct EndpointHands {
    _claim: Claim,
    nft: Arc<Nft>,
    addresses: Option<Arc<Addresses>>,
    table: Table,
    settings: EndpointSettings,
    members: Both<SocketAddr>,
    announcing: Mutex<Option<JoinHandle<()>>>,
    /// How often it was announced.
    announced: Arc<AtomicU64>,
}

impl Drop for EndpointHands {
    /// Who does not lead the pair any more announces nothing of it.
    fn drop(&mut self) {
        let announcing = self.announcing.get_mut();
        if let Some(task) = announcing.unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl EndpointHands {
    /// The hands for an endpoint that leads to `members`.
    pub fn new(
        claim: Claim,
        nft: Arc<Nft>,
        addresses: Option<Arc<Addresses>>,
        table: Table,
        settings: EndpointSettings,
        members: Both<SocketAddr>,
        announced: Arc<AtomicU64>,
    ) -> Self {
        Self {
            _claim: claim,
            nft,
            addresses,
            table,
            settings,
            members,
            announcing: Mutex::new(None),
            announced,
        }
    }

    /// Leads the ports to these members. The new writer gets the address before anything is announced.
    pub async fn route(&self, writer: Side, reader: Side) -> Result<Brought, ActionError> {
        self.redirect(writer, reader)
            .await
            .map_err(|error| ActionError::Failed(chain(&error)))?;
        if let Some(address) = &self.settings.address {
            self.hold(address).await?;
        }
        Ok(Brought::Nothing)
    }

    /// Two flips, which lead clients at once; then the whole table is read back, and made anew where
    /// something of it is missing: a flip succeeds in a table without rules.
    async fn redirect(&self, writer: Side, reader: Side) -> Result<(), NftError> {
        let flipped = self
            .nft
            .flip(&self.table, self.settings.writer, self.members[writer])
            .await;
        let flipped = match (flipped, self.settings.reader) {
            (Ok(()), Some(at)) => self.nft.flip(&self.table, at, self.members[reader]).await,
            (flipped, _) => flipped,
        };
        match flipped {
            Ok(()) | Err(NftError::NoTable { .. }) => self.restore(writer, reader).await,
            other => other,
        }
    }

    async fn restore(&self, writer: Side, reader: Side) -> Result<(), NftError> {
        let mut entries = vec![(self.settings.writer, self.members[writer])];
        entries.extend(self.settings.reader.map(|at| (at, self.members[reader])));
        let rules = Rules::new(self.table.clone(), entries)?;
        self.nft.ensure(&rules).await.map(drop)
    }

    async fn hold(&self, address: &AddressSettings) -> Result<(), ActionError> {
        let Some(addresses) = &self.addresses else {
            return Ok(());
        };
        let cidr = Cidr {
            ip: address.address,
            prefix: address.prefix,
        };
        addresses
            .add(&address.interface, cidr)
            .await
            .map_err(|error| ActionError::Failed(chain(&error)))?;
        let announcing = tokio::spawn(announce_again_and_again(
            address.clone(),
            self.announced.clone(),
        ));
        let before = self
            .announcing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(announcing);
        if let Some(before) = before {
            before.abort();
        }
        Ok(())
    }

    /// Takes the redirect away: for a clean stop, where that is asked for.
    ///
    /// # Errors
    /// nft's.
    pub async fn remove(&self) -> Result<(), NftError> {
        self.nft.remove(&self.table).await
    }
}

async fn announce_again_and_again(address: AddressSettings, announced: Arc<AtomicU64>) {
    let early = ANNOUNCE_AFTER_MS.into_iter().map(Duration::from_millis);
    for wait in early.chain(std::iter::repeat(ANNOUNCE_EVERY)) {
        sleep(wait).await;
        match announce::announce(&address.interface, address.address) {
            Ok(Announced::NoNeighbours) => {}
            Ok(Announced::Sent) => {
                announced.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(
                error = chain(&error),
                "cannot announce the endpoint's address"
            ),
        }
    }
}
