//! What may be done to the world. Each action can be repeated from any interruption.

use serde::{Deserialize, Serialize};

use super::gtid::GtidSet;
use super::hook::HookCall;
use super::incarnation::Incarnation;
use super::member::Side;
use super::time::Timestamp;

/// One action with the right it relies on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// The operation it belongs to, for the journal and `history`.
    pub op: Option<OpId>,
    /// The register's epoch when it was decided. `act` answers `Stale` where it has moved on.
    pub epoch: u64,
    /// What to do.
    pub action: Action,
}

/// Names one operation (a failover, a switchover, a rejoin) of one pair: a number that only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub u64);

/// The role a server is started for. Both start read-only with replication stopped; the role tells
/// what may be done to its files before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartRole {
    /// It stays writer: nothing is cut, InnoDB commits what the binary log holds.
    Writer,
    /// It is to be a reader.
    Reader,
}

/// What is done to the outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields say by their names what they are")]
pub enum Action {
    /// Put the rendered server configuration in its place.
    WriteFiles { side: Side },
    /// Create the datadir of a new server.
    Initialise { side: Side },
    /// Start the server, read-only, replication stopped.
    Start { side: Side, role: StartRole },
    /// SIGKILL this life of the server.
    Kill { side: Side, life: Incarnation },
    /// Give up every TCP connection of clients to this server, so that nobody waits for a dying process.
    DestroyClients { side: Side },
    /// Ask the files of a server, which is dead or answers nobody, which transactions they hold beyond
    /// `known`.
    Walk {
        side: Side,
        life: Incarnation,
        known: GtidSet,
    },
    /// Ask its binary log which of these transactions change no row.
    Classify { side: Side, gtids: GtidSet },
    /// Save, then cut off the dead server's binary log whatever it holds beyond `known`. Refused where
    /// the pid file names another life: somebody started the server since.
    Cut {
        side: Side,
        life: Incarnation,
        known: GtidSet,
    },
    /// Save, then take out of the dead MariaDB reader's binary log its own transactions beyond `known`.
    /// Refused where one of them changes something by its files and its peer's, and where the pid file
    /// names another life.
    Forget {
        side: Side,
        life: Incarnation,
        known: GtidSet,
    },
    /// Copy the relay logs aside, which hold at least these.
    SaveRelay { side: Side, received: GtidSet },
    /// Write out the transactions of its binary log that are not in `known`, and change nothing.
    SaveOwn { side: Side, known: GtidSet },
    /// Create or repair accounts, plugins and the heartbeat schema, in no binary log.
    Bootstrap { side: Side },
    /// Create the application's account and schema, replicated. Writer only.
    CreateApp { side: Side },
    /// Make it refuse ordinary writes, within the budget; on MariaDB the event scheduler stops first.
    Close { side: Side },
    /// Undo [`Action::Close`] or make a member the writer: the one action that lets clients write.
    Open { side: Side },
    /// End client sessions.
    CloseSessions { side: Side },
    /// Semi-sync source side on, endless or with the timeout of `available`.
    ArmSource { side: Side, timeout_ms: u64 },
    /// Semi-sync source side off: commits that wait are acknowledged without a replica.
    DisarmSource { side: Side },
    /// Lower or raise the semi-sync timeout of a source that is on.
    SetAckTimeout { side: Side, timeout_ms: u64 },
    /// Point the replica at its peer by GTID, keeping every other option of the link.
    /// Both threads are stopped for it, and relay logs are thrown away: refused where something in them is
    /// neither executed nor `expendable`, which is what the living peer has or what was copied aside.
    Point { side: Side, expendable: GtidSet },
    /// Throw away the files of a stopped link that the server cannot read, once they were copied aside. Where
    /// it leads and its delay are kept.
    ResetLink { side: Side },
    /// Start the receiver. On MariaDB with both threads stopped its position is first made to include
    /// what the member has executed, and the peer is waited for, which must have that.
    StartReceiver { side: Side },
    /// Stop the receiver.
    StopReceiver { side: Side },
    /// Start the applier.
    StartApplier { side: Side },
    /// Stop the applier; half a transaction is rolled back.
    StopApplier { side: Side },
    /// Start or stop the event scheduler.
    SetEvents { side: Side, on: bool },
    /// Enable at the new writer the events that were enabled at the old one.
    HandOverEvents { side: Side },
    /// Delete binary logs last written before this moment, in seconds since 1970.
    PurgeBinlogs { side: Side, before_s: u64 },
    /// Lead the endpoint's ports to these members and add its address.
    Route { writer: Side, reader: Side },
    /// Run the hooks of an event.
    Hook(HookCall),
    /// Run the hooks of an event that has to be agreed to.
    Gate(HookCall),
}

/// The kind of an action: at most one of a kind is under way at a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each stands for the action of the same name")]
pub enum ActionKind {
    WriteFiles,
    Initialise,
    Start,
    Kill,
    DestroyClients,
    Walk,
    Classify,
    Cut,
    Forget,
    SaveRelay,
    SaveOwn,
    Bootstrap,
    CreateApp,
    Close,
    Open,
    CloseSessions,
    ArmSource,
    DisarmSource,
    SetAckTimeout,
    Point,
    ResetLink,
    StartReceiver,
    StopReceiver,
    StartApplier,
    StopApplier,
    SetEvents,
    HandOverEvents,
    PurgeBinlogs,
    Route,
    Hook,
    Gate,
}

