//! How a pair's loop is reached, and what is handed to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::fault::{Fault, silent};
use crate::control::http::Turned;
use crate::control::meters::Meters;
use crate::control::report::{MemberSessions, PairReport};
use crate::model::member::Both;
use crate::model::request::{Reply, Request};

/// A loop that does not take or answer a request within this time is called unavailable.
pub(super) const LOOP_ANSWERS: Duration = Duration::from_secs(10);

/// A request on its way to a pair's loop.
#[derive(Debug)]
pub struct Asked {
    /// To be put among the facts.
    pub request: Request,
    /// Takes the core's reply of the same id.
    pub reply: oneshot::Sender<Reply>,
}

/// A question for the sessions of both members, on its way to a task beside the loop.
#[derive(Debug)]
pub struct AskedSessions {
    /// Takes the answer, one entry per member.
    pub reply: oneshot::Sender<Vec<MemberSessions>>,
}

/// A request to read the configuration again.
#[derive(Debug)]
pub struct AskedReload {
    /// Takes what changed, or what is wrong with the files, in words.
    pub reply: oneshot::Sender<Result<String, String>>,
}

/// How a pair is reached.
#[derive(Debug, Clone)]
pub struct PairHandle {
    /// The members' names.
    pub members: Both<String>,
    /// To its loop.
    pub requests: mpsc::Sender<Asked>,
    /// To whoever asks its servers for their sessions.
    pub sessions: mpsc::Sender<AskedSessions>,
    /// Its newest report.
    pub report: watch::Receiver<Arc<PairReport>>,
    /// When its loop last turned, in milliseconds since the boot; 0: never.
    pub turned_ms: Turned,
    /// What happens many times a second, counted.
    pub meters: Arc<Meters>,
}

/// All pairs by name.
pub type Pairs = BTreeMap<String, PairHandle>;

pub(super) async fn deliver<T>(whom: &str, to: &mpsc::Sender<T>, what: T) -> Result<(), Fault> {
    match timeout(LOOP_ANSWERS, to.send(what)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(silent(whom)),
    }
}

pub(super) async fn receive<T>(
    whom: &str,
    answer: oneshot::Receiver<T>,
    wait: Duration,
) -> Result<T, Fault> {
    match timeout(wait, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(silent(whom)),
    }
}
