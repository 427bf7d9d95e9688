//! What root does by hand, on the servers and on the host.

use dualmasterd::model::server::Family::{Mariadb, Mysql};

use crate::faults::case::Ends::{Alone, Either, Moved};
use crate::faults::case::File::{Delete, Keep, PutBack, Truncate};
use crate::faults::case::Step::{
    DeleteConfig, DeleteNftTable, EditConfig, FlushRuleset, Freeze, Kill, KillDaemon, Lasts,
    LoseRelayLogs, RestartByHand, Root, StartDaemon, StartInVain, State, UntilNamed, UntilWhole,
};
use crate::faults::case::Who::{Reader, Writer};
use crate::faults::case::{Case, Site, USUAL, Words};

const OPEN: Words = &["SET GLOBAL read_only=0"];
const CLOSE: Words = &["SET GLOBAL read_only=1"];
const STOP: (Words, Words) = (&["STOP SLAVE"], &["STOP REPLICA"]);
const RESET: (Words, Words) = (
    &["STOP SLAVE", "RESET SLAVE ALL"],
    &["STOP REPLICA", "RESET REPLICA ALL"],
);
const PORT: (Words, Words) = (
    &[
        "STOP SLAVE",
        "CHANGE MASTER TO MASTER_PORT=1",
        "START SLAVE",
    ],
    &[
        "STOP REPLICA",
        "CHANGE REPLICATION SOURCE TO SOURCE_PORT=1",
        "START REPLICA",
    ],
);
const PASSWORD: (Words, Words) = (
    &[
        "STOP SLAVE",
        "CHANGE MASTER TO MASTER_PASSWORD='no'",
        "START SLAVE",
    ],
    &[
        "STOP REPLICA",
        "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD='no'",
        "START REPLICA",
    ],
);
/// A receiver that starts while the variable is off acknowledges nothing, whatever the variable is later.
const PLAIN: (Words, Words) = (
    &[
        "SET GLOBAL rpl_semi_sync_slave_enabled=0",
        "STOP SLAVE IO_THREAD",
        "START SLAVE IO_THREAD",
        "SET GLOBAL rpl_semi_sync_slave_enabled=1",
    ],
    &[
        "SET GLOBAL rpl_semi_sync_replica_enabled=0",
        "STOP REPLICA IO_THREAD",
        "START REPLICA IO_THREAD",
        "SET GLOBAL rpl_semi_sync_replica_enabled=1",
    ],
);
const HISTORY: (Words, Words) = (&["RESET MASTER"], &["RESET BINARY LOGS AND GTIDS"]);
/// What would open a server, and start its links.
const LINES: &str = "read_only=0\nskip_slave_start=0\nsort_buffer_size=300000\n";

