//! Looks at both members and at the daemon all the time: two writers would be seen.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dualmasterd::control::commands::{Answer, Command};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Host;
use super::host::LOOKER;
use super::settings::PAIR;
use super::{sql, words};

const INTERVAL: Duration = Duration::from_millis(20);
/// A frozen server does not answer; it does not write either.
const ANSWER: Duration = Duration::from_millis(100);

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// As many times both members were asked.
    pub samples: u32,
    /// As many times both accepted writes at one moment.
    pub both_writable: u32,
    /// The writer of each epoch, by the daemon's words.
    pub epochs: BTreeMap<u64, String>,
    /// Two writers of one epoch.
    pub contradictions: Vec<String>,
}

/// The task that looks.
pub struct Sampler {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Sampler {
    /// Starts to look.
    pub fn start(host: &Host) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut members = ["a", "b"].map(|name| Member {
            opts: sql::local(&host.socket(name), LOOKER),
            conn: None,
        });
        let control = host.control();
        let kept = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                // The first is asked again: what it said twice was true while the second answered.
                let [first, second] = &mut members;
                let both = first.is_writable().await
                    && second.is_writable().await
                    && first.is_writable().await;
                let report = report(&control).await;
                kept.lock().expect("lock").note(both, report);
                sleep(INTERVAL).await;
            }
        });
        Self { seen, task }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("lock").clone()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn note(&mut self, both: bool, report: Option<(u64, String)>) {
        self.samples += 1;
        self.both_writable += u32::from(both);
        let Some((epoch, writer)) = report else {
            return;
        };
        let known = self.epochs.entry(epoch).or_insert_with(|| writer.clone());
        if *known != writer {
            let text = format!("epoch {epoch}: {known} and {writer}");
            self.contradictions.push(text);
        }
    }
}

struct Member {
    opts: Opts,
    conn: Option<Conn>,
}

impl Member {
    async fn is_writable(&mut self) -> bool {
        let answer = timeout(ANSWER, self.ask()).await;
        match answer {
            Ok(Some(read_only)) => read_only == "0",
            Ok(None) | Err(_) => {
                self.conn = None;
                false
            }
        }
    }

    async fn ask(&mut self) -> Option<String> {
        if self.conn.is_none() {
            self.conn = Some(sql::connect(&self.opts).await.ok()?);
        }
        let conn = self.conn.as_mut()?;
        conn.query_first("SELECT CAST(@@global.read_only AS CHAR)")
            .await
            .ok()?
    }
}

async fn report(control: &Path) -> Option<(u64, String)> {
    let list = Command::List {
        pair: Some(PAIR.to_owned()),
    };
    let answer = words::ask(control, list, ANSWER).await.ok()?;
    let Answer::Pairs(pairs) = answer else {
        return None;
    };
    let pair = pairs.into_iter().next()?;
    Some((pair.epoch?, pair.writer?))
}
