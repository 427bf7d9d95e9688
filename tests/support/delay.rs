//! How long this machine did not run the test itself: so much later may anything else be, and no fault.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The time between two looks at the clock.
const TICK: Duration = Duration::from_millis(5);
/// What timers and other tasks of the test cost.
const USUAL: Duration = Duration::from_millis(3);

/// Measures it, from its start on.
pub struct Delay {
    total: Arc<Mutex<Duration>>,
    task: JoinHandle<()>,
}

impl Delay {
    /// Begins.
    pub fn start() -> Self {
        let total = Arc::new(Mutex::new(Duration::ZERO));
        let kept = total.clone();
        let task = tokio::spawn(async move {
            loop {
                let before = Instant::now();
                sleep(TICK).await;
                let late = before.elapsed().saturating_sub(TICK + USUAL);
                *kept.lock().expect("lock") += late;
            }
        });
        Self { total, task }
    }

    /// In all, so far.
    pub fn so_far(&self) -> Duration {
        *self.total.lock().expect("lock")
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
