//! Independent tasks that only read. Each publishes its newest fact; none waits for another.

pub mod accounts;
pub mod disk;
pub mod endpoint;
pub mod events;
pub mod instance;
pub mod observer;
pub mod probes;
pub mod process;
pub mod server;

use crate::model::facts::{EndpointFact, InstanceFact};
use crate::model::member::Side;
use crate::model::probe::{ProbeError, ProbeFact, ProbeKind};
use crate::model::process::ProcessFact;
use crate::model::server::ServerFact;

/// One new fact.
#[derive(Debug)]
pub enum Seen {
    /// A member's process.
    Process(Side, ProcessFact),
    /// A member's files.
    Instance(Side, InstanceFact),
    /// A look at a member, or why it failed.
    Look(Side, Box<Result<ServerFact, ProbeError>>),
    /// An answer to a question of the hang table, or that one waits for it.
    Probe(Side, ProbeKind, ProbeFact),
    /// Accounts that can write on a member that is closed, or open it.
    Accounts(Side, Vec<String>),
    /// The endpoint.
    Endpoint(EndpointFact),
}

impl Seen {
    /// What it is about, for the log.
    pub fn brief(&self) -> String {
        match self {
            Self::Process(side, fact) => format!("process {side:?} {:?}", fact.state),
            Self::Instance(side, _) => format!("instance {side:?}"),
            Self::Look(side, look) => match &**look {
                Ok(fact) => format!("look {side:?}, took {:?}", fact.at.since(fact.asked)),
                Err(error) => format!("look {side:?}: {}", error.text),
            },
            Self::Probe(side, kind, _) => format!("probe {side:?} {kind:?}"),
            Self::Accounts(side, _) => format!("accounts {side:?}"),
            Self::Endpoint(_) => "endpoint".into(),
        }
    }
}

/// Where observers publish.
pub type Publisher = tokio::sync::mpsc::UnboundedSender<Seen>;
