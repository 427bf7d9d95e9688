//! Performs actions, each in its own task, each repeatable from any interruption.
//!
//! An outcome tells only whether it was done; what it changed is seen by looking.

pub mod accounts;
pub mod binlogs;
pub mod close;
pub mod endpoint;
pub mod events;
pub mod handle;
pub mod hook;
pub mod instance;
pub mod link;
mod position;
pub mod reset;
pub mod semi_sync;
pub mod server;
pub mod sessions;
mod units;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::model::action::{Action, ActionError, Brought, Step};
use crate::model::causes::chain;
use crate::model::member::{Both, Side};
use crate::model::policy::Policy;
use crate::model::server::Family;
use crate::model::time::Timestamp;
use crate::net::sockets;

use self::accounts::App;
use self::endpoint::EndpointHands;
pub use self::handle::ServerHandle;
use self::hook::Hooks;
use self::instance::InstanceHands;
use self::sessions::Which;

/// The record of an action's begin is waited for: 0.1 ms as a rule. Its disk may hang.
const RECORDED_WITHIN: Duration = Duration::from_millis(5);

/// An action that ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Which.
    pub step: Step,
    /// When it was begun.
    pub begun: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub result: Result<Brought, ActionError>,
}

/// Everything that can be done to one pair.
#[derive(Debug)]
pub struct Hands {
    /// Family of both servers.
    pub family: Family,
    /// The policy in force: a reload changes it.
    pub policy: watch::Receiver<Policy>,
    /// Files and processes.
    pub instances: Both<Arc<InstanceHands>>,
    /// What is asked of the servers.
    pub servers: Both<ServerHandle>,
    /// The endpoint, where there is one.
    pub endpoint: Option<EndpointHands>,
    /// The application's account, where one is to be created.
    pub app: Option<App>,
    /// The hooks.
    pub hooks: Hooks,
}

/// Begins actions and tells how they end.
#[derive(Debug, Clone)]
pub struct Actor {
    hands: Arc<Hands>,
    epoch: Arc<AtomicU64>,
    clock: fn() -> Timestamp,
    ended: UnboundedSender<Ended>,
}

impl Actor {
    /// An actor with these hands, which tells `ended`.
    pub fn new(hands: Hands, clock: fn() -> Timestamp, ended: UnboundedSender<Ended>) -> Self {
        Self {
            hands: Arc::new(hands),
            epoch: Arc::new(AtomicU64::new(0)),
            clock,
            ended,
        }
    }

    /// The register's epoch: steps decided for another one are not begun.
    pub fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// Begins a step in a task of its own, once it is `recorded`; its end is told.
    pub fn begin(&self, step: Step, recorded: Option<oneshot::Receiver<()>>) {
        let Self {
            hands,
            epoch,
            clock,
            ended,
        } = self.clone();
        tokio::spawn(async move {
            let begun = clock();
            if let Some(recorded) = recorded {
                let _ = timeout(RECORDED_WITHIN, recorded).await;
            }
            let result = if step.epoch == epoch.load(Ordering::Relaxed) {
                // In a task of its own, so that one that panics ends as well.
                let performed = step.clone();
                let work = tokio::spawn(async move { hands.perform(&performed).await });
                work.await.unwrap_or_else(|lost| {
                    Err(ActionError::Failed(format!(
                        "it ended without an answer: {lost}"
                    )))
                })
            } else {
                Err(ActionError::Stale)
            };
            let _ = ended.send(Ended {
                step,
                begun,
                at: clock(),
                result,
            });
        });
    }

    /// Opens sessions ahead at a server that has just begun to answer, so that its first failover pays no
    /// logins.
    pub fn warm_up(&self, side: Side) {
        let hands = self.hands.clone();
        tokio::spawn(async move {
            if let Err(error) = hands.servers[side].warm_up().await {
                tracing::debug!(error = error.chain(), "no sessions were opened ahead");
            }
        });
    }

    /// The hands, for what is no action: lists of sessions, the end of the endpoint.
    pub fn hands(&self) -> &Hands {
        &self.hands
    }
}

