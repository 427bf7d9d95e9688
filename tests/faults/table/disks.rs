//! Disks that are full, read-only or slow.

use crate::faults::case::Ends::{Either, Moved};
use crate::faults::case::File::{Keep, PutBack};
use crate::faults::case::Space::{self, Data, Files};
use crate::faults::case::Step::{
    Fast, Fill, Free, Hold, Kill, KillDaemon, Lasts, ReadOnly, Repair, Slow, StartDaemon, State,
    UntilNamed,
};
use crate::faults::case::Who::{Reader, Writer};
use crate::faults::case::{Case, Site, USUAL};

const ON_DISKS: Case = Case {
    site: Site::Disks,
    budget: 60,
    ..USUAL
};
/// Much less than the load writes.
const BYTES: u64 = 64 << 10;

pub(super) const ROWS: &[Case] = &[
    Case {
        name: "writer's data disk full",
        fault: &[Fill(Data(Writer)), Lasts(3000)],
        named: Some(("DiskFull", Writer)),
        heal: &[Free(Data(Writer))],
        ends: Moved,
        ..ON_DISKS
    },
    Case {
        name: "reader's data disk full",
        fault: &[Fill(Data(Reader)), Lasts(3000)],
        named: Some(("DiskFull", Reader)),
        heal: &[Free(Data(Reader))],
        ..ON_DISKS
    },
    Case {
        name: "no space for the writer's binary log",
        fault: &[Fill(Files(Writer, "binlog.")), Lasts(3000)],
        heal: &[Free(Files(Writer, "binlog."))],
        ends: Moved,
        ..ON_DISKS
    },
    Case {
        name: "no space for the reader's binary log",
        fault: &[Fill(Files(Reader, "binlog.")), Lasts(3000)],
        heal: &[Free(Files(Reader, "binlog."))],
        ..ON_DISKS
    },
    Case {
        name: "no space for the reader's relay log",
        fault: &[Fill(Files(Reader, "relay.")), Lasts(3000)],
        named: Some(("NotInSync", Reader)),
        heal: &[Free(Files(Reader, "relay."))],
        ..ON_DISKS
    },
    Case {
        name: "state disk full",
        fault: &[Fill(Space::State), Lasts(3000)],
        heal: &[Free(Space::State)],
        ..ON_DISKS
    },
    Case {
        name: "state disk full, writer killed",
        fault: &[Fill(Space::State), Kill(Writer), Lasts(3000)],
        heal: &[Free(Space::State)],
        ends: Moved,
        ..ON_DISKS
    },
    Case {
        name: "state disk full, reader killed",
        fault: &[Fill(Space::State), Kill(Reader), Lasts(3000)],
        heal: &[Free(Space::State)],
        ..ON_DISKS
    },
    // The old state names the member that lacks what was acknowledged since, as it got no space for it; the
    // other cannot say so yet. Nothing is under way at the kill: the record of what to cut goes with the state.
    Case {
        name: "old state restored beside the newer writer, which is dead on a full disk",
        fault: &[
            State(Keep),
            Fill(Files(Writer, "relay.")),
            Hold(Writer, &["FLUSH TABLES WITH READ LOCK"]),
            Kill(Writer),
            UntilNamed("ReaderProcessExited", Writer),
            KillDaemon,
            Lasts(500),
            Fill(Data(Reader)),
            Kill(Reader),
            Free(Files(Writer, "relay.")),
            State(PutBack),
            StartDaemon,
            Lasts(5000),
        ],
        named: Some(("DiskFull", Reader)),
        heal: &[Free(Data(Reader))],
        ends: Moved,
        ..ON_DISKS
    },
    Case {
        name: "writer's disk read-only",
        fault: &[ReadOnly(Writer), Lasts(3000)],
        heal: &[Repair(Writer)],
        ends: Moved,
        ..ON_DISKS
    },
    Case {
        name: "reader's disk read-only",
        fault: &[ReadOnly(Reader), Lasts(3000)],
        heal: &[Repair(Reader)],
        ..ON_DISKS
    },
    Case {
        name: "writer's disk slow",
        fault: &[Slow(Writer, BYTES), Lasts(5000)],
        heal: &[Fast],
        ends: Either,
        ..ON_DISKS
    },
    Case {
        name: "reader's disk slow",
        fault: &[Slow(Reader, BYTES), Lasts(5000)],
        heal: &[Fast],
        ..ON_DISKS
    },
    Case {
        name: "reader's disk slow, writer killed",
        fault: &[Slow(Reader, BYTES), Lasts(2000), Kill(Writer), Lasts(2000)],
        heal: &[Fast],
        ends: Either,
        ..ON_DISKS
    },
];
