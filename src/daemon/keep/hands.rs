//! What a pair's settings say, in the words of those who act on it.

use std::path::Path;
use std::sync::Arc;

use super::KeepError;
use crate::act::accounts::App;
use crate::act::hook::{HookMember, Hooks};
use crate::config::{AppSettings, PairSettings};
use crate::model::member::Both;
use crate::mysql::secrets::{Secrets, client_file};
use crate::mysql::target::{LinkTls, Peer};
use crate::mysql::{Account, ServerTarget};

/// A pair's passwords: those that the configuration gives, else made once and kept in `folder`.
pub(super) fn passwords(settings: &PairSettings, folder: &Path) -> Result<Arc<Secrets>, KeepError> {
    let pair = &settings.policy.pair;
    let kept = Secrets::load_or_create(&folder.join(format!("{pair}.json")));
    let kept = kept.map_err(|source| KeepError::Secrets {
        pair: pair.clone(),
        source,
    })?;
    Ok(Arc::new(kept.given(given(settings))))
}

pub(super) fn server_targets(
    settings: &PairSettings,
    secrets: &Arc<Secrets>,
) -> Both<Arc<ServerTarget>> {
    Both::from_fn(|side| {
        let (member, peer) = (&settings.members[side], &settings.members[side.peer()]);
        Arc::new(ServerTarget {
            name: member.name.clone(),
            family: member.server.family,
            socket: Some(member.server.socket.clone()),
            host: member.host.clone(),
            port: member.server.port,
            admin: Some(("127.0.0.1".into(), member.server.admin_port)),
            server_id: member.server.server_id,
            made_by_us: true,
            endpoint: settings
                .endpoint
                .as_ref()
                .map(|endpoint| endpoint.writer.ip()),
            peer: Peer {
                host: peer.host.clone(),
                port: peer.server.port,
                server_id: peer.server.server_id,
            },
            secrets: secrets.clone(),
            root: member.root.as_ref().map(|login| login.password.clone()),
            tls: settings.link.tls.as_ref().map(|tls| LinkTls {
                ca: tls.ca.clone(),
                identity: tls.identity.clone(),
            }),
        })
    })
}

/// Passwords that the configuration gives.
fn given(settings: &PairSettings) -> impl Iterator<Item = (Account, String)> {
    let accounts = &settings.accounts;
    [
        (Account::Monitor, &accounts.monitor),
        (Account::Manage, &accounts.manage),
        (Account::Replicate, &accounts.replicate),
    ]
    .into_iter()
    .filter_map(|(account, login)| Some((account, login.as_ref()?.password.expose().to_owned())))
}

/// The application's account; a password that was not given is made once and kept as a `[client]` file.
pub(super) fn app_of(app: &AppSettings, secrets: &Path, pair: &str) -> Result<App, KeepError> {
    let password =
        match &app.password {
            Some(password) => password.clone(),
            None => client_file(&secrets.join(format!("{pair}.app.cnf")), &app.user).map_err(
                |source| KeepError::Secrets {
                    pair: pair.to_owned(),
                    source,
                },
            )?,
        };
    Ok(App {
        user: app.user.clone(),
        host: app.host.clone(),
        password,
        schema: app.database.clone(),
    })
}

pub(super) fn hooks(settings: &PairSettings) -> Hooks {
    Hooks {
        pair: settings.policy.pair.clone(),
        members: Both::from_fn(|side| HookMember {
            name: settings.members[side].name.clone(),
            host: settings.members[side].host.clone(),
            port: settings.members[side].server.port,
        }),
        vip: settings
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.writer.ip().to_string()),
        dns_name: settings.hooks.dns_name.clone(),
        programs: settings.hooks.programs.clone(),
        gating: settings.policy.gating_hooks.clone(),
        limit: settings.hooks.timeout,
    }
}