impl Hands {
    async fn perform(&self, step: &Step) -> Result<Brought, ActionError> {
        match &step.action {
            Action::WriteFiles { side } => self.instances[*side].write_files().await,
            Action::Initialise { side } => self.instances[*side].initialise().await,
            Action::Start { side, .. } => self.instances[*side].start().await,
            Action::Kill { side, life } => self.instances[*side].kill(life).await,
            Action::DestroyClients { side } => self.destroy_clients(*side),
            Action::Walk { side, known, .. } => self.instances[*side].walk(known).await,
            Action::Classify { side, gtids } => {
                let peer = &self.instances[side.peer()];
                self.instances[*side].classify(gtids, peer).await
            }
            Action::Cut { side, life, known } => self.instances[*side].cut(life, known).await,
            Action::Forget { side, life, known } => {
                let peer = &self.instances[side.peer()];
                self.instances[*side].forget(life, known, peer).await
            }
            Action::SaveRelay { side, .. } => self.instances[*side].save_relay().await,
            Action::SaveOwn { side, known } => self.instances[*side].save_own(known).await,
            Action::Bootstrap { side } => accounts::bootstrap(&self.servers[*side]).await,
            Action::CreateApp { side } => match &self.app {
                Some(app) => accounts::create_app(&self.servers[*side], app).await,
                None => Err(ActionError::Failed(
                    "no application's account is configured".to_owned(),
                )),
            },
            Action::Close { side } => {
                let budget = self.policy.borrow().switchover.close_budget;
                close::close(&self.servers[*side], budget).await
            }
            Action::Open { side } => close::open(&self.servers[*side]).await,
            Action::CloseSessions { side } => {
                sessions::close_sessions(&self.servers[*side], self.which()).await
            }
            Action::ArmSource { side, timeout_ms } => {
                semi_sync::arm_source(&self.servers[*side], *timeout_ms).await
            }
            Action::DisarmSource { side } => semi_sync::disarm_source(&self.servers[*side]).await,
            Action::SetAckTimeout { side, timeout_ms } => {
                semi_sync::set_ack_timeout(&self.servers[*side], *timeout_ms).await
            }
            Action::Point { side, expendable } => {
                link::point(&self.servers[*side], expendable).await
            }
            Action::ResetLink { side } => reset::reset_link(&self.servers[*side]).await,
            Action::StartReceiver { side } => {
                link::start_receiver(&self.servers[*side], &self.servers[side.peer()]).await
            }
            Action::StopReceiver { side } => link::stop_receiver(&self.servers[*side]).await,
            Action::StartApplier { side } => link::start_applier(&self.servers[*side]).await,
            Action::StopApplier { side } => link::stop_applier(&self.servers[*side]).await,
            Action::SetEvents { side, on } => server::set_events(&self.servers[*side], *on).await,
            Action::HandOverEvents { side } => events::hand_over_events(&self.servers[*side]).await,
            Action::PurgeBinlogs { side, before_s } => {
                binlogs::purge(&self.servers[*side], *before_s).await
            }
            Action::Route { writer, reader } => match &self.endpoint {
                Some(endpoint) => endpoint.route(*writer, *reader).await,
                None => Ok(Brought::Nothing),
            },
            Action::Hook(call) | Action::Gate(call) => self.hooks.run(call, step.op).await,
        }
    }

    /// MySQL lets XA statements of any session through; on MariaDB only administrators' writes pass.
    fn which(&self) -> Which {
        match self.family {
            Family::Mysql => Which::All,
            Family::Mariadb => Which::PassReadOnly,
        }
    }

    /// Clients of a dying process hear a reset at once instead of waiting for its memory to be freed.
    fn destroy_clients(&self, side: Side) -> Result<Brought, ActionError> {
        sockets::destroy_local_port(self.instances[side].port(), |_| true)
            .map(|_| Brought::Nothing)
            .map_err(|error| ActionError::Failed(chain(&error)))
    }
}