impl Action {
    /// The member it is done to; `None` for the pair's endpoint and hooks.
    pub fn side(&self) -> Option<Side> {
        match self {
            Self::WriteFiles { side }
            | Self::Initialise { side }
            | Self::Start { side, .. }
            | Self::Kill { side, .. }
            | Self::DestroyClients { side }
            | Self::Walk { side, .. }
            | Self::Classify { side, .. }
            | Self::Cut { side, .. }
            | Self::Forget { side, .. }
            | Self::SaveRelay { side, .. }
            | Self::SaveOwn { side, .. }
            | Self::Bootstrap { side }
            | Self::CreateApp { side }
            | Self::Close { side }
            | Self::Open { side }
            | Self::CloseSessions { side }
            | Self::ArmSource { side, .. }
            | Self::DisarmSource { side }
            | Self::SetAckTimeout { side, .. }
            | Self::Point { side, .. }
            | Self::ResetLink { side }
            | Self::StartReceiver { side }
            | Self::StopReceiver { side }
            | Self::StartApplier { side }
            | Self::StopApplier { side }
            | Self::SetEvents { side, .. }
            | Self::HandOverEvents { side }
            | Self::PurgeBinlogs { side, .. } => Some(*side),
            Self::Route { .. } | Self::Hook(_) | Self::Gate(_) => None,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::WriteFiles { .. } => ActionKind::WriteFiles,
            Self::Initialise { .. } => ActionKind::Initialise,
            Self::Start { .. } => ActionKind::Start,
            Self::Kill { .. } => ActionKind::Kill,
            Self::DestroyClients { .. } => ActionKind::DestroyClients,
            Self::Walk { .. } => ActionKind::Walk,
            Self::Classify { .. } => ActionKind::Classify,
            Self::Cut { .. } => ActionKind::Cut,
            Self::Forget { .. } => ActionKind::Forget,
            Self::SaveRelay { .. } => ActionKind::SaveRelay,
            Self::SaveOwn { .. } => ActionKind::SaveOwn,
            Self::Bootstrap { .. } => ActionKind::Bootstrap,
            Self::CreateApp { .. } => ActionKind::CreateApp,
            Self::Close { .. } => ActionKind::Close,
            Self::Open { .. } => ActionKind::Open,
            Self::CloseSessions { .. } => ActionKind::CloseSessions,
            Self::ArmSource { .. } => ActionKind::ArmSource,
            Self::DisarmSource { .. } => ActionKind::DisarmSource,
            Self::SetAckTimeout { .. } => ActionKind::SetAckTimeout,
            Self::Point { .. } => ActionKind::Point,
            Self::ResetLink { .. } => ActionKind::ResetLink,
            Self::StartReceiver { .. } => ActionKind::StartReceiver,
            Self::StopReceiver { .. } => ActionKind::StopReceiver,
            Self::StartApplier { .. } => ActionKind::StartApplier,
            Self::StopApplier { .. } => ActionKind::StopApplier,
            Self::SetEvents { .. } => ActionKind::SetEvents,
            Self::HandOverEvents { .. } => ActionKind::HandOverEvents,
            Self::PurgeBinlogs { .. } => ActionKind::PurgeBinlogs,
            Self::Route { .. } => ActionKind::Route,
            Self::Hook(_) => ActionKind::Hook,
            Self::Gate(_) => ActionKind::Gate,
        }
    }
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outcome {
    /// The action it was.
    pub action: Action,
    /// When it was begun.
    pub begun: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    /// What it brought, or why it failed.
    pub result: Result<Brought, ActionError>,
    /// How many times in a row this kind has failed at this member, this one included.
    pub failures: u32,
}

/// What an action brought beside its effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields say by their names what they are")]
pub enum Brought {
    /// Nothing: the effect is seen by looking.
    Nothing,
    /// [`Action::Walk`]: transactions in the files that `known` lacks.
    Lacking(GtidSet),
    /// [`Action::Classify`]: those that change no row, and what the others change, in words.
    Classified {
        harmless: GtidSet,
        changes: Vec<String>,
    },
    /// [`Action::Cut`], [`Action::Forget`]: what was saved and cut off; empty where nothing had to be.
    Removed(Saved),
    /// [`Action::SaveOwn`]: what was written out.
    Saved(Saved),
    /// [`Action::SaveRelay`]: the folder of the copies, and their names.
    RelaySaved { to: String, files: Vec<String> },
    /// [`Action::CloseSessions`]: how many sessions were ended, which came back, and what the server
    /// had executed once the last of them was gone.
    Closed {
        sessions: u32,
        returned: Vec<String>,
        position: GtidSet,
    },
}

/// Transactions of a server's binary log that were written out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Saved {
    /// Which.
    pub gtids: GtidSet,
    /// How many. A MariaDB set cannot tell, as others may have taken the numbers below.
    pub count: u64,
    /// Rows by table, for people.
    pub rows: Vec<(String, u64)>,
    /// Where they are kept.
    pub saved_to: String,
}

impl std::fmt::Display for Saved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transactions = match self.count {
            1 => "transaction",
            _ => "transactions",
        };
        write!(f, "{} {transactions} ({})", self.count, self.gtids)?;
        for (table, rows) in &self.rows {
            write!(f, ", {rows} rows of {table}")?;
        }
        write!(f, ", saved to {}", self.saved_to)
    }
}

/// Why an action failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ActionError {
    /// The epoch it relied on is over; nothing was done.
    Stale,
    /// It was tried and refused for a reason that will stay (a cut that is not valid, a foreign datadir).
    Refused(String),
    /// It failed; trying again may help.
    Failed(String),
    /// The server did not let our account in; trying again helps once the account is repaired.
    Denied(String),
    /// The server cannot read its own files of the link: it was killed between a relay log and the index.
    Unreadable(String),
}

impl std::fmt::Display for ActionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stale => f.write_str("the writer changed meanwhile"),
            Self::Refused(why) | Self::Failed(why) | Self::Denied(why) | Self::Unreadable(why) => {
                f.write_str(why)
            }
        }
    }
}
