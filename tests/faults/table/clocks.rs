//! Clocks that are set by an hour.

use dualmasterd::model::server::Family::Mariadb;

use crate::faults::case::Clock::{Daemon, Of};
use crate::faults::case::Ends::Moved;
use crate::faults::case::Step::{Kill, KillDaemon, Lasts, SetClock, StartDaemon};
use crate::faults::case::Who::{Reader, Writer};
use crate::faults::case::{Case, Site, Step, USUAL};

const HOUR: i64 = 3600;
/// MySQL asks for the time so often that under faketime its datadir is not made within minutes.
const ON_CLOCKS: Case = Case {
    family: Some(Mariadb),
    site: Site::Clocks,
    ..USUAL
};

const fn set(clock: crate::faults::case::Clock, seconds: i64) -> Step {
    SetClock(clock, seconds)
}

pub(super) const ROWS: &[Case] = &[
    Case {
        name: "daemon's clock an hour on",
        fault: &[set(Daemon, HOUR), Lasts(3000)],
        heal: &[set(Daemon, 0)],
        ..ON_CLOCKS
    },
    Case {
        name: "daemon's clock an hour back",
        fault: &[set(Daemon, -HOUR), Lasts(3000)],
        heal: &[set(Daemon, 0)],
        ..ON_CLOCKS
    },
    Case {
        name: "daemon's clock an hour on, daemon and then writer killed",
        fault: &[
            set(Daemon, HOUR),
            Lasts(1000),
            KillDaemon,
            set(Daemon, 0),
            StartDaemon,
            Kill(Writer),
        ],
        ends: Moved,
        ..ON_CLOCKS
    },
    Case {
        name: "writer's clock an hour on",
        fault: &[set(Of(Writer), HOUR), Lasts(3000)],
        heal: &[set(Of(Writer), 0)],
        ..ON_CLOCKS
    },
    Case {
        name: "writer's clock an hour back",
        fault: &[set(Of(Writer), -HOUR), Lasts(3000)],
        heal: &[set(Of(Writer), 0)],
        ..ON_CLOCKS
    },
    Case {
        name: "reader's clock an hour on, writer killed",
        fault: &[
            set(Of(Reader), HOUR),
            Lasts(1000),
            Kill(Writer),
            Lasts(2000),
        ],
        heal: &[set(Of(Reader), 0)],
        ends: Moved,
        ..ON_CLOCKS
    },
    Case {
        name: "reader's clock an hour back, writer killed",
        fault: &[
            set(Of(Reader), -HOUR),
            Lasts(1000),
            Kill(Writer),
            Lasts(2000),
        ],
        heal: &[set(Of(Reader), 0)],
        ends: Moved,
        ..ON_CLOCKS
    },
];
