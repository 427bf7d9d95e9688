//! The cut on real servers: a writer with a commit that nobody acknowledged is killed, its tail is
//! cut off, and after the start that commit is gone, all others are there.
//!
//! Needs MariaDB's server and MySQL 9 (`tests/setup`). One server per family, without network.

#![expect(clippy::disallowed_methods, reason = "a test waits for real servers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::server::Family;
use dualmasterd::runtime::prepare::inspect::Datadir;
use dualmasterd::runtime::prepare::{
    Answer, Binaries, Failure, FailureKind, Log, Marker, Order, Step, carry_out, order,
};

/// One server, ended with the test.
struct Server {
    folder: tempfile::TempDir,
    family: Family,
    process: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

impl Server {
    /// Makes the datadir by order.
    fn make(family: Family) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Self {
            folder,
            family,
            process: None,
        };
        fs::write(server.path("my.cnf"), server.settings()).expect("settings");
        let step = || Step::Initialise {
            marker: server.marker(),
        };
        assert_eq!(
            server.order(step()).expect("made"),
            Answer::Initialised { made: true }
        );
        assert_eq!(
            server.order(step()).expect("there"),
            Answer::Initialised { made: false }
        );
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn marker(&self) -> Marker {
        Marker {
            pair: "test".to_owned(),
            member: "a".to_owned(),
            family: self.family,
        }
    }

    fn program(&self, name: &str) -> PathBuf {
        let cache = std::env::var_os("DUALMASTERD_CACHE").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache"),
            PathBuf::from,
        );
        match self.family {
            Family::Mysql => cache.join("mysql/bin").join(name),
            Family::Mariadb => PathBuf::from(match name {
                "mysqld" => "/usr/sbin/mariadbd",
                "mysql" => "/usr/bin/mariadb",
                other => panic!("MariaDB's {other}"),
            }),
        }
    }

    fn settings(&self) -> String {
        let own = match self.family {
            Family::Mysql => {
                "mysqlx=OFF\nsecure-file-priv=\ngtid_mode=ON\nenforce_gtid_consistency=ON\n\
                 performance_schema=OFF\ninnodb_redo_log_capacity=8M\n\
                 plugin_load_add=semisync_source.so\n\
                 loose_rpl_semi_sync_source_timeout=4294967295\n"
            }
            Family::Mariadb => {
                "gtid_strict_mode=1\nlog_slave_updates=1\ninnodb_log_file_size=8M\n\
                 rpl_semi_sync_master_timeout=18446744073709551615\n\
                 rpl_semi_sync_master_wait_point=AFTER_SYNC\n"
            }
        };
        let path = |name: &str| self.path(name).display().to_string();
        format!(
            "[mysqld]\nuser={}\ndatadir={}\nsocket={}\npid_file={}\nlog_error={}\nserver_id=1\n\
             log_bin={}\nskip_networking\nbinlog_format=ROW\nsync_binlog=1\n\
             innodb_flush_log_at_trx_commit=1\ninnodb_buffer_pool_size=64M\n{own}",
            nix::unistd::User::from_uid(nix::unistd::geteuid())
                .expect("users")
                .map_or_else(|| "mysql".to_owned(), |user| user.name),
            path("data"),
            path("s"),
            path("pid"),
            path("err"),
            path("data/binlog"),
        )
    }

    fn order(&self, step: Step) -> Result<Answer, Failure> {
        let order = Order {
            version: order::VERSION,
            name: "a".to_owned(),
            family: self.family,
            datadir: self.path("data"),
            server: Binaries {
                server: self.program("mysqld"),
                install_db: Some(PathBuf::from("/usr/bin/mariadb-install-db")),
            },
            defaults_file: self.path("my.cnf"),
            binlog_index: self.path("data/binlog.index"),
            relay_index: self.path("data/relay.index"),
            unit: None,
            step,
        };
        carry_out(&order).map_err(|error| Failure::of(&error))
    }

