//! Much, slow or strange work under way when a server dies.

use crate::faults::case::Ends::{Alone, Either, Moved};
use crate::faults::case::Step::{
    Begin, Client, CommitLarge, Hold, Kill, Large, Lasts, Quiet, Release, Root, UntilNamed,
    UntilRuns,
};
use crate::faults::case::Who::{Reader, Writer, WriterNow};
use crate::faults::case::{Case, Site, Step, USUAL, Words};

/// Some 200,000 rows of 300 bytes: a copy takes seconds.
const MANY_ROWS: Step = Client(&[
    "CREATE TABLE x_many (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(300))",
    "INSERT INTO x_many (v) VALUES (REPEAT('x', 300)), (REPEAT('y', 300)), (REPEAT('z', 300))",
    "INSERT INTO x_many (v) SELECT a.v FROM x_many a, x_many b, x_many c, x_many d, x_many e, x_many f",
    "INSERT INTO x_many (v) SELECT a.v FROM x_many a, (SELECT 1 FROM x_many LIMIT 270) b",
]);
const COPY: Words = &["ALTER TABLE x_many ADD COLUMN w INT, ALGORITHM=COPY"];

pub(super) const ROWS: &[Case] = &[
    // Commits wait behind so much: the pair may have gone on alone before the kill.
    Case {
        name: "200 MB being committed, writer killed",
        fault: &[Large(200), CommitLarge, Lasts(150), Kill(Writer)],
        ends: Either,
        budget: 90,
        ..USUAL
    },
    Case {
        name: "200 MB open, writer killed",
        fault: &[Large(200), Kill(Writer)],
        ends: Moved,
        budget: 90,
        ..USUAL
    },
    Case {
        name: "200 MB being committed, reader killed",
        fault: &[Large(200), CommitLarge, Lasts(150), Kill(Reader)],
        budget: 90,
        ..USUAL
    },
    Case {
        name: "long DDL, writer killed",
        fault: &[
            MANY_ROWS,
            Step::UntilWhole,
            Begin(COPY),
            UntilRuns(Writer, "ALTER"),
            Lasts(300),
            Kill(Writer),
        ],
        ends: Moved,
        budget: 60,
        ..USUAL
    },
    Case {
        name: "long DDL being applied, writer killed",
        fault: &[
            MANY_ROWS,
            Step::UntilWhole,
            Begin(COPY),
            UntilRuns(Reader, "ALTER"),
            Kill(Writer),
        ],
        ends: Moved,
        budget: 60,
        ..USUAL
    },
    Case {
        name: "long DDL being applied, reader killed",
        fault: &[
            MANY_ROWS,
            Step::UntilWhole,
            Begin(COPY),
            UntilRuns(Reader, "ALTER"),
            Lasts(300),
            Kill(Reader),
        ],
        budget: 60,
        ..USUAL
    },
    Case {
        name: "deep lag, writer killed",
        fault: &[
            Hold(Reader, &["LOCK TABLES app.{t} READ"]),
            Lasts(8000),
            Kill(Writer),
            Release,
        ],
        ends: Moved,
        budget: 60,
        ..USUAL
    },
    Case {
        name: "deep lag, reader killed",
        fault: &[
            Hold(Reader, &["LOCK TABLES app.{t} READ"]),
            Lasts(8000),
            Kill(Reader),
        ],
        budget: 60,
        ..USUAL
    },
    Case {
        name: "applier error open, writer killed",
        fault: &[
            Client(&["CREATE TABLE x_error (id INT PRIMARY KEY)"]),
            Lasts(1000),
            Quiet(Reader, &["INSERT INTO app.x_error VALUES (7)"]),
            Client(&["INSERT INTO x_error VALUES (7)"]),
            UntilNamed("LinkBroken", Reader),
            Kill(Writer),
            Lasts(3000),
        ],
        named: Some(("LinkBroken", Reader)),
        heal: &[
            Quiet(Reader, &["DELETE FROM app.x_error WHERE id = 7"]),
            Root(
                Reader,
                &["START SLAVE SQL_THREAD"],
                &["START REPLICA SQL_THREAD"],
            ),
        ],
        budget: 60,
        ..USUAL
    },
    Case {
        name: "MyISAM table, writer killed",
        fault: &[
            Client(&[
                "CREATE TABLE x_myisam (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=MyISAM",
                "INSERT INTO x_myisam (v) VALUES (1), (2), (3)",
                "UPDATE x_myisam SET v = v + 1",
            ]),
            Lasts(500),
            Kill(Writer),
        ],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "XA prepared, writer killed",
        fault: &[
            Client(&["CREATE TABLE x_xa (id INT PRIMARY KEY)"]),
            Client(&[
                "XA START 'x'",
                "INSERT INTO x_xa VALUES (1)",
                "XA END 'x'",
                "XA PREPARE 'x'",
            ]),
            Lasts(500),
            Kill(Writer),
        ],
        heal: &[
            Step::UntilWhole,
            Release,
            Root(WriterNow, &["XA COMMIT 'x'"], &["XA COMMIT 'x'"]),
        ],
        ends: Moved,
        ..USUAL
    },
    Case {
        name: "XA prepared, reader killed",
        fault: &[
            Client(&["CREATE TABLE x_xa (id INT PRIMARY KEY)"]),
            Client(&[
                "XA START 'x'",
                "INSERT INTO x_xa VALUES (1)",
                "XA END 'x'",
                "XA PREPARE 'x'",
            ]),
            Lasts(500),
            Kill(Reader),
        ],
        heal: &[
            Step::UntilWhole,
            Release,
            Root(Writer, &["XA COMMIT 'x'"], &["XA COMMIT 'x'"]),
        ],
        ..USUAL
    },
    Case {
        name: "XA active, writer killed",
        fault: &[
            Client(&["CREATE TABLE x_xa (id INT PRIMARY KEY)"]),
            Client(&["XA START 'x'", "INSERT INTO x_xa VALUES (1)"]),
            Kill(Writer),
        ],
        ends: Moved,
        ..USUAL
    },
];

const MEMORY: Step = Client(&[
    "CREATE TABLE x_memory (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=MEMORY",
    "INSERT INTO x_memory (v) VALUES (1), (2), (3)",
]);
const TOUCH: Words = &["SELECT COUNT(*) FROM app.x_memory"];

/// A server that starts has lost what a MEMORY table held. It logs that as a transaction of its own when
/// somebody first looks, also as reader: the members differ, and that is named.
pub(super) const SPENT: &[Case] = &[
    Case {
        name: "MEMORY table, writer killed",
        site: Site::Spent,
        fault: &[
            MEMORY,
            Lasts(500),
            Kill(Writer),
            Step::UntilWhole,
            Root(Writer, TOUCH, TOUCH),
        ],
        named: Some(("ReaderHasOwnRows", Writer)),
        ends: Alone,
        ..USUAL
    },
    Case {
        name: "MEMORY table, reader killed",
        site: Site::Spent,
        fault: &[
            MEMORY,
            Lasts(500),
            Kill(Reader),
            Step::UntilWhole,
            Root(Reader, TOUCH, TOUCH),
        ],
        named: Some(("ReaderHasOwnRows", Reader)),
        ends: Alone,
        ..USUAL
    },
];
