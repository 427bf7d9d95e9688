//! What lines of the log are about, by stable name and `MESSAGE_ID`.
//!
//! One table has every kind of event with its text in the journal's catalog; findings have theirs in
//! [`found`](super::found).

use super::found;
use crate::model::finding::{Kind, Severity};

/// What the journal's catalog says of one `MESSAGE_ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The `MESSAGE_ID`: 32 hexadecimal digits.
    pub id: &'static str,
    /// Its headline; `@FIELD@` stands for a field of the line.
    pub subject: &'static str,
    /// What happened.
    pub happened: &'static str,
    /// What the daemon did about it.
    pub did: &'static str,
    /// What the operator may do.
    pub may: &'static str,
}

/// The table: variant, stable name, `MESSAGE_ID`, headline, what happened, what the daemon did, what the
/// operator may do.
macro_rules! events {
    ($($variant:ident, $name:literal, $id:literal, $subject:literal, $happened:literal, $did:literal, $may:literal;)+) => {
        /// Kinds of lines, each with the `MESSAGE_ID` under which the journal's catalog explains it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named by `Event::name`")]
        pub enum Event {
            $($variant,)+
            /// A finding that has no event of its own appeared.
            FindingAppeared(Kind),
        }

        impl Event {
            /// Every kind but the findings.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its stable name, in `DUALMASTER_EVENT`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::FindingAppeared(_) => "finding_appeared",
                }
            }

            /// Its entry in the catalog.
            pub fn entry(self) -> Entry {
                match self {
                    $(Self::$variant => Entry {
                        id: $id, subject: $subject, happened: $happened, did: $did, may: $may,
                    },)+
                    Self::FindingAppeared(kind) => found::entry(kind),
                }
            }
        }
    };
}

