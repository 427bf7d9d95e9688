//! Lists of sessions for `processlist`, asked of both servers beside the loop.

use tokio::sync::mpsc;

use crate::act::{Actor, ServerHandle};
use crate::control::desk::AskedSessions;
use crate::control::report::{MemberSessions, SessionReport};
use crate::model::member::Both;
use crate::model::policy::Policy;
use crate::mysql::sessions::{self, Listed};

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

async fn list(server: &ServerHandle) -> Result<Vec<SessionReport>, String> {
    let limit = crate::act::handle::LIMIT;
    let mut session = server.session().await.map_err(|error| error.chain())?;
    let listed = sessions::list(&mut session, limit)
        .await
        .map_err(|error| error.chain())?;
    let report = |session: Listed| SessionReport {
        id: session.id,
        user: session.user,
        host: session.host,
        db: session.db,
        command: session.command,
        time: session.time,
        state: session.state,
        info: session.info,
    };
    Ok(listed.into_iter().map(report).collect())
}
