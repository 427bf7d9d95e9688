//! Processes that end or stand still.

use crate::faults::case::Ends::{Back, Either, Moved};
use crate::faults::case::Step::{
    Freeze, Kill, KillDaemon, Lasts, OutOfMemory, StartDaemon, Terminate, Thaw, UntilRestarted,
    UntilWhole,
};
use crate::faults::case::Who::{Reader, Writer, WriterNow};
use crate::faults::case::{Case, USUAL};

pub(super) const ROWS: &[Case] = &[
    Case {
        name: "writer killed",
        fault: &[Kill(Writer)],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "reader killed",
        fault: &[Kill(Reader)],
        ..USUAL
    },
    Case {
        name: "both killed",
        fault: &[Kill(Reader), Kill(Writer)],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "writer frozen",
        fault: &[Freeze(Writer), UntilRestarted(Writer)],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "reader frozen",
        fault: &[Freeze(Reader), Lasts(3000)],
        named: Some(("NotInSync", Reader)),
        heal: &[Thaw(Reader)],
        ..USUAL
    },
    Case {
        name: "writer terminated",
        fault: &[Terminate(Writer)],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "writer killed in its recovery",
        fault: &[
            Kill(Writer),
            UntilRestarted(Writer),
            Kill(Writer),
            UntilRestarted(Writer),
            Lasts(100),
            Kill(Writer),
        ],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "reader killed in its recovery",
        fault: &[
            Kill(Reader),
            UntilRestarted(Reader),
            Kill(Reader),
            UntilRestarted(Reader),
            Lasts(100),
            Kill(Reader),
        ],
        ..USUAL
    },
    Case {
        name: "both killed, and again in their recovery",
        fault: &[
            Kill(Writer),
            Kill(Reader),
            UntilRestarted(Writer),
            Kill(Writer),
            UntilRestarted(Reader),
            Kill(Reader),
        ],
        ends: Either,
        budget: 60,
        ..USUAL
    },
    Case {
        name: "new writer killed while the old one recovers",
        fault: &[Kill(Writer), UntilRestarted(Writer), Kill(Reader)],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "chain of kills",
        fault: &[
            Kill(WriterNow),
            UntilWhole,
            Kill(WriterNow),
            UntilWhole,
            Kill(WriterNow),
            UntilWhole,
            Kill(WriterNow),
        ],
        ends: Back,
        ..USUAL
    },
    Case {
        name: "daemon and writer killed",
        fault: &[KillDaemon, Kill(Writer)],
        heal: &[StartDaemon],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "daemon and both servers killed",
        fault: &[KillDaemon, Kill(Writer), Kill(Reader)],
        heal: &[StartDaemon],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "writer out of memory",
        fault: &[OutOfMemory(Writer)],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "reader out of memory",
        fault: &[OutOfMemory(Reader)],
        ..USUAL
    },
];