    fn start(&mut self) {
        let mut command = Command::new(self.program("mysqld"));
        command.arg(format!("--defaults-file={}", self.path("my.cnf").display()));
        let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(started.expect("the server starts"));
        self.wait("a login", |server| server.try_sql("SELECT 1").is_some());
    }

    fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("SIGKILL");
            process.wait().expect("reaped");
        }
    }

    fn stop(&mut self) {
        let mut process = self.process.take().expect("a server");
        let pid = nix::unistd::Pid::from_raw(process.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("SIGTERM");
        process.wait().expect("reaped");
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !done(self) {
            let log = fs::read_to_string(self.path("err")).unwrap_or_default();
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "waited for {what}\n{log}"
            );
            sleep(Duration::from_millis(30));
        }
    }

    fn client(&self, text: &str) -> Command {
        let mut command = Command::new(self.program("mysql"));
        command
            .args(["--no-defaults", "-uroot", "-NB", "-e", text, "-S"])
            .arg(self.path("s"));
        command.stderr(Stdio::null());
        command
    }

    fn try_sql(&self, text: &str) -> Option<String> {
        let output = self.client(text).output().expect("a client");
        let text = String::from_utf8_lossy(&output.stdout)
            .trim()
            .replace("\\n", "");
        output.status.success().then_some(text)
    }

    fn sql(&self, text: &str) -> String {
        self.try_sql(text)
            .unwrap_or_else(|| panic!("{text} failed"))
    }

    /// What the server executed: what a standby that has everything would know.
    fn executed(&self) -> GtidSet {
        let name = match self.family {
            Family::Mysql => "gtid_executed",
            Family::Mariadb => "gtid_binlog_state",
        };
        self.sql(&format!("SELECT @@global.{name}"))
            .parse()
            .expect("a GTID set")
    }

    fn source_side(&self, on: bool) {
        let name = match self.family {
            Family::Mysql => "rpl_semi_sync_source_enabled",
            Family::Mariadb => "rpl_semi_sync_master_enabled",
        };
        self.sql(&format!("SET GLOBAL {name}={}", u8::from(on)));
    }

    fn lacking(&self, known: &GtidSet) -> GtidSet {
        match self.order(Step::Lacks {
            known: known.clone(),
        }) {
            Ok(Answer::Lacks { gtids }) => gtids,
            other => panic!("{other:?}"),
        }
    }

    /// Runs a statement that waits for its acknowledgement, until its event is in the log.
    fn unacknowledged(&self, text: &str, known: &GtidSet) -> Child {
        let before = self.lacking(known).count();
        let client = self.client(text).spawn().expect("a client");
        self.wait("a commit in the log", |server| {
            server.lacking(known).count() > before
        });
        client
    }

    fn cut(&self, known: &GtidSet, folder: &str) -> Result<Answer, Failure> {
        self.order(Step::Cut {
            known: known.clone(),
            save_to: self.path(folder),
        })
    }

    /// Its own log stands for its peer's.
    fn forget(&self, known: &GtidSet, folder: &str) -> Result<Answer, Failure> {
        self.order(Step::Forget {
            known: known.clone(),
            peer: Log {
                index: self.path("data/binlog.index"),
                datadir: self.path("data"),
            },
            save_to: self.path(folder),
        })
    }

    fn refused(&self, known: &GtidSet, folder: &str, why: &str) {
        let failure = self.cut(known, folder).expect_err("refused");
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains(why), "{}", failure.message);
    }

    fn rows(&self) -> String {
        self.sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM test1.t")
    }
}

fn heard_no_ok(clients: Vec<Child>) {
    for mut client in clients {
        assert!(
            !client.wait().expect("a client").success(),
            "a client heard OK"
        );
    }
}

