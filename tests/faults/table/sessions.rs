//! Sessions that lock or crowd.

use dualmasterd::model::server::Family::{Mariadb, Mysql};

use crate::faults::case::Ends::Moved;
use crate::faults::case::Step::{AllConnections, Hold, Kill, Lasts, Release, Storm};
use crate::faults::case::Who::Writer;
use crate::faults::case::{Case, USUAL};

/// Longer than the limit of a hang.
const A_WHILE: u64 = 4000;

pub(super) const ROWS: &[Case] = &[
    Case {
        name: "too many connections",
        fault: &[AllConnections, Lasts(A_WHILE)],
        heal: &[Release],
        ..USUAL
    },
    Case {
        name: "too many connections, writer killed",
        fault: &[AllConnections, Kill(Writer)],
        heal: &[Release],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "flush tables with read lock",
        fault: &[
            Hold(Writer, &["FLUSH TABLES WITH READ LOCK"]),
            Lasts(A_WHILE),
        ],
        named: Some(("WritesBlocked", Writer)),
        heal: &[Release],
        ..USUAL
    },
    Case {
        name: "load's table locked",
        fault: &[Hold(Writer, &["LOCK TABLES app.{t} WRITE"]), Lasts(A_WHILE)],
        heal: &[Release],
        ..USUAL
    },
    Case {
        name: "heartbeat table locked",
        fault: &[
            Hold(Writer, &["LOCK TABLES dualmasterd.heartbeat READ"]),
            Lasts(A_WHILE),
        ],
        heal: &[Release],
        ..USUAL
    },
    Case {
        name: "backup lock of MariaDB",
        family: Some(Mariadb),
        fault: &[
            Hold(Writer, &["BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT"]),
            Lasts(A_WHILE),
        ],
        named: Some(("WritesBlocked", Writer)),
        heal: &[Release],
        ..USUAL
    },
    Case {
        name: "backup lock of MySQL",
        family: Some(Mysql),
        fault: &[Hold(Writer, &["LOCK INSTANCE FOR BACKUP"]), Lasts(A_WHILE)],
        heal: &[Release],
        ..USUAL
    },
    Case {
        name: "a hundred connections a second",
        fault: &[Storm(100), Lasts(A_WHILE)],
        heal: &[Release],
        ..USUAL
    },
    Case {
        name: "a hundred connections a second, writer killed",
        fault: &[Storm(100), Lasts(1000), Kill(Writer), Lasts(2000)],
        heal: &[Release],
        ends: Moved,
        ..USUAL
    },
];
