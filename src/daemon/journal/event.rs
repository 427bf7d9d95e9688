//! What lines of the log are about, by stable name and `MESSAGE_ID`.

/// Kinds of lines, each with the `MESSAGE_ID` under which the journal's catalog explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named by `Event::name`")]
pub enum Event {
    DaemonReady,
    DaemonStopping,
    ConfigReloaded,
    ConfigRejected,
    FailoverStarted,
    FailoverRefused,
    FailoverFailed,
    SwitchoverStarted,
    SwitchoverDone,
    SwitchoverUndone,
    WriterMoved,
    SplitBrain,
    Paused,
    Resumed,
    StateChanged,
    LinkBroken,
    LinkRepaired,
    InstanceCrashed,
    Fenced,
    FindingAppeared,
    FindingEnded,
    StepBegun,
    StepEnded,
    StepFailed,
}

impl Event {
    /// Its stable name and its `MESSAGE_ID`.
    const fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::DaemonReady => ("daemon_ready", "1a6c6b4d11394e95bf908aca160de450"),
            Self::DaemonStopping => ("daemon_stopping", "192a36f4ef334a2a966533faeefbaf8b"),
            Self::ConfigReloaded => ("config_reloaded", "8c41dcb6881d43aa9fc7746d691db6eb"),
            Self::ConfigRejected => ("config_rejected", "efece953c03c4ae39b760d93f05b1419"),
            Self::FailoverStarted => ("failover_started", "85202bd52c34426487b4e9a7b4aee569"),
            Self::FailoverRefused => ("failover_refused", "051de4692bc14e1ab9175d709b06eeae"),
            Self::FailoverFailed => ("failover_failed", "fc2cb05b32f44d7ca4bb32c2207d14ab"),
            Self::SwitchoverStarted => ("switchover_started", "a8328f839c7a4c63b73279e91ca8e238"),
            Self::SwitchoverDone => ("switchover_done", "c5930b3cb6d04781b865f85c0fc91907"),
            Self::SwitchoverUndone => ("switchover_undone", "76b87f8bfb6342e39f7291f596c12468"),
            Self::WriterMoved => ("writer_moved", "14793285617b492a9ad20a793622b165"),
            Self::SplitBrain => ("split_brain", "001bb8ea9de54ac2919c43f4f8d38f8b"),
            Self::Paused => ("paused", "9fd9a847b76242598b748b1c90bfe693"),
            Self::Resumed => ("resumed", "f6b882f29d854e35ab510b38defeb775"),
            Self::StateChanged => ("state_changed", "7e227075648243c69c6ff2bf391ff9e2"),
            Self::LinkBroken => ("link_broken", "3eeacaee74e842beb5f93a63173d79ad"),
            Self::LinkRepaired => ("link_repaired", "36dabfb64e024e6eb001712cb259e3d9"),
            Self::InstanceCrashed => ("instance_crashed", "303c5866467840ffaac463d532173ecc"),
            Self::Fenced => ("fenced", "adc4d85dbd4b4e9fb970d90ecac05a13"),
            Self::FindingAppeared => ("finding_appeared", "a80f96a0680c4adfbee87701976f1146"),
            Self::FindingEnded => ("finding_ended", "54399a5bca824e8c8adf930b6384bc78"),
            Self::StepBegun => ("step_begun", "3160e0a2c2de493dbcad6a2d97cf075e"),
            Self::StepEnded => ("step_ended", "2082d3abc9bc4a3aa6942a9a84c0f68c"),
            Self::StepFailed => ("step_failed", "f379c9d750904270a06c0358d0cdc77b"),
        }
    }

    /// Its stable name, in `DUALMASTER_EVENT`.
    pub const fn name(self) -> &'static str {
        self.entry().0
    }

    /// Its `MESSAGE_ID`.
    pub const fn message_id(self) -> &'static str {
        self.entry().1
    }
}