/// Makes a server with acknowledged rows 1 and 2 in two files, and two commits that wait.
fn with_ghosts(family: Family) -> (Server, GtidSet, Vec<Child>) {
    let mut server = Server::make(family);
    server.start();
    assert_eq!(
        server.sql("SELECT COUNT(*) FROM mysql.user WHERE user IN ('', 'root')"),
        "1"
    );
    server.sql("CREATE DATABASE test1; CREATE TABLE test1.t (id INT PRIMARY KEY, v JSON)");
    server
        .sql("INSERT test1.t VALUES (1, '{}'); FLUSH BINARY LOGS; INSERT test1.t VALUES (2, NULL)");
    let known = server.executed();
    assert_eq!(server.lacking(&known), GtidSet::new());
    // MariaDB rotates while a commit waits, so its next ghost is in the next file.
    server.sql("SET GLOBAL max_binlog_size=4096");
    server.source_side(true);
    let text = "INSERT test1.t VALUES (3, CONCAT('\"', REPEAT('x', 5000), '\"')), (4, '1')";
    let mut clients = vec![server.unacknowledged(text, &known)];
    clients.push(server.unacknowledged("INSERT test1.t VALUES (5, NULL)", &known));
    (server, known, clients)
}

fn ghosts_are_cut_off(family: Family) -> (Server, GtidSet) {
    let (mut server, known, clients) = with_ghosts(family);
    let running = server.cut(&known, "saved").expect_err("running");
    assert_eq!(running.kind, FailureKind::Running, "{}", running.message);
    server.crash();
    heard_no_ok(clients);
    let Ok(Answer::Cut { plan, .. }) = server.cut(&known, "saved") else {
        panic!("no cut")
    };
    assert_eq!(plan.removes.len(), 2);
    let inserted: Vec<_> = plan.removes.iter().map(|g| g.tables[0].inserted).collect();
    assert_eq!(inserted, [2, 1]);
    assert_eq!(plan.later.len(), usize::from(family == Family::Mariadb));
    assert_eq!(server.lacking(&known), GtidSet::new());
    server.start();
    assert_eq!(server.rows(), "1,2");
    assert_eq!(server.executed(), known);
    (server, known)
}

/// Starts a server with an unacknowledged row 6 in its log again, or stops it in order: it has
/// committed, and the cut is refused.
fn committed_ghosts_are_refused(server: &mut Server, known: &GtidSet, started: &str) {
    server.source_side(true);
    let ghost = server.unacknowledged("INSERT test1.t VALUES (6, '{}')", known);
    server.crash();
    heard_no_ok(vec![ghost]);
    server.start();
    server.crash();
    server.refused(known, "refused", started);
    server.start();
    assert_eq!(server.rows(), "1,2,6");
    let known = server.executed();
    server.source_side(true);
    let mut ghost = server.unacknowledged("INSERT test1.t VALUES (7, '{}')", &known);
    server.stop();
    ghost.wait().expect("a client");
    server.refused(&known, "refused", "closed in order");
    let saved = server.order(Step::SaveOwn {
        known,
        into: server.path("saved"),
    });
    let Ok(Answer::OwnSaved { found, .. }) = saved else {
        panic!("{saved:?}")
    };
    assert_eq!(
        (
            found.gtids.count(),
            found.transactions[0].tables[0].inserted
        ),
        (1, 1)
    );
}

/// MySQL: what a statement does to the files of another engine is done before it is logged.
fn ddl_is_cut_where_the_engine_rolls_it_back(server: &mut Server) {
    server.sql("CREATE TABLE test1.m (id INT) ENGINE=MyISAM; INSERT test1.m VALUES (1)");
    let dropped = |server: &mut Server, table: &str| {
        let known = server.executed();
        server.source_side(true);
        let ghost = server.unacknowledged(&format!("DROP TABLE {table}"), &known);
        server.crash();
        heard_no_ok(vec![ghost]);
        known
    };
    let known = dropped(server, "test1.m");
    assert!(!server.path("data/test1/m.MYD").exists(), "it is gone");
    server.refused(&known, "myisam", "is DDL or stands alone: DROP TABLE");
    server.start();
    let known = dropped(server, "test1.t");
    let cut = server.cut(&known, "innodb");
    assert!(matches!(cut, Ok(Answer::Cut { .. })), "{cut:?}");
    server.start();
    assert_eq!(server.rows(), "1,2");
}

