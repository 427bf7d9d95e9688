//! What a hook is told.

use serde::Serialize;

use crate::model::action::OpId;
use crate::model::hook::HookCommand;
use crate::model::policy::HookEvent;

/// No variable is longer, in bytes.
const LONGEST: usize = 64 << 10;

/// The end of a variable that was cut.
pub(super) const CUT: &str = "...(cut; whole on standard input)";

/// A member as hooks know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookMember {
    /// Its name.
    pub name: String,
    /// The address at which clients reach it.
    pub host: String,
    /// The port at which clients reach it.
    pub port: u16,
}

/// What a hook is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookContext {
    /// The moment.
    pub event: HookEvent,
    /// The operation.
    pub op: Option<OpId>,
    /// The pair.
    pub pair: String,
    /// What led here.
    pub command: HookCommand,
    /// The writer that failed or steps down.
    pub failed: Option<HookMember>,
    /// The next or new writer.
    pub successor: Option<HookMember>,
    /// What the successor has executed.
    pub successor_gtid: String,
    /// How many acknowledged transactions the successor lacks; `None` where nobody can know.
    pub lost_transactions: Option<u64>,
    /// Why.
    pub reason: String,
    /// The endpoint's address.
    pub vip: Option<String>,
    /// The name that hooks may point at the successor.
    pub dns_name: Option<String>,
    /// How it went; `None` before it.
    pub successful: Option<bool>,
    /// Nothing is really done.
    pub dry_run: bool,
}

impl HookContext {
    /// Everything by name. What is unknown is there and empty, so that `set -u` scripts can ask.
    fn values(&self) -> Vec<(&'static str, String)> {
        let of = |member: &Option<HookMember>| match member {
            Some(m) => (m.name.clone(), m.host.clone(), m.port.to_string()),
            None => Default::default(),
        };
        let (failed, failed_host, failed_port) = of(&self.failed);
        let (successor, successor_host, successor_port) = of(&self.successor);
        let op = self.op.map(|op| op.0.to_string()).unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let flag = |value: bool| value.to_string();
        let successful = self.successful.map(flag).unwrap_or_default();
        let orc_command = match self.command {
            HookCommand::Switchover => "graceful-master-takeover",
            HookCommand::Failover => "force-master-failover",
            HookCommand::Auto => "",
        };
        vec![
            ("DM_EVENT", self.event.name().to_owned()),
            ("DM_OP_ID", op.clone()),
            ("DM_PAIR", self.pair.clone()),
            ("DM_COMMAND", self.command.name().to_owned()),
            ("DM_FAILED_MEMBER", failed),
            ("DM_FAILED_HOST", failed_host.clone()),
            ("DM_FAILED_PORT", failed_port.clone()),
            ("DM_SUCCESSOR_MEMBER", successor.clone()),
            ("DM_SUCCESSOR_HOST", successor_host.clone()),
            ("DM_SUCCESSOR_PORT", successor_port.clone()),
            ("DM_SUCCESSOR_GTID", self.successor_gtid.clone()),
            (
                "DM_LOST_TRANSACTIONS",
                self.lost_transactions
                    .map(|n| n.to_string())
                    .unwrap_or_default(),
            ),
            ("DM_REASON", self.reason.clone()),
            ("DM_VIP", text(&self.vip)),
            ("DM_DNS_NAME", text(&self.dns_name)),
            ("DM_IS_SUCCESSFUL", successful.clone()),
            ("DM_DRY_RUN", flag(self.dry_run)),
            ("ORC_FAILURE_TYPE", self.failure_type().to_owned()),
            ("ORC_INSTANCE_TYPE", "co-master".to_owned()),
            ("ORC_IS_CO_MASTER", flag(true)),
            ("ORC_FAILED_HOST", failed_host),
            ("ORC_FAILED_PORT", failed_port),
            ("ORC_FAILURE_CLUSTER", self.pair.clone()),
            ("ORC_FAILURE_CLUSTER_ALIAS", self.pair.clone()),
            ("ORC_COMMAND", orc_command.to_owned()),
            ("ORC_IS_SUCCESSFUL", successful),
            ("ORC_SUCCESSOR_HOST", successor_host),
            ("ORC_SUCCESSOR_PORT", successor_port),
            ("ORC_SUCCESSOR_ALIAS", successor),
            // By GTID there are no coordinates: scripts that log them get the position.
            (
                "ORC_SUCCESSOR_BINLOG_COORDINATES",
                self.successor_gtid.clone(),
            ),
            ("ORC_RECOVERY_UID", op),
        ]
        .into_iter()
        // A NUL cannot stand in an environment.
        .map(|(name, value)| (name, value.replace('\0', "")))
        .collect()
    }

    /// The same as environment variables: the kernel starts no program with one above 128 KiB, so a long
    /// one, as a set of GTIDs may be, ends in a note of that.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = self.values();
        for (_, value) in &mut variables {
            if value.len() > LONGEST {
                value.truncate(value.floor_char_boundary(LONGEST - CUT.len()));
                value.push_str(CUT);
            }
        }
        variables
    }

    /// Orchestrator's word for what happened.
    fn failure_type(&self) -> &'static str {
        match self.event {
            HookEvent::PreFailover
            | HookEvent::PostFailover
            | HookEvent::PostUnsuccessfulFailover => "DeadCoMaster",
            HookEvent::PreSwitchover | HookEvent::PostSwitchover => "",
            HookEvent::OnLinkBroken => "CoMasterReplicationBroken",
        }
    }

    /// The same as the `DM_*` variables, whole, as one JSON object with lower-case names without `DM_`.
    pub fn json(&self) -> String {
        let pairs = self.values().into_iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("DM_")?.to_ascii_lowercase();
            Some((name, serde_json::Value::String(value)))
        });
        let object: serde_json::Map<_, _> = pairs.collect();
        serde_json::Value::Object(object).to_string()
    }
}