pub(super) const ROWS: &[Case] = &[
    Case {
        name: "root opens the reader",
        fault: &[Root(Reader, OPEN, OPEN), Lasts(1000)],
        opens: true,
        ..USUAL
    },
    Case {
        name: "root closes the writer",
        fault: &[Root(Writer, CLOSE, CLOSE), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root stops the reader's link",
        fault: &[Root(Reader, STOP.0, STOP.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root stops the writer's link",
        fault: &[Root(Writer, STOP.0, STOP.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root stops the reader's link, writer killed",
        fault: &[Root(Reader, STOP.0, STOP.1), Kill(Writer)],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "root restarts the reader's receiver as no semi-sync replica",
        fault: &[Root(Reader, PLAIN.0, PLAIN.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root restarts the writer's receiver as no semi-sync replica",
        fault: &[Root(Writer, PLAIN.0, PLAIN.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root resets the reader's link",
        fault: &[Root(Reader, RESET.0, RESET.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root resets the writer's link",
        fault: &[Root(Writer, RESET.0, RESET.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root points the reader elsewhere",
        fault: &[Root(Reader, PORT.0, PORT.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root points the writer elsewhere",
        fault: &[Root(Writer, PORT.0, PORT.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root gives the reader's link a wrong password",
        budget: 60,
        fault: &[Root(Reader, PASSWORD.0, PASSWORD.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "root gives the writer's link a wrong password",
        budget: 60,
        fault: &[Root(Writer, PASSWORD.0, PASSWORD.1), Lasts(1000)],
        ..USUAL
    },
    Case {
        name: "reader's relay logs lost",
        fault: &[KillDaemon, Kill(Reader), LoseRelayLogs(Reader), StartDaemon],
        ..USUAL
    },
    Case {
        name: "writer's relay logs lost",
        fault: &[KillDaemon, Kill(Writer), LoseRelayLogs(Writer), StartDaemon],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "reader restarted by hand",
        fault: &[RestartByHand(Reader)],
        ..USUAL
    },
    Case {
        name: "writer restarted by hand",
        fault: &[RestartByHand(Writer)],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "nft table deleted",
        fault: &[DeleteNftTable],
        ..USUAL
    },
    Case {
        name: "ruleset flushed, writer killed",
        fault: &[FlushRuleset, Kill(Writer)],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "reader's my.cnf edited, reader killed",
        fault: &[
            EditConfig(Reader, LINES),
            Kill(Reader),
            UntilNamed("ConfigEdited", Reader),
        ],
        heal: &[UntilWhole, DeleteConfig(Reader)],
        ..USUAL
    },
    Case {
        name: "writer's my.cnf edited, writer killed",
        fault: &[
            EditConfig(Writer, LINES),
            Kill(Writer),
            UntilNamed("ConfigEdited", Writer),
        ],
        heal: &[UntilWhole, DeleteConfig(Writer)],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "my.cnf deleted, reader killed",
        fault: &[DeleteConfig(Reader), Kill(Reader)],
        ..USUAL
    },
    Case {
        name: "state deleted under the daemon",
        fault: &[State(Delete), Lasts(500), KillDaemon, StartDaemon],
        ..USUAL
    },
    Case {
        name: "state deleted, daemon and writer killed",
        fault: &[KillDaemon, State(Delete), Kill(Writer), StartDaemon],
        ends: Either,
        ..USUAL
    },
    Case {
        name: "state deleted under the daemon, then a failover",
        fault: &[
            State(Delete),
            Kill(Writer),
            UntilWhole,
            KillDaemon,
            StartDaemon,
        ],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "state truncated under the daemon",
        fault: &[State(Truncate), Lasts(500), KillDaemon, StartInVain],
        heal: &[State(Delete), StartDaemon],
        ..USUAL
    },
    Case {
        name: "old state restored",
        fault: &[
            State(Keep),
            Kill(Writer),
            UntilWhole,
            KillDaemon,
            State(PutBack),
            StartDaemon,
        ],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "old state of the same epoch restored, writer killed",
        fault: &[
            State(Keep),
            Freeze(Reader),
            UntilNamed("NotInSync", Reader),
            Lasts(1000),
            KillDaemon,
            Kill(Reader),
            Kill(Writer),
            State(PutBack),
            StartDaemon,
        ],
        ends: Either,
        ..USUAL
    },
];

pub(super) const SPENT: &[Case] = &[
    Case {
        name: "root resets the history of MySQL's reader",
        family: Some(Mysql),
        site: Site::Spent,
        fault: &[Root(Reader, HISTORY.0, HISTORY.1)],
        named: Some(("NotInSync", Reader)),
        ends: Alone,
        ..USUAL
    },
    // The position of one domain contains all before it.
    Case {
        name: "root resets the history of MariaDB's reader",
        family: Some(Mariadb),
        site: Site::Spent,
        fault: &[Root(Reader, HISTORY.0, HISTORY.1), Lasts(3000)],
        ..USUAL
    },
    Case {
        name: "root resets the writer's history",
        site: Site::Spent,
        fault: &[Root(Writer, HISTORY.0, HISTORY.1)],
        named: Some(("NotInSync", Reader)),
        ends: Alone,
        ..USUAL
    },
];