events! {
    DaemonReady, "daemon_ready", "1a6c6b4d11394e95bf908aca160de450",
        "dualmasterd is ready",
        "The daemon has read its configuration and keeps its pairs.",
        "It took over the servers that ran, and starts those that do not.",
        "Look at the pairs with `dualmasterctl list`.";
    DaemonStopping, "daemon_stopping", "192a36f4ef334a2a966533faeefbaf8b",
        "dualmasterd stops",
        "The daemon was told to stop.",
        "It leaves servers, roles and endpoint as they are, and stores a pause: nobody promotes while it is away.",
        "Start it again soon: a writer that dies meanwhile is not replaced.";
    ConfigReloaded, "config_reloaded", "8c41dcb6881d43aa9fc7746d691db6eb",
        "The configuration was read again",
        "The configuration on disk is in force.",
        "It changed at run time what can be changed so.",
        "Nothing need be done.";
    ConfigRejected, "config_rejected", "efece953c03c4ae39b760d93f05b1419",
        "The new configuration is bad",
        "The configuration on disk has mistakes, or changes what cannot change under running servers.",
        "It keeps the configuration that was in force before.",
        "Correct what the message names, check with `dualmasterd --check`, then `systemctl reload dualmasterd`.";
    FailoverStarted, "failover_started", "85202bd52c34426487b4e9a7b4aee569",
        "Pair @DUALMASTER_PAIR@: the reader takes over",
        "The writer is gone or was given up; the message says why.",
        "It fences the old writer, lets the reader apply everything it received, stores the new writer, opens it and leads the endpoint there.",
        "Wait for `writer_moved`. The whole story: `journalctl DUALMASTER_PAIR=@DUALMASTER_PAIR@ DUALMASTER_OP_ID=@DUALMASTER_OP_ID@`.";
    FailoverRefused, "failover_refused", "051de4692bc14e1ab9175d709b06eeae",
        "Pair @DUALMASTER_PAIR@: no failover",
        "The writer does not serve, and its reader may not take over: it is not proven to have every acknowledged write.",
        "It changed no role. It looks on, and goes on by itself when a safe move appears.",
        "`dualmasterctl explain @DUALMASTER_PAIR@` names the guards. Bring the writer back, or accept the loss with `dualmasterctl failover --accept-loss`.";
    FailoverFailed, "failover_failed", "fc2cb05b32f44d7ca4bb32c2207d14ab",
        "Pair @DUALMASTER_PAIR@: the failover did not take place",
        "A failover was begun and could not be finished; the message says what stood in its way.",
        "It opened nobody.",
        "`dualmasterctl explain @DUALMASTER_PAIR@` says what would release it, `dualmasterctl history` how far it came.";
    SwitchoverStarted, "switchover_started", "a8328f839c7a4c63b73279e91ca8e238",
        "Pair @DUALMASTER_PAIR@: a planned switchover begins",
        "An operator, or the failback, asked for the exchange of the roles.",
        "It closes the writer, waits until the reader has executed everything, and opens the reader; all of it is undone where it takes too long.",
        "Wait for `switchover_done` or `switchover_undone`.";
    SwitchoverDone, "switchover_done", "c5930b3cb6d04781b865f85c0fc91907",
        "Pair @DUALMASTER_PAIR@: the roles are exchanged",
        "The planned switchover went through; nothing acknowledged is missing.",
        "It leads clients to the new writer; the old one is the reader.",
        "Nothing need be done.";
    SwitchoverUndone, "switchover_undone", "76b87f8bfb6342e39f7291f596c12468",
        "Pair @DUALMASTER_PAIR@: the switchover was undone",
        "The planned switchover did not go through in time; the message says at what.",
        "It opened the old writer again. No role has changed and nothing is lost.",
        "Remove what the message names (a long statement, a lock, a lag) and try again.";
    WriterMoved, "writer_moved", "14793285617b492a9ad20a793622b165",
        "Pair @DUALMASTER_PAIR@: @DUALMASTER_TO@ is the writer now",
        "The writer's role went from @DUALMASTER_FROM@ to @DUALMASTER_TO@.",
        "It stored this before it opened the new writer, and leads the endpoint there.",
        "After a failover: find out why the old writer died. `dualmasterctl list @DUALMASTER_PAIR@` shows whether it is back as reader.";
    SplitBrain, "split_brain", "001bb8ea9de54ac2919c43f4f8d38f8b",
        "Pair @DUALMASTER_PAIR@: the members may have parted",
        "Both members accept writes, or each has writes that the other lacks, or two records name different writers.",
        "It opens nobody and throws nothing away.",
        "Compare what the message names. Decide which member is right, and re-seed the other one.";
    Paused, "paused", "9fd9a847b76242598b748b1c90bfe693",
        "Pair @DUALMASTER_PAIR@: paused",
        "An operator, or a clean stop of the daemon, paused the pair.",
        "It looks on and repairs, but nobody promotes by itself.",
        "`dualmasterctl resume @DUALMASTER_PAIR@` ends an operator's pause.";
    Resumed, "resumed", "f6b882f29d854e35ab510b38defeb775",
        "Pair @DUALMASTER_PAIR@: no longer paused",
        "The pause ended: by `resume`, by its own end, or by the daemon's start.",
        "Failovers happen by themselves again.",
        "Nothing need be done.";
    StateChanged, "state_changed", "7e227075648243c69c6ff2bf391ff9e2",
        "Pair @DUALMASTER_PAIR@: another state",
        "The pair went into the state that the message names.",
        "What belongs to that state.",
        "Nothing need be done.";
    LinkBroken, "link_broken", "3eeacaee74e842beb5f93a63173d79ad",
        "Pair @DUALMASTER_PAIR@: replication stopped with an error",
        "A replication thread stopped; DUALMASTER_ERRNO is the server's error number.",
        "It starts the thread again after growing pauses. It skips nothing. The reader cannot take over meanwhile.",
        "Read the error; mend the rows at the reader. `dualmasterctl link list` shows the threads.";
    LinkRepaired, "link_repaired", "36dabfb64e024e6eb001712cb259e3d9",
        "Pair @DUALMASTER_PAIR@: replication runs again",
        "The thread that had stopped with an error runs.",
        "It lets the reader prove anew that it has everything.",
        "Nothing need be done.";
    InstanceCrashed, "instance_crashed", "303c5866467840ffaac463d532173ecc",
        "Pair @DUALMASTER_PAIR@: a server's process ended",
        "The process of member @DUALMASTER_MEMBER@ is ending or gone.",
        "A writer is replaced by its reader where that is safe; a reader is started again.",
        "Read the server's own log for the cause. `dualmasterctl list @DUALMASTER_PAIR@` shows whether it is back.";
    Fenced, "fenced", "adc4d85dbd4b4e9fb970d90ecac05a13",
        "Pair @DUALMASTER_PAIR@: @DUALMASTER_MEMBER@ was killed",
        "The server was killed (SIGKILL), so that it can acknowledge nothing more.",
        "It ended the server before another one is opened, and starts it again as reader.",
        "Find out why it hung: disk, memory, a lock. Its own log says more.";
    FindingEnded, "finding_ended", "54399a5bca824e8c8adf930b6384bc78",
        "Pair @DUALMASTER_PAIR@: @DUALMASTER_FINDING@ has ended",
        "What was found before is no longer so.",
        "Nothing more.",
        "Nothing need be done.";
    StepBegun, "step_begun", "3160e0a2c2de493dbcad6a2d97cf075e",
        "Pair @DUALMASTER_PAIR@: @DUALMASTER_STEP@ begins",
        "The daemon began one action.",
        "What the action is called.",
        "Nothing need be done.";
    StepEnded, "step_ended", "2082d3abc9bc4a3aa6942a9a84c0f68c",
        "Pair @DUALMASTER_PAIR@: @DUALMASTER_STEP@ ended",
        "One action of the daemon ended well, or was dropped because its reason was gone. It took @DUALMASTER_DURATION_MS@ ms.",
        "What the action is called.",
        "Nothing need be done.";
    StepFailed, "step_failed", "f379c9d750904270a06c0358d0cdc77b",
        "Pair @DUALMASTER_PAIR@: @DUALMASTER_STEP@ failed",
        "One action of the daemon failed after @DUALMASTER_DURATION_MS@ ms; the message has the error.",
        "It looks again and tries again after growing pauses, as long as there is a reason for it.",
        "Where it fails again and again: remove the cause that the error names.";
}

impl Event {
    /// Its `MESSAGE_ID`.
    pub fn message_id(self) -> &'static str {
        self.entry().id
    }

    /// Its priority by syslog's numbers: 1 alert, 2 critical, 3 error, 4 warning, 5 notice,
    /// 6 informational. What moves or may part the data stands above what only matters.
    pub const fn priority(self, severity: Severity) -> u8 {
        match (self, severity) {
            (Self::SplitBrain, _) => 1,
            (Self::FailoverFailed | Self::Fenced, _) => 2,
            (Self::SwitchoverDone | Self::Paused | Self::Resumed | Self::LinkRepaired, _) => 5,
            (_, Severity::Error) => 3,
            (_, Severity::Warning) => 4,
            (_, Severity::Info) => 6,
        }
    }
}
