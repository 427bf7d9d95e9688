//! A server is started, and waited for until it answers, it and nobody else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Done, InstanceHands};
use crate::model::action::{ActionError, Brought};
use crate::model::incarnation::Incarnation;
use crate::model::process::Ended;

/// A started server that neither ends nor answers for this long is taken as recovering.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How often a server that starts is called.
const CALL_EVERY: Duration = Duration::from_millis(10);

impl InstanceHands {
    /// Starts the server, and waits until it answers at its socket or ends.
    pub async fn start(self: &Arc<Self>) -> Done {
        let (life, ended) = match &self.units {
            Some(units) => self.start_unit(units).await?,
            None => self.start_process().await?,
        };
        // Goes on while the server recovers.
        let first = tokio::spawn(self.clone().first_answer(life, ended));
        match timeout(ANSWERS_WITHIN, first).await {
            Ok(Ok(done)) => done,
            Ok(Err(lost)) => Err(ActionError::Failed(lost.to_string())),
            Err(_) => Ok(Brought::Nothing),
        }
    }

    /// Somebody may have started the server at the same moment, and have been first: ours is ended then, as
    /// whoever takes its process for the server would fence the wrong one.
    async fn first_answer(
        self: Arc<Self>,
        life: Incarnation,
        mut ended: watch::Receiver<Option<Ended>>,
    ) -> Done {
        let socket = &self.member.server.socket;
        let answering = tokio::select! {
            Ok(how) = ended.wait_for(Option::is_some) => {
                let how = *how;
                // Its last words are looked at with its files.
                let text = format!("the server {} ended at its start ({how:?})", life.pid);
                return Err(ActionError::Failed(text));
            }
            answering = answering(socket) => answering,
        };
        match answering.filter(|pid| *pid != life.pid) {
            None => Ok(Brought::Nothing),
            Some(other) => {
                self.kill(&life).await?;
                Err(ActionError::Failed(format!(
                    "process {other} answers at {} in place of the started {}, which was ended",
                    socket.display(),
                    life.pid
                )))
            }
        }
    }
}

/// Calls until somebody answers; the process that does, where the kernel tells.
async fn answering(socket: &Path) -> Option<i32> {
    loop {
        if let Ok(stream) = UnixStream::connect(socket).await {
            let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
            // One of another namespace has no number here.
            return pid.filter(|pid| *pid > 0);
        }
        sleep(CALL_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_answers_is_told_as_soon_as_somebody_does() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("mysqld.sock");
        let called = tokio::spawn({
            let socket = socket.clone();
            async move { answering(&socket).await }
        });
        tokio::task::yield_now().await;
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(called.await.unwrap(), Some(own));
    }
}
