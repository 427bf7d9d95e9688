//! The hooks of one pair.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{HookContext, HookMember, run_all};
use crate::model::action::{ActionError, Brought, OpId};
use crate::model::causes::chain;
use crate::model::hook::HookCall;
use crate::model::member::Both;
use crate::model::policy::HookEvent;

/// Which programs run at which moment, and what they are told of the pair.
#[derive(Debug, Clone)]
pub struct Hooks {
    /// The pair's name.
    pub pair: String,
    /// The members.
    pub members: Both<HookMember>,
    /// The endpoint's address.
    pub vip: Option<String>,
    /// The name that they may point at the successor.
    pub dns_name: Option<String>,
    /// The programs.
    pub programs: BTreeMap<HookEvent, Vec<PathBuf>>,
    /// Events whose hooks must succeed.
    pub gating: Vec<HookEvent>,
    /// How long each may take.
    pub limit: Duration,
}

impl Hooks {
    /// Runs the programs of an event.
    ///
    /// # Errors
    /// The first that failed; of a gating event the others are then not run.
    pub async fn run(&self, call: &HookCall, op: Option<OpId>) -> Result<Brought, ActionError> {
        let event = call.event;
        let Some(programs) = self.programs.get(&event) else {
            return Ok(Brought::Nothing);
        };
        let context = HookContext {
            event,
            op,
            pair: self.pair.clone(),
            command: call.command,
            failed: call.from.map(|side| self.members[side].clone()),
            successor: Some(self.members[call.to].clone()),
            successor_gtid: call.gtid.to_string(),
            lost_transactions: call.lost,
            reason: call.reason.clone(),
            vip: self.vip.clone(),
            dns_name: self.dns_name.clone(),
            successful: successful(event),
            dry_run: false,
        };
        run_all(programs, &context, self.limit, self.gating.contains(&event))
            .await
            .map(|()| Brought::Nothing)
            .map_err(|error| ActionError::Failed(chain(&error)))
    }
}

fn successful(event: HookEvent) -> Option<bool> {
    match event {
        HookEvent::PostFailover | HookEvent::PostSwitchover => Some(true),
        HookEvent::PostUnsuccessfulFailover => Some(false),
        HookEvent::PreFailover | HookEvent::PreSwitchover | HookEvent::OnLinkBroken => None,
    }
}
