//! What a row of the table says: everything about a fault, and no code.

use dualmasterd::model::server::Family;

/// A fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// What `FAULT=` names.
    pub(super) name: &'static str,
    /// The family that it is about; both where none is named.
    pub(super) family: Option<Family>,
    /// What the pair is made on. Cases of one site share a pair.
    pub(super) site: Site,
    /// What goes wrong, step by step.
    pub(super) fault: &'static [Step],
    /// What the daemon has to name while it lasts, and where.
    pub(super) named: Option<(&'static str, Who)>,
    /// What ends it. Empty: the pair needs nobody.
    pub(super) heal: &'static [Step],
    /// The pair is whole again so many seconds after it was healed.
    pub(super) budget: u64,
    /// Who writes in the end.
    pub(super) ends: Ends,
    /// Somebody opens the reader by hand, so that both may be seen open for a moment.
    pub(super) opens: bool,
}

/// A case that needs no site of its own, on both families, healed by itself within 30 s.
pub(super) const USUAL: Case = Case {
    name: "",
    family: None,
    site: Site::Usual,
    fault: &[],
    named: None,
    heal: &[],
    budget: 30,
    ends: Ends::Same,
    opens: false,
};

/// What a pair is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// One disk, one clock.
    Usual,
    /// Each datadir on a small ext4 of its own, the state on a small disk of its own, and files that may get no
    /// space one by one.
    Disks,
    /// The daemon and each server has a clock of its own.
    Clocks,
    /// One disk, one clock, and a pair that no other row gets afterwards.
    Spent,
}

/// Who writes in the end, of those of the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// The writer, and no role changed.
    Same,
    /// The reader.
    Moved,
    /// The writer, after other turns.
    Back,
    /// Either.
    Either,
    /// Either, and alone: the reader has to be seeded anew.
    Alone,
}

/// A member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The writer of the beginning.
    Writer,
    /// The reader of the beginning.
    Reader,
    /// The writer as it is now.
    WriterNow,
}

/// Whose clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The daemon's.
    Daemon,
    /// A server's.
    Of(Who),
}

/// Statements in the words of both families. `{t}` stands for the load's table.
pub(super) type Words = &'static [&'static str];

/// One step of a fault.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// SIGKILL to a server.
    Kill(Who),
    /// SIGTERM to a server.
    Terminate(Who),
    /// SIGSTOP to a server.
    Freeze(Who),
    /// SIGCONT to a server.
    Thaw(Who),
    /// A server gets less memory than it uses, and asks for more: the kernel's OOM killer ends it.
    OutOfMemory(Who),
    /// A server is ended, and started by hand with the same arguments.
    RestartByHand(Who),
    /// SIGKILL to the daemon.
    KillDaemon,
    /// The daemon is started, and waited for until it is ready.
    StartDaemon,
    /// The daemon is started, and ends because it cannot keep the pair.
    StartInVain,
    /// So many milliseconds.
    Lasts(u64),
    /// Until the pair is whole.
    UntilWhole,
    /// Until a server runs as another process than at the beginning, or at the last such step.
    UntilRestarted(Who),
    /// Statements of root at a member, in the words of MariaDB and of MySQL.
    Root(Who, Words, Words),
    /// Changes of root at a member that no binary log has.
    Quiet(Who, Words),
    /// A session of root that runs these and stays until [`Step::Release`]. It does not write to the binary log.
    Hold(Who, Words),
    /// A session of the application through the endpoint that runs these and stays.
    Client(Words),
    /// The same, whose last statement is under way when the next step begins.
    Begin(Words),
    /// The sessions that stayed end.
    Release,
    /// Until the daemon names this at a member.
    UntilNamed(&'static str, Who),
    /// Until a statement that begins so runs at a member.
    UntilRuns(Who, &'static str),
    /// The application's sessions take every connection of the writer.
    AllConnections,
    /// The application connects so many times a second until [`Step::Release`].
    Storm(u32),
    /// A transaction of so many megabytes, all but committed; `FAULT_MB` names another size.
    Large(u32),
    /// Its COMMIT is under way.
    CommitLarge,
    /// The daemon's nft table is deleted.
    DeleteNftTable,
    /// Every nft table is deleted.
    FlushRuleset,
    /// The link's files of a server that does not run are lost.
    LoseRelayLogs(Who),
    /// These lines are appended to a server's `my.cnf`.
    EditConfig(Who, &'static str),
    /// A server's `my.cnf` is deleted.
    DeleteConfig(Who),
    /// What is done to the state file.
    State(File),
    /// A disk takes nothing more.
    Fill(Space),
    /// It has space again.
    Free(Space),
    /// The file system below a datadir becomes read-only, as after an error of its disk.
    ReadOnly(Who),
    /// The server is ended, its file system checked and mounted again.
    Repair(Who),
    /// A server may write only so many bytes a second.
    Slow(Who, u64),
    /// Servers may write as fast as they can, and use as much memory.
    Fast,
    /// A clock is set to so many seconds beside the true time.
    SetClock(Clock, i64),
}

/// What is done to the state file.
#[derive(Debug, Clone, Copy)]
pub(super) enum File {
    /// It is copied.
    Keep,
    /// It is removed.
    Delete,
    /// It is cut to nothing.
    Truncate,
    /// The copy is put in its place.
    PutBack,
}

/// What may be full.
#[derive(Debug, Clone, Copy)]
pub(super) enum Space {
    /// The file system of a datadir.
    Data(Who),
    /// For files of a datadir whose names begin so.
    Files(Who, &'static str),
    /// The file system of the daemon's state.
    State,
}
