//! A bounded queue before whatever takes the log, emptied by a thread of its own: a journal or a terminal
//! that stands still must not stop the loop. What finds the queue full is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that may wait.
const QUEUE: usize = 4096;

/// How long the end of the process waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Takes what is logged, one whole line or record at a time. It may block.
pub(super) trait Sink: Send + 'static {
    /// Takes it.
    ///
    /// # Errors
    /// It was not taken, and is lost.
    fn take(&mut self, line: &[u8]) -> std::io::Result<()>;

    /// Says that so many were lost.
    ///
    /// # Errors
    /// It was not taken either.
    fn lost(&mut self, count: u64) -> std::io::Result<()>;
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    End,
}

/// Writes the last lines when dropped. Keep it until the end of the process.
#[derive(Debug)]
pub(super) struct Writing {
    writer: Option<(SyncSender<Message>, JoinHandle<()>)>,
}

/// The queue's entrance.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    to: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the thread that hands everything to `sink`.
    ///
    /// # Errors
    /// The thread could not be started.
    pub(super) fn start(mut sink: impl Sink) -> std::io::Result<(Self, Writing)> {
        let (to, from) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || empty(&from, &counter, &mut sink))?;
        let guard = Writing {
            writer: Some((to.clone(), thread)),
        };
        Ok((Self { to, lost }, guard))
    }

    /// Puts one in; it is dropped and counted where the queue is full.
    pub(super) fn put(&self, line: Vec<u8>) {
        if self.to.try_send(Message::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn empty(from: &Receiver<Message>, lost: &AtomicU64, sink: &mut impl Sink) {
    while let Ok(Message::Line(line)) = from.recv() {
        // A sink that is gone is nothing to stop for.
        if sink.take(&line).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 && sink.lost(count).is_err() {
            lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some((to, thread)) = self.writer.take() else {
            return;
        };
        // Ends behind the last line. A sink that takes nothing gets a moment and no more.
        let (told, done) = sync_channel::<()>(0);
        let waiter = std::thread::Builder::new().spawn(move || {
            let _ = to.send(Message::End);
            let _ = thread.join();
            drop(told);
        });
        if waiter.is_ok() {
            match done.recv_timeout(LAST_LINES) {
                Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
            }
        }
    }
}
