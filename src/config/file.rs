//! What a configuration file may say. Every key is optional here: a file may hold a part of the whole.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::model::policy::{Automation, Durability, HookEvent};
use crate::model::server::Family;

use super::settings::{LogFormat, LogLevel, Runtime};
use super::value::{Address, Port, Setting, Span, Whole, Word};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

/// One file, or all of them laid over each other.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) daemon: Daemon,
    pub(super) log: Log,
    pub(super) pair: BTreeMap<String, Pair>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Daemon {
    pub(super) state_dir: Option<PathBuf>,
    pub(super) run_dir: Option<PathBuf>,
    pub(super) control: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: Option<LogLevel>,
    pub(super) format: Option<LogFormat>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pair {
    pub(super) family: Option<Family>,
    pub(super) durability: Option<Durability>,
    pub(super) failover: Option<Automation>,
    pub(super) failback: Option<Failback>,
    pub(super) prefer: Option<String>,
    pub(super) failback_after: Option<Span<0, { 168 * HOUR }>>,
    pub(super) max_lag: Option<Span<0, HOUR>>,
    pub(super) ack_timeout: Option<Span<10, HOUR>>,
    pub(super) binlog_keep: Option<Span<SECOND, { 8760 * HOUR }>>,
    pub(super) gtid_domain: Option<Word>,
    pub(super) events: Option<bool>,
    pub(super) runtime: Option<Runtime>,
    pub(super) binary: Option<PathBuf>,
    pub(super) install_db: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) root_password_file: Option<PathBuf>,
    pub(super) member: BTreeMap<String, Member>,
    pub(super) mysqld: BTreeMap<String, Setting>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) app: Option<App>,
    pub(super) accounts: Accounts,
    pub(super) link: Link,
    pub(super) hang: Hang,
    pub(super) switchover: Switchover,
    pub(super) flap: Flap,
    pub(super) hooks: Hooks,
}

/// Whether a member takes its role back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Failback {
    Never,
    Prefer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Member {
    pub(super) port: Option<Port>,
    pub(super) admin_port: Option<Port>,
    pub(super) host: Option<String>,
    pub(super) server_id: Option<Whole<1, 4_294_967_295>>,
    pub(super) auto_increment_offset: Option<Whole<1, 2>>,
    pub(super) datadir: Option<PathBuf>,
    pub(super) socket: Option<PathBuf>,
    pub(super) binary: Option<PathBuf>,
    pub(super) install_db: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) root_password_file: Option<PathBuf>,
    pub(super) mysqld: BTreeMap<String, Setting>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Endpoint {
    pub(super) redirect: Option<Address>,
    pub(super) reader: Option<Port>,
    pub(super) reader_lag: Option<Span<0, { 24 * HOUR }>>,
    pub(super) interface: Option<String>,
    pub(super) prefix: Option<Whole<1, 128>>,
    pub(super) remove_on_stop: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct App {
    pub(super) user: Option<String>,
    pub(super) host: Option<String>,
    pub(super) database: Option<String>,
    pub(super) password_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Accounts {
    pub(super) monitor_file: Option<PathBuf>,
    pub(super) manage_file: Option<PathBuf>,
    pub(super) replicate_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Link {
    pub(super) tls: Option<Tls>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tls {
    pub(super) ca: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hang {
    pub(super) interval: Option<Span<20, { 60 * SECOND }>>,
    pub(super) limit: Option<Span<100, HOUR>>,
    pub(super) busy_factor: Option<Whole<1, 1000>>,
    pub(super) busy_percent: Option<Whole<1, 100>>,
    pub(super) refusal: Option<Span<100, HOUR>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Switchover {
    pub(super) close_budget: Option<Span<1, { 60 * SECOND }>>,
    pub(super) deadline: Option<Span<100, HOUR>>,
    pub(super) max_gap: Option<Whole<0, 1_000_000_000>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Flap {
    pub(super) changes: Option<Whole<0, 1000>>,
    pub(super) window: Option<Span<SECOND, { 168 * HOUR }>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hooks {
    pub(super) pre_failover: Vec<PathBuf>,
    pub(super) post_failover: Vec<PathBuf>,
    pub(super) post_unsuccessful_failover: Vec<PathBuf>,
    pub(super) pre_switchover: Vec<PathBuf>,
    pub(super) post_switchover: Vec<PathBuf>,
    pub(super) on_link_broken: Vec<PathBuf>,
    pub(super) dns_name: Option<String>,
    pub(super) timeout: Option<Span<100, HOUR>>,
    pub(super) gating: Vec<HookEvent>,
}
