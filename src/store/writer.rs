//! The thread that owns the state file, so that an fdatasync never holds up the loop.
//!
//! Only the newest waiting payload is written: each is the whole memory, so a newer one makes every
//! older one needless. A completion with token N therefore stands for all submissions up to N.

use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::slots::{Slots, SlotsError};

/// The answer to the newest of the submissions that were waiting together.
#[derive(Debug)]
pub struct Stored {
    /// The token of the submission that was written; older ones without an answer are part of it.
    pub token: u64,
    /// `Ok` once it is durable. After an error the next submission tries again.
    pub result: Result<(), SlotsError>,
}

/// The loop's end of the writing thread.
///
/// Dropping it lets the thread write what waits and end by itself; [`StoreWriter::finish`] waits for
/// that.
#[derive(Debug)]
pub struct StoreWriter {
    waiting: mpsc::Sender<Submission>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Submission {
    token: u64,
    payload: Vec<u8>,
}

impl StoreWriter {
    /// Starts the thread, which owns `slots` from here on. Answers come from the receiver, in the
    /// order of their tokens.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(slots: Slots) -> io::Result<(Self, UnboundedReceiver<Stored>)> {
        let (waiting, submissions) = mpsc::channel();
        let (answers, stored) = unbounded_channel();
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || write_all(slots, &submissions, &answers))?;
        Ok((Self { waiting, thread }, stored))
    }

    /// Hands over the memory to be stored under `token`, which grows with each call. Returns at once.
    pub fn submit(&self, token: u64, payload: Vec<u8>) {
        // The thread ends only after this sender is gone, so there is always somebody to receive.
        let _ = self.waiting.send(Submission { token, payload });
    }

    /// Waits until what was submitted has been tried, and ends the thread.
    pub fn finish(self) {
        drop(self.waiting);
        let _ = self.thread.join();
    }
}

fn write_all(
    mut slots: Slots,
    submissions: &mpsc::Receiver<Submission>,
    answers: &UnboundedSender<Stored>,
) {
    while let Ok(oldest) = submissions.recv() {
        let newest = submissions.try_iter().last().unwrap_or(oldest);
        let result = slots.store(&newest.payload);
        // Nobody listens any more when the loop has ended; what waits is written all the same.
        let _ = answers.send(Stored {
            token: newest.token,
            result,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::slots::MAX_PAYLOAD;

    #[test]
    fn each_answer_stands_for_what_was_submitted_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let (slots, _) = Slots::open(&path).unwrap();
        let (writer, mut answers) = StoreWriter::start(slots).unwrap();
        for token in 1..=500u64 {
            writer.submit(token, token.to_le_bytes().to_vec());
        }
        let mut last = 0;
        let mut count = 0;
        while last < 500 {
            let stored = answers.blocking_recv().unwrap();
            assert!(stored.token > last);
            stored.result.unwrap();
            last = stored.token;
            count += 1;
        }
        assert!(count <= 500, "{count} writes for 500 submissions");
        assert_eq!(
            Slots::open(&path).unwrap().1,
            Some(500u64.to_le_bytes().to_vec())
        );
    }

    #[test]
    fn submissions_that_wait_together_cost_one_write() {
        let directory = tempfile::tempdir().unwrap();
        let (slots, _) = Slots::open(&directory.path().join("state")).unwrap();
        let (waiting, submissions) = mpsc::channel();
        let (answers, mut stored) = unbounded_channel();
        for token in 1..=3 {
            waiting
                .send(Submission {
                    token,
                    payload: vec![],
                })
                .unwrap();
        }
        drop(waiting);
        write_all(slots, &submissions, &answers);
        drop(answers);
        assert_eq!(stored.blocking_recv().unwrap().token, 3);
        assert!(stored.blocking_recv().is_none());
    }

    #[test]
    fn a_failure_is_an_answer_and_the_next_one_is_tried() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let (slots, _) = Slots::open(&path).unwrap();
        let (writer, mut answers) = StoreWriter::start(slots).unwrap();
        writer.submit(1, vec![0; MAX_PAYLOAD + 1]);
        let first = answers.blocking_recv().unwrap();
        assert!(matches!(first.result, Err(SlotsError::TooLarge { .. })));
        writer.submit(2, b"fits".to_vec());
        assert!(answers.blocking_recv().unwrap().result.is_ok());
        writer.submit(3, b"last words".to_vec());
        writer.finish();
        assert_eq!(Slots::open(&path).unwrap().1, Some(b"last words".to_vec()));
    }
}
