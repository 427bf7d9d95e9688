//! The machine itself goes down and comes back.

use std::time::Duration;

use tokio::time::Instant;

use super::trial::Trial;
use super::within;
use crate::support::Host;
use crate::support::machine::Machine;

/// A boot, and the recovery of two servers that were killed.
const BACK: Duration = Duration::from_secs(60);

/// A reboot under load: the same writer, and nothing is lost. An orderly one, twice.
pub(super) async fn reboot_under_load(host: &mut Host) {
    for table in ["reboot_first", "reboot_second"] {
        let before = host.roles().await;
        goes_down(host, table, async |machine| machine.reboot().await).await;
        assert_eq!(host.roles().await, before, "another writer");
    }
}

/// Everything dies at one moment, the daemon and its register too: whoever writes then, nothing is lost.
pub(super) async fn cut_under_load(host: &mut Host) {
    goes_down(host, "cut", async |machine| machine.cut().await).await;
}

async fn goes_down(host: &mut Host, table: &str, down: impl AsyncFnOnce(&mut Machine)) {
    let trial = Trial::begin(host, table).await;
    let at = Instant::now();
    down(host.machine.as_mut().expect("a machine")).await;
    trial.served(Instant::now(), BACK).await;
    within("down to first OK", at.elapsed(), BACK);
    trial.end(host).await;
}
