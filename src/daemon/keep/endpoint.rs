//! A pair's endpoint: who leads it, and who looks at it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{KeepError, Shared};
use crate::act::endpoint::EndpointHands;
use crate::config::{EndpointSettings, PairSettings};
use crate::control::meters::Meters;
use crate::daemon::clock;
use crate::daemon::pair::Pokes;
use crate::model::member::{Both, Side};
use crate::mysql::{ServerTarget, Session};
use crate::net::claim::{self, Claim, ClaimError};
use crate::net::nft::Table;
use crate::observe::{Publisher, endpoint};

/// The endpoint's hands and its observer.
pub(super) fn lead(
    settings: &PairSettings,
    endpoint_settings: &EndpointSettings,
    shared: &Shared,
    targets: &Both<Arc<ServerTarget>>,
    pokes: &Pokes,
    meters: &Meters,
    seen: &Publisher,
) -> Result<(EndpointHands, JoinHandle<()>), KeepError> {
    let pair = settings.policy.pair.clone();
    let claim = claim(&pair, &shared.run_dir).map_err(|source| KeepError::Claim {
        pair: pair.clone(),
        source,
    })?;
    let table = Table::of_pair(&pair).map_err(|_| KeepError::Nft { pair: pair.clone() })?;
    let nft = shared
        .nft
        .clone()
        .ok_or_else(|| KeepError::Nft { pair: pair.clone() })?;
    if endpoint_settings.address.is_some() && shared.addresses.is_none() {
        return Err(KeepError::Addresses { pair });
    }
    let members = Both::from_fn(|side| member_address(settings, endpoint_settings, side));
    let address = endpoint_settings
        .address
        .clone()
        .zip(shared.addresses.clone());
    let observed = endpoint::Target {
        nft: nft.clone(),
        table: table.clone(),
        writer: endpoint_settings.writer,
        reader: endpoint_settings.reader,
        members,
        address: address.map(|(address, addresses)| (addresses, address)),
    };
    let target = targets.a.clone();
    let who = move |at: SocketAddr| {
        let target = Arc::new(target.at(at));
        async move {
            let who = Session::who(&target).await;
            who.map_err(|error| endpoint::Silence {
                refused: error.is_access_denied(),
                text: error.chain(),
            })
        }
    };
    let observer = tokio::spawn(endpoint::run(
        observed,
        who,
        pokes.endpoint.clone(),
        clock::now,
        seen.clone(),
    ));
    let hands = EndpointHands::new(
        claim,
        nft,
        shared.addresses.clone(),
        table,
        endpoint_settings.clone(),
        members,
        meters.announced.clone(),
    );
    Ok((hands, observer))
}

/// Claims the pair's name where every daemon of the host does; one of another account in a folder of its
/// own.
fn claim(pair: &str, run_dir: &Path) -> Result<Claim, ClaimError> {
    match Claim::take(Path::new(claim::FOLDER), pair) {
        Err(error) if error.is_denied() => Claim::take(run_dir, pair),
        claimed => claimed,
    }
}

/// Where a redirected client finds a member: at the endpoint's own address where that is this host's
/// outside address, since a packet from outside cannot be led to loopback.
fn member_address(settings: &PairSettings, endpoint: &EndpointSettings, side: Side) -> SocketAddr {
    let member = &settings.members[side];
    let host = member
        .host
        .parse::<IpAddr>()
        .unwrap_or_else(|_| endpoint.writer.ip());
    let at_endpoint = host.is_loopback() && !endpoint.writer.ip().is_loopback();
    let ip = if at_endpoint {
        endpoint.writer.ip()
    } else {
        host
    };
    SocketAddr::new(ip, member.server.port)
}
