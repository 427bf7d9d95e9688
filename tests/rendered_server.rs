//! Real servers of both families start from exactly the rendered file, know every setting in it, and
//! boot as the promises need them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dualmasterd::decide::render::{arguments, judge, render};
use dualmasterd::model::facts::FileState;
use dualmasterd::model::instance::ServerFile;
use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

/// A value that needs every rule of quoting.
const AWKWARD: &str = "SELECT 'a # b', \"c\\\\d\"  ; ";

struct Server {
    child: Child,
    file: ServerFile,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cached(tool: &str) -> PathBuf {
    let cache = std::env::var_os("DUALMASTERD_CACHE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache"),
        PathBuf::from,
    );
    cache.join("mysql/bin").join(tool)
}

fn run(command: &mut Command) {
    let output = command.output().expect("the command can be run");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn settings(family: Family, folder: &Path, port: u16) -> ServerFile {
    let root = nix::unistd::geteuid().is_root();
    ServerFile {
        pair: "orders".into(),
        member: "db1".into(),
        family,
        user: root.then(|| "mysql".to_owned()),
        datadir: folder.join("data"),
        socket: folder.join("mysqld.sock"),
        pid_file: folder.join("mysqld.pid"),
        log: folder.join("error.log"),
        tmpdir: folder.to_path_buf(),
        bind: "127.0.0.1".into(),
        port,
        admin_port: port + 1,
        server_id: u32::from(port),
        offset: 2,
        gtid_domain: 7,
        ack_timeout: None,
        own: BTreeMap::from([
            ("init_connect".to_owned(), AWKWARD.to_owned()),
            ("lower_case_table_names".to_owned(), "1".to_owned()),
            ("innodb_buffer_pool_size".to_owned(), "64M".to_owned()),
        ]),
    }
}

/// What somebody writes under the rendered file: the last line of a name counts.
const UNDOING: &str = "read_only=OFF\nloose_super_read_only=OFF\nevent_scheduler=ON\n\
    relay_log_recovery=ON\nsync_binlog=0\nlog_bin=elsewhere\nloose_gtid_strict_mode=OFF\n\
    loose_rpl_semi_sync_slave_enabled=OFF\nloose_rpl_semi_sync_replica_enabled=OFF\n";

/// Initialises a datadir and starts the server, both from the rendered file; which somebody may have
/// edited in between.
fn start(family: Family, port: u16, edited: bool) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let file = settings(family, folder.path(), port);
    let cnf = folder.path().join("my.cnf");
    std::fs::write(&cnf, render(&file)).expect("my.cnf");
    run(Command::new("chmod").arg("755").arg(folder.path()));
    run(Command::new("mkdir").arg(&file.datadir));
    if file.user.is_some() {
        run(Command::new("chown")
            .arg("-R")
            .arg("mysql")
            .arg(folder.path()));
    }
    let defaults = format!("--defaults-file={}", cnf.display());
    let binary = match family {
        Family::Mariadb => {
            run(Command::new("mariadb-install-db")
                .arg(&defaults)
                .args(["--auth-root-authentication-method=normal", "--skip-test-db"]));
            PathBuf::from("mariadbd")
        }
        Family::Mysql => {
            let binary = cached("mysqld");
            run(Command::new(&binary)
                .arg(&defaults)
                .arg("--initialize-insecure"));
            binary
        }
    };
    let _ = std::fs::remove_file(&file.log);
    if edited {
        std::fs::write(&cnf, render(&file) + UNDOING).expect("my.cnf");
    }
    let child = Command::new(&binary)
        .arg(&defaults)
        .args(arguments(&file))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    Server {
        child,
        file,
        _folder: folder,
    }
}