#[test]
fn mysql() {
    let (mut server, known) = ghosts_are_cut_off(Family::Mysql);
    let Datadir::Initialised {
        server_version: Some(version),
        ..
    } = (match server.order(Step::Inspect {}) {
        Ok(Answer::Inspected(datadir)) => datadir,
        other => panic!("{other:?}"),
    })
    else {
        panic!("no version")
    };
    assert!(version.starts_with(char::is_numeric), "{version}");
    let tails = fs::read_dir(server.path("saved")).expect("saved");
    let tail = tails
        .map(|e| e.expect("entry").path())
        .find(|p| p.extension() == Some("tail".as_ref()));
    let decoded = Command::new(server.program("mysqlbinlog"))
        .arg("-v")
        .arg(tail.expect("a tail"))
        .output();
    let text = String::from_utf8_lossy(&decoded.expect("mysqlbinlog").stdout).into_owned();
    assert!(text.contains("INSERT INTO `test1`.`t`"), "{text}");

    // Tagged GTIDs, in the log and in the list at the start of the next file.
    server.sql("SET gtid_next='AUTOMATIC:backup'; INSERT test1.t VALUES (8, '{}')");
    server.sql("FLUSH BINARY LOGS");
    server.sql("SET gtid_next='AUTOMATIC:backup'; DELETE FROM test1.t WHERE id=8");
    let with_tags = server.executed();
    assert_eq!(server.lacking(&with_tags), GtidSet::new());
    assert_eq!(server.lacking(&known).count(), 2);

    ddl_is_cut_where_the_engine_rolls_it_back(&mut server);
    let known = server.executed();
    committed_ghosts_are_refused(&mut server, &known, "was logged before");
}

#[test]
fn mariadb() {
    let (mut server, known) = ghosts_are_cut_off(Family::Mariadb);
    committed_ghosts_are_refused(&mut server, &known, "was started since");
    server.start();
    let known = server.executed();
    server.source_side(true);
    let ghost = server.unacknowledged("CREATE TABLE test1.u (id INT)", &known);
    server.crash();
    heard_no_ok(vec![ghost]);
    server.refused(
        &known,
        "ddl",
        "is DDL or stands alone: CREATE TABLE test1.u",
    );
}

/// How a server ends.
type End = fn(&mut Server);

/// What changes nothing is forgotten, however the server ended and whatever it did since.
#[test]
fn mariadb_forgets_what_changes_nothing() {
    let mut server = Server::make(Family::Mariadb);
    server.start();
    server.sql("CREATE DATABASE test1; CREATE TABLE test1.t (id INT PRIMARY KEY, v JSON)");
    server.sql("INSERT test1.t VALUES (1, '{}'), (2, NULL)");
    let known = server.executed();
    let ends: [(&str, End); 3] = [
        ("killed", Server::crash),
        ("closed", Server::stop),
        ("started", |server| {
            server.crash();
            server.start();
            server.sql("ANALYZE TABLE test1.t");
            server.crash();
        }),
    ];
    for (name, end) in ends {
        server.sql("FLUSH TABLES; FLUSH BINARY LOGS; ANALYZE TABLE test1.t");
        let running = server.forget(&known, name).expect_err("running");
        assert_eq!(running.kind, FailureKind::Running, "{}", running.message);
        end(&mut server);
        let Ok(Answer::Cut { plan, .. }) = server.forget(&known, name) else {
            panic!("{name}: not forgotten")
        };
        assert!(plan.removes.len() >= 2, "{name}: {plan:?}");
        server.start();
        assert_eq!(server.executed(), known, "{name}");
        assert_eq!(server.rows(), "1,2");
    }
    server.sql("FLUSH TABLES; INSERT test1.t VALUES (3, NULL)");
    server.crash();
    let refused = server.forget(&known, "refused").expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Refused);
    assert!(
        refused.message.contains("changes something"),
        "{}",
        refused.message
    );
    server.start();
    assert_eq!(server.rows(), "1,2,3");
}
