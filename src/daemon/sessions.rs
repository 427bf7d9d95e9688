//! Lists of sessions for `processlist`, asked of both servers beside the loop.

use tokio::sync::mpsc;

use crate::act::handle::LIMIT;
use crate::act::{Actor, ServerHandle};
use crate::control::desk::AskedSessions;
use crate::control::report::MemberSessions;
use crate::model::member::Both;
use crate::model::policy::Policy;
use crate::model::session::ListedSession;
use crate::mysql::sessions;

/// Lists of sessions are asked for beside the loop.
pub(super) async fn answer_sessions(
    actor: Actor,
    policy: Policy,
    mut asked: mpsc::Receiver<AskedSessions>,
) {
    while let Some(asked) = asked.recv().await {
        let servers = &actor.hands().servers;
        let (a, b) = tokio::join!(list(&servers.a), list(&servers.b));
        let lists = Both { a, b }.map(|side, sessions| MemberSessions {
            member: policy.name(side).to_owned(),
            sessions,
        });
        let _ = asked.reply.send(vec![lists.a, lists.b]);
    }
}

async fn list(server: &ServerHandle) -> Result<Vec<ListedSession>, String> {
    let mut session = server.session().await.map_err(|error| error.chain())?;
    let listed = sessions::list(&mut session, LIMIT).await;
    listed.map_err(|error| error.chain())
}
