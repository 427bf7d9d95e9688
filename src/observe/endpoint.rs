//! Where the endpoint leads, and who answers there: looked at when the kernel says that something
//! changed, after each flip, and now and then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Publisher, Seen};
use crate::config::AddressSettings;
use crate::model::facts::EndpointFact;
use crate::model::member::{Both, Side};
use crate::model::time::Timestamp;
use crate::net::address::{Addresses, Cidr, Removals};
use crate::net::nft::{Change, Changes, Found, Nft, Table};

/// How often it is looked at though nothing is heard.
const EVERY: Duration = Duration::from_secs(10);
/// The same where something was wrong.
const AGAIN: Duration = Duration::from_secs(1);

/// One pair's endpoint, as its observer needs it.
#[derive(Debug)]
pub struct Target {
    /// Lists the table.
    pub nft: Arc<Nft>,
    /// The pair's table.
    pub table: Table,
    /// The port that leads to the writer.
    pub writer: SocketAddr,
    /// The port that leads to the reader.
    pub reader: Option<SocketAddr>,
    /// Where the members listen.
    pub members: Both<SocketAddr>,
    /// The address that must be held, if one must.
    pub address: Option<(Arc<Addresses>, AddressSettings)>,
}

/// Why nobody told who answers through the endpoint.
#[derive(Debug, Clone)]
pub struct Silence {
    /// Somebody answers, and refuses our account.
    pub refused: bool,
    /// In words.
    pub text: String,
}

/// Looks and publishes until nobody listens. `who` logs in at an address and asks for the
/// `server_id`; it is asked after each change of the writer's port.
pub async fn run<W, F>(
    target: Target,
    who: W,
    asked: Arc<Notify>,
    clock: fn() -> Timestamp,
    seen: Publisher,
) where
    W: Fn(SocketAddr) -> F,
    F: Future<Output = Result<u32, Silence>>,
{
    let mut ears = Ears::open(&target);
    let mut answered = None;
    let mut led_to = None;
    loop {
        let mut fact = look(&target, clock).await;
        fact.answered = answered;
        if seen.send(Seen::Endpoint(fact.clone())).is_err() {
            return;
        }
        if fact.writer.is_some() && fact.writer != led_to {
            led_to = fact.writer;
            let at = clock();
            let answer = tokio::select! {
                answer = who(target.writer) => answer,
                // Nobody answers at an address that was just taken away: that is not waited for.
                () = ears.hear(&target) => {
                    led_to = None;
                    continue;
                }
            };
            match answer {
                Ok(server_id) => answered = Some((server_id, at)),
                Err(why) => {
                    fact.error = Some(match why.refused {
                        true => format!("{} refuses us: {}", target.writer, why.text),
                        false => format!("nobody answers through {}: {}", target.writer, why.text),
                    });
                    fact.refused = why.refused;
                    led_to = None;
                }
            }
            fact.answered = answered;
            if seen.send(Seen::Endpoint(fact.clone())).is_err() {
                return;
            }
        }
        let pause = fact.error.as_ref().map_or(EVERY, |_| AGAIN);
        tokio::select! {
            () = asked.notified() => {}
            () = ears.hear(&target) => {}
            () = sleep(pause) => {}
            () = seen.closed() => return,
        }
    }
}

async fn look(target: &Target, clock: fn() -> Timestamp) -> EndpointFact {
    let mut fact = EndpointFact {
        at: clock(),
        address: true,
        ..EndpointFact::default()
    };
    match target.nft.read(&target.table).await {
        Ok(Some(found)) if found.intact => {
            fact.writer = led_side(target, &found, target.writer);
            fact.reader = target.reader.and_then(|at| led_side(target, &found, at));
        }
        Ok(_) => {}
        Err(error) => fact.error = Some(error.to_string()),
    }
    if let Some((addresses, address)) = &target.address {
        let cidr = Cidr {
            ip: address.address,
            prefix: address.prefix,
        };
        match addresses.present(&address.interface, cidr).await {
            Ok(present) => fact.address = present,
            Err(error) => fact.error = Some(error.to_string()),
        }
    }
    fact
}

/// The member that an entry of the table leads to.
fn led_side(target: &Target, found: &Found, at: SocketAddr) -> Option<Side> {
    let to = found.entries.get(&at)?;
    target
        .members
        .iter()
        .find(|(_, member)| *member == to)
        .map(|(side, _)| side)
}

/// The kernel's events.
struct Ears {
    rules: Option<Changes>,
    addresses: Option<Removals>,
}

impl Ears {
    fn open(target: &Target) -> Self {
        let rules = Changes::watch()
            .inspect_err(|error| tracing::warn!(%error, "changes of nftables are not heard"))
            .ok();
        let addresses = target.address.as_ref().and_then(|_| {
            Removals::watch()
                .inspect_err(|error| tracing::warn!(%error, "removals of addresses are not heard"))
                .ok()
        });
        Self { rules, addresses }
    }

    /// Waits until something happened that may concern this endpoint and was not done by ourselves.
    async fn hear(&mut self, target: &Target) {
        loop {
            let rules = async {
                match &mut self.rules {
                    Some(changes) => changes.next().await.ok(),
                    None => std::future::pending().await,
                }
            };
            let addresses = async {
                match &mut self.addresses {
                    Some(removals) => removals.next().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = rules => match change {
                    Some(Change::Tables { tables, pid, .. }) => {
                        let ours = target.nft.pid() == Some(pid);
                        if tables.contains(target.table.as_str()) && !ours {
                            return;
                        }
                    }
                    Some(Change::Lost) => return,
                    None => {
                        self.rules = Changes::watch().ok();
                        return;
                    }
                },
                heard = addresses => {
                    if !heard {
                        self.addresses = Removals::watch().ok();
                    }
                    return;
                }
            }
        }
    }
}
