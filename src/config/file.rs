//! What a configuration file may say. Every key is optional here: a file may hold a part of the whole.
//!
//! What stands above each key is also its text in dualmasterd.toml(5) and in the schema.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::policy::{Automation, Durability, HookEvent};
use crate::model::server::Family;

use super::schema::{lists, named, words};
use super::settings::{LogFormat, LogLevel, Runtime};
use super::value::{Address, Port, Setting, Size, Span, Whole, Word};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

/// One file, or all of them laid over each other.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    /// The daemon itself. Cannot change while it runs.
    pub(super) daemon: Daemon,
    /// Its log. Cannot change while it runs.
    pub(super) log: Log,
    /// Metrics and health checks over HTTP. Cannot change while the daemon runs.
    pub(super) http: Http,
    /// The pairs, by name; at least one.
    #[schemars(schema_with = "named::<Pair>")]
    pub(super) pair: BTreeMap<String, Pair>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Daemon {
    /// What must outlive a boot: the register, secrets, server files, and the datadirs by default.
    pub(super) state_dir: Option<PathBuf>,
    /// Sockets and pid files, which need not outlive a boot.
    pub(super) run_dir: Option<PathBuf>,
    /// The socket that dualmasterctl talks to.
    pub(super) control: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    /// The least that is logged.
    #[schemars(schema_with = "words::<LogLevel>")]
    pub(super) level: Option<LogLevel>,
    /// Where the log goes and how it looks: the journal where stderr is connected to it, else text; or always
    /// one of the others.
    #[schemars(schema_with = "words::<LogFormat>")]
    pub(super) format: Option<LogFormat>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    /// Where /metrics and the health checks are served, to whoever can connect. Without it nothing listens.
    pub(super) listen: Option<Address>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pair {
    /// The family of both servers. Required.
    #[schemars(schema_with = "words::<Family>")]
    pub(super) family: Option<Family>,
    /// What an acknowledged write is worth. lossless: it is never lost; a commit waits for the standby, and
    /// going on alone is a recorded decision. available: after ack_timeout a commit no longer waits, and a standby
    /// that is behind by less than max_lag may be promoted; the loss is listed.
    #[schemars(schema_with = "words::<Durability>")]
    pub(super) durability: Option<Durability>,
    /// Who decides about an unplanned role change: the daemon, or the operator with `dualmasterctl failover`.
    #[schemars(schema_with = "words::<Automation>")]
    pub(super) failover: Option<Automation>,
    /// never: the writer stays where it is. prefer: the member named by `prefer` takes its role back once it
    /// was healthy and in sync for failback_after.
    #[schemars(schema_with = "words::<Failback>")]
    pub(super) failback: Option<Failback>,
    /// The member that is to be the writer, with failback = "prefer".
    pub(super) prefer: Option<String>,
    /// How long `prefer` must have been healthy and in sync before it takes its role back.
    pub(super) failback_after: Option<Span<0, { 168 * HOUR }>>,
    /// With durability = "available": a standby that is behind by less than this may be promoted.
    pub(super) max_lag: Option<Span<0, HOUR>>,
    /// With durability = "available": a commit waits no longer than this for the standby.
    pub(super) ack_timeout: Option<Span<10, HOUR>>,
    /// Binary logs are kept for this long, and longer while the other member may lack them.
    pub(super) binlog_keep: Option<Span<SECOND, { 8760 * HOUR }>>,
    /// MariaDB's gtid_domain_id, one for the pair. Choose it before the first start and leave it.
    pub(super) gtid_domain: Option<Word>,
    /// Scheduled events run at the writer and follow it; false: the event scheduler stays off.
    pub(super) events: Option<bool>,
    /// How the servers are run: each as a unit, dualmasterd-mysqld@PAIR.MEMBER, the default where systemd and
    /// that unit are there; or as processes that the daemon starts itself, the default elsewhere.
    #[schemars(schema_with = "words::<Runtime>")]
    pub(super) runtime: Option<Runtime>,
    /// What each server may use of memory at most, with all its threads, under systemd; all there is where not
    /// said.
    pub(super) memory_max: Option<Size<{ 64 << 20 }, { 1 << 46 }>>,
    /// As many files may each server open at most, under systemd; as many as its unit says where not said.
    pub(super) open_files: Option<Whole<1024, 1_048_576>>,
    /// The server's program; found on the search path (mariadbd, mysqld) where not said.
    pub(super) binary: Option<PathBuf>,
    /// MariaDB's program that makes a datadir; mariadb-install-db on the search path where not said.
    pub(super) install_db: Option<PathBuf>,
    /// The system account of the servers: mysql under systemd and where the daemon is root, else the daemon's own.
    pub(super) user: Option<String>,
    /// A file with `[client]`, user and password of an administrator, mode 0600; without it root@localhost is
    /// tried through the socket. `$CREDENTIALS_DIRECTORY/NAME` is a credential of the unit.
    pub(super) root_password_file: Option<PathBuf>,
    /// Exactly two members. The first by name hands out odd keys, the second even ones.
    #[schemars(schema_with = "named::<Member>")]
    pub(super) member: BTreeMap<String, Member>,
    /// Your own settings of both servers, as in my.cnf. Keys that a promise rests on are refused.
    pub(super) mysqld: BTreeMap<String, Setting>,
    /// What clients connect to.
    pub(super) endpoint: Option<Endpoint>,
    /// An account and a schema of the application, created on the writer.
    pub(super) app: Option<App>,
    /// Files with the logins of the accounts that the daemon makes; they get random passwords where not said.
    pub(super) accounts: Accounts,
    /// The links between the members.
    pub(super) link: Link,
    /// When a writer that still lives counts as hung.
    pub(super) hang: Hang,
    /// Limits of a planned switchover.
    pub(super) switchover: Switchover,
    /// When automatic moves stop because there were too many.
    pub(super) flap: Flap,
    /// Programs to run at role changes, executed without a shell one after the other.
    pub(super) hooks: Hooks,
}

/// Whether a member takes its role back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Failback {
    Never,
    Prefer,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Member {
    /// The port at which clients and the peer reach it. Required. Ports are unique over all pairs of the host.
    pub(super) port: Option<Port>,
    /// The daemon's own way in when all connections are taken: port + 10000 where not said.
    pub(super) admin_port: Option<Port>,
    /// The address at which the peer reaches it; 127.0.0.1 where not said.
    pub(super) host: Option<String>,
    /// Its server_id: as the port where not said.
    pub(super) server_id: Option<Whole<1, 4_294_967_295>>,
    /// Its auto_increment_offset: 1 for the first member by name, 2 for the second where not said.
    pub(super) auto_increment_offset: Option<Whole<1, 2>>,
    /// Its datadir: STATE_DIR/PAIR/MEMBER/data where not said.
    pub(super) datadir: Option<PathBuf>,
    /// Its socket: RUN_DIR/PAIR.MEMBER/mysqld.sock where not said.
    pub(super) socket: Option<PathBuf>,
    /// A unit of the distribution that runs its server, as mariadb.service, taken over before by
    /// `dualmasterd take-over`; a unit of dualmasterd's own where not said.
    pub(super) unit: Option<String>,
    /// The server's program, where it is not the pair's.
    pub(super) binary: Option<PathBuf>,
    /// MariaDB's program that makes a datadir, where it is not the pair's.
    pub(super) install_db: Option<PathBuf>,
    /// The system account of its server, where it is not the pair's.
    pub(super) user: Option<String>,
    /// Its limit of memory, where it is not the pair's.
    pub(super) memory_max: Option<Size<{ 64 << 20 }, { 1 << 46 }>>,
    /// Its limit of open files, where it is not the pair's.
    pub(super) open_files: Option<Whole<1024, 1_048_576>>,
    /// A file with the login of its administrator, where it is not the pair's.
    pub(super) root_password_file: Option<PathBuf>,
    /// Its own settings, as in my.cnf. They beat those of the pair.
    pub(super) mysqld: BTreeMap<String, Setting>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Endpoint {
    /// Leads to the writer. With an address of this host it serves other hosts too.
    pub(super) redirect: Option<Address>,
    /// A second port that leads to the reader, and to the writer while the reader is behind by more than
    /// reader_lag.
    pub(super) reader: Option<Port>,
    /// A reader that is behind by more than this is not led to.
    pub(super) reader_lag: Option<Span<0, { 24 * HOUR }>>,
    /// The daemon adds the address to this interface and leaves it there at its stop.
    pub(super) interface: Option<String>,
    /// Length of the address's prefix, in bits; 32 or 128 where not said.
    pub(super) prefix: Option<Whole<1, 128>>,
    /// Take the redirect away on a clean stop of the daemon.
    pub(super) remove_on_stop: Option<bool>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct App {
    /// The account's user.
    pub(super) user: Option<String>,
    /// The account's host.
    pub(super) host: Option<String>,
    /// The schema, on which the account has all rights.
    pub(super) database: Option<String>,
    /// A file with `[client]` and password, mode 0600; without it a random one is kept in the state
    /// directory.
    pub(super) password_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Accounts {
    /// The login of the account that looks and writes the heartbeat.
    pub(super) monitor_file: Option<PathBuf>,
    /// The login of the account that changes roles.
    pub(super) manage_file: Option<PathBuf>,
    /// The login of the account that replicates.
    pub(super) replicate_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Link {
    /// Certificates; without them the links are not encrypted.
    pub(super) tls: Option<Tls>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tls {
    /// Whose certificates are believed.
    pub(super) ca: Option<PathBuf>,
    /// The client's certificate.
    pub(super) cert: Option<PathBuf>,
    /// The client's key.
    pub(super) key: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hang {
    /// Time between two probes of one kind.
    pub(super) interval: Option<Span<20, { 60 * SECOND }>>,
    /// A probe without an answer for this long is stuck.
    pub(super) limit: Option<Span<100, HOUR>>,
    /// The limit is multiplied by this where the server used busy_percent of a core meanwhile.
    pub(super) busy_factor: Option<Whole<1, 1000>>,
    /// A server that uses this share of a core is busy, not hung; in percent.
    pub(super) busy_percent: Option<Whole<1, 100>>,
    /// A writer that refuses logins for this long is gone.
    pub(super) refusal: Option<Span<100, HOUR>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Switchover {
    /// Undone where the writer cannot be closed within this time.
    pub(super) close_budget: Option<Span<1, { 60 * SECOND }>>,
    /// Undone where the role has not moved within this time.
    pub(super) deadline: Option<Span<100, HOUR>>,
    /// Not begun where the reader is behind by more than so many transactions.
    pub(super) max_gap: Option<Whole<0, 1_000_000_000>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Flap {
    /// After so many unplanned role changes within the window the daemon makes no more of its own until
    /// `dualmasterctl ack`; 0 switches this off.
    pub(super) changes: Option<Whole<0, 1000>>,
    /// The window in which they are counted.
    pub(super) window: Option<Span<SECOND, { 168 * HOUR }>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hooks {
    /// Before a failover.
    pub(super) pre_failover: Vec<PathBuf>,
    /// After a failover.
    pub(super) post_failover: Vec<PathBuf>,
    /// After a failover that did not take place.
    pub(super) post_unsuccessful_failover: Vec<PathBuf>,
    /// Before a planned switchover.
    pub(super) pre_switchover: Vec<PathBuf>,
    /// After a planned switchover.
    pub(super) post_switchover: Vec<PathBuf>,
    /// When a replication thread stopped with an error.
    pub(super) on_link_broken: Vec<PathBuf>,
    /// A name that hooks may point at the writer: DM_DNS_NAME.
    pub(super) dns_name: Option<String>,
    /// How long each may take.
    pub(super) timeout: Option<Span<100, HOUR>>,
    /// Hooks whose failure refuses the move: pre_failover and pre_switchover only.
    #[schemars(schema_with = "lists::<HookEvent>")]
    pub(super) gating: Vec<HookEvent>,
}