async fn login(server: &mut Server) -> Conn {
    let opts = OptsBuilder::default()
        .user(Some("root"))
        .socket(Some(server.file.socket.display().to_string()));
    for _ in 0..200 {
        if let Ok(conn) = Conn::new(opts.clone()).await {
            return conn;
        }
        let ended = server.child.try_wait().expect("its state");
        assert!(ended.is_none(), "it ended: {}", log(server));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no login within 20 s: {}", log(server));
}

fn log(server: &Server) -> String {
    std::fs::read_to_string(&server.file.log).unwrap_or_default()
}

async fn variables(conn: &mut Conn) -> BTreeMap<String, String> {
    let rows: Vec<(String, String)> = conn
        .query("SHOW GLOBAL VARIABLES")
        .await
        .expect("variables");
    rows.into_iter().collect()
}

/// Every rendered setting that is a variable has the rendered value.
fn compare(server: &Server, variables: &BTreeMap<String, String>) {
    let text = render(&server.file);
    let (_, section) = text.split_once("[mysqld]\n").expect("a section");
    // Options that are no variables, or that the server shows in another way.
    let aside = [
        "user",
        "init_rpl_role",
        "skip_slave_start",
        "skip_replica_start",
        "log_bin",
        "plugin_load_add",
        "datadir",
        "init_connect",
        "mysqlx",
        "innodb_buffer_pool_size",
    ];
    for line in section.lines() {
        let (name, value) = line.split_once(" = ").expect("name = value");
        let name = name.strip_prefix("loose_").unwrap_or(name);
        if aside.contains(&name) {
            continue;
        }
        let shown = variables
            .get(name)
            .unwrap_or_else(|| panic!("{name} is no variable"));
        let same = match (value, shown.as_str()) {
            ("ON", "1") | ("OFF", "0") | ("1", "ON") => true,
            (value, shown) => value.eq_ignore_ascii_case(shown),
        };
        assert!(same, "{name}: rendered {value}, the server says {shown}");
    }
    assert_eq!(variables["log_bin"], "ON");
    assert_eq!(variables["init_connect"], AWKWARD);
    assert_eq!(variables["innodb_buffer_pool_size"], "67108864");
}

async fn boots_from_the_rendered_file(family: Family, port: u16) {
    let mut server = start(family, port, false);
    let mut conn = login(&mut server).await;
    compare(&server, &variables(&mut conn).await);
    let plugins: Vec<String> = conn
        .query("SELECT plugin_name FROM information_schema.plugins WHERE plugin_status='ACTIVE'")
        .await
        .expect("plugins");
    if family == Family::Mysql {
        assert!(
            plugins.iter().any(|name| name == "rpl_semi_sync_source"),
            "{plugins:?}"
        );
        assert!(
            plugins.iter().any(|name| name == "rpl_semi_sync_replica"),
            "{plugins:?}"
        );
    }
    // skip_name_resolve: root@localhost comes by the socket alone; the port itself must answer.
    tokio::net::TcpStream::connect(("127.0.0.1", server.file.admin_port))
        .await
        .expect("the daemon's own port listens");
    let text = log(&server);
    let known = |line: &str| {
        [
            "unknown variable",
            "unknown option",
            "Ignoring",
            "ambiguous",
        ]
        .iter()
        .all(|word| !line.contains(word))
    };
    assert!(text.lines().all(known), "{text}");
    let cnf = server.file.datadir.with_file_name("my.cnf");
    let on_disk = std::fs::read_to_string(cnf).expect("my.cnf");
    assert_eq!(
        judge(Some(&on_disk), &render(&server.file)),
        FileState::Same
    );
}

#[tokio::test]
async fn mariadb_boots_from_the_rendered_file() {
    boots_from_the_rendered_file(Family::Mariadb, 24010).await;
}

#[tokio::test]
async fn mysql_boots_from_the_rendered_file() {
    boots_from_the_rendered_file(Family::Mysql, 24020).await;
}

async fn boots_closed_from_an_edited_file(family: Family, port: u16) {
    let mut server = start(family, port, true);
    let mut conn = login(&mut server).await;
    let variables = variables(&mut conn).await;
    compare(&server, &variables);
    assert!(variables["log_bin_basename"].ends_with("/binlog"));
}

#[tokio::test]
async fn mariadb_boots_closed_from_an_edited_file() {
    boots_closed_from_an_edited_file(Family::Mariadb, 24030).await;
}

#[tokio::test]
async fn mysql_boots_closed_from_an_edited_file() {
    boots_closed_from_an_edited_file(Family::Mysql, 24040).await;
}
