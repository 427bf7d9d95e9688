//! How a unit's main process ended, which only root could read from `/proc`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::bus::Systemd;
use crate::model::incarnation::Incarnation;
use crate::model::process::Ended;
use crate::runtime::death;

/// systemd collects a dead process within a moment; as often it is asked.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(10);

/// Tells how this life of a unit's main process ended, once it has.
pub fn of(
    systemd: Arc<Systemd>,
    unit: String,
    life: &Incarnation,
) -> watch::Receiver<Option<Ended>> {
    let (told, ended) = watch::channel(None);
    let pid = life.pid;
    tokio::spawn(async move {
        tokio::select! {
            () = death::over(pid) => {}
            () = told.closed() => return,
        }
        for _ in 0..TRIES {
            match systemd.how_ended(&unit, pid).await {
                Ok(Some(ended)) => {
                    let _ = told.send(Some(ended));
                    return;
                }
                Ok(None) => sleep(BETWEEN).await,
                Err(error) => {
                    tracing::debug!(%error, unit, "how it ended is not known");
                    return;
                }
            }
        }
    });
    ended
}
