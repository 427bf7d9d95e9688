//! The service manager's end of `NOTIFY_SOCKET`.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Takes the daemon's messages.
pub struct Notify {
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
    came: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Notify {
    /// Binds the socket.
    ///
    /// # Panics
    /// Where it cannot be bound.
    pub fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("bind the notify socket");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (tell, came) = watch::channel(0);
        let kept = lines.clone();
        let task = tokio::spawn(async move {
            let mut bytes = vec![0; 8192];
            while let Ok(length) = socket.recv(&mut bytes).await {
                let text =
                    String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
                let mut kept = kept.lock().expect("lock");
                kept.extend(text.lines().map(|line| (Instant::now(), line.to_owned())));
                tell.send_replace(kept.len());
            }
        });
        Self { lines, came, task }
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<(Instant, String)> {
        self.lines.lock().expect("lock").clone()
    }

    /// As many lines came so far.
    pub fn count(&self) -> usize {
        *self.came.borrow()
    }

    /// Waits for a line like this after the first `skip`; whether it came in time.
    pub async fn heard(&self, skip: usize, is: impl Fn(&str) -> bool, wait: Duration) -> bool {
        let mut came = self.came.clone();
        let found = |_: &usize| self.lines().iter().skip(skip).any(|(_, line)| is(line));
        timeout(wait, came.wait_for(found)).await.is_ok()
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        self.task.abort();
    }
}
