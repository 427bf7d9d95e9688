//! What the daemon is asked, and what it is waited for to say.

use std::process::Stdio;
use std::time::Duration;

use dualmasterd::control::commands::{Answer, Command as Word};
use dualmasterd::control::report::{
    MemberState, OperationReport, PairReport, PairState, ThreadState,
};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::daemon::binary;
use super::{ANSWER, Host, READY};
use crate::support::settings::PAIR;
use crate::support::words;

/// Transactions that the reader of a pair under the usual load may lack: the two are looked at in turn.
const SMALL_GAP: u64 = 200;
/// As often a switchover is asked for.
const SWITCHOVERS: u32 = 5;

/// What `dualmasterctl` answered.
#[derive(Debug)]
pub struct Ctl {
    /// Its exit code.
    pub code: i32,
    /// Its output.
    pub out: String,
    /// Its complaints.
    pub err: String,
}

impl Ctl {
    /// Its output as JSON; null where it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_default()
    }
}

impl Host {
    /// Asks the daemon.
    ///
    /// # Errors
    /// Nobody answers, or not in time.
    pub async fn ask(&self, word: Word) -> Result<Answer, String> {
        words::ask(&self.control(), word, ANSWER).await
    }

    /// The pair as the daemon sees it.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn try_report(&self) -> Result<PairReport, String> {
        self.report_of(PAIR).await
    }

    /// A pair as the daemon sees it.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn report_of(&self, pair: &str) -> Result<PairReport, String> {
        let pair = Some(pair.to_owned());
        match self.ask(Word::List { pair }).await? {
            Answer::Pairs(mut pairs) if pairs.len() == 1 => Ok(pairs.remove(0)),
            other => Err(format!("not one pair: {other:?}")),
        }
    }

    /// The same.
    ///
    /// # Panics
    /// Where nobody answers.
    pub async fn report(&self) -> PairReport {
        self.try_report().await.expect("the daemon's report")
    }

    /// Waits until the report is like this.
    ///
    /// # Panics
    /// With `what` and the last report, where it does not come to that.
    pub async fn until(
        &self,
        what: &str,
        wait: Duration,
        is: impl Fn(&PairReport) -> bool,
    ) -> PairReport {
        let deadline = Instant::now() + wait;
        loop {
            let report = self.try_report().await;
            if let Ok(report) = &report
                && is(report)
            {
                return report.clone();
            }
            if Instant::now() >= deadline {
                panic!("waited {wait:?} in vain for: {what}; at last: {report:#?}");
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the pair is whole: both run, both links as they should be, in sync, endpoint right.
    pub async fn until_healthy(&self, wait: Duration) -> PairReport {
        self.until("a whole pair, in sync", wait, is_whole).await
    }

    /// Waits for a whole pair whose reader has applied nearly all: what a load leaves behind would
    /// count as the cost of what comes next.
    pub async fn until_caught_up(&self, wait: Duration) -> PairReport {
        let caught_up = |report: &PairReport| {
            let gap = report.reader().and_then(|reader| reader.gtid_gap);
            is_whole(report) && gap.is_some_and(|gap| gap <= SMALL_GAP)
        };
        self.until("a whole pair whose reader keeps up", wait, caught_up)
            .await
    }

    /// The writer's and the reader's names.
    ///
    /// # Panics
    /// Where no writer is chosen.
    pub async fn roles(&self) -> (String, String) {
        let writer = self.report().await.writer.expect("a writer");
        let reader = if writer == "a" { "b" } else { "a" };
        (writer, reader.to_owned())
    }

    /// A planned switchover to its end.
    ///
    /// # Errors
    /// Refused, in words and with the names of the failed guards.
    pub async fn switchover(&self) -> Result<OperationReport, String> {
        let word = Word::Switchover {
            pair: None,
            to: None,
            accept_own_rows: false,
            dry_run: false,
        };
        match self.ask(word).await? {
            Answer::Granted { op: Some(op), .. } => self.watch(op).await,
            Answer::Refused { text, guards } => {
                let names: Vec<_> = guards.iter().map(|guard| guard.name.as_str()).collect();
                Err(format!("{text} [{}]", names.join(" ")))
            }
            other => Err(format!("{other:?}")),
        }
    }

    /// A planned switchover that goes through. One that is undone, as a busy machine missed its tens of
    /// milliseconds, is asked for again, as an operator would.
    ///
    /// # Panics
    /// Where it is refused, or undone each time.
    pub async fn switched(&self) -> OperationReport {
        for _ in 0..SWITCHOVERS {
            let operation = self.switchover().await.expect("granted");
            let ended = operation.ended.clone().expect("it ended");
            if ended.moved {
                return operation;
            }
            eprintln!("  undone: {}", ended.text);
            self.until_healthy(READY).await;
        }
        panic!("undone {SWITCHOVERS} times");
    }

    async fn watch(&self, op: u64) -> Result<OperationReport, String> {
        let word = Word::Watch {
            pair: None,
            op,
            timeout_ms: 30_000,
        };
        match words::ask(&self.control(), word, Duration::from_secs(40)).await? {
            Answer::Operation(operation) => Ok(operation),
            other => Err(format!("{other:?}")),
        }
    }

    /// Runs `dualmasterctl`.
    ///
    /// # Panics
    /// Where it cannot be run or does not end.
    pub async fn ctl(&self, arguments: &[&str]) -> Ctl {
        let run = Command::new(binary("dualmasterctl"))
            .arg("--socket")
            .arg(self.control())
            .args(["-f", "json"])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = timeout(Duration::from_secs(60), run).await;
        let ended = ended.unwrap_or_else(|_| panic!("dualmasterctl {arguments:?} did not end"));
        let output = ended.expect("run dualmasterctl");
        Ctl {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The pair is as it should be.
pub fn is_whole(report: &PairReport) -> bool {
    let threads_fit = report.members.iter().all(|member| {
        let applier = if report.writer.as_ref() == Some(&member.name) {
            ThreadState::Gated
        } else {
            ThreadState::Running
        };
        member.state == MemberState::Running
            && member.receiver == ThreadState::Running
            && member.applier == applier
    });
    let endpoint = report.endpoint.as_ref();
    report.state == PairState::Serving
        && report.in_sync
        && threads_fit
        && endpoint.is_some_and(|endpoint| endpoint.writer == report.writer)
}
