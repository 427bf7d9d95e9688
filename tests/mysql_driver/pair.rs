//! Two real servers of one family, made for one test and gone after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dualmasterd::act::ServerHandle;
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::incarnation::{BootId, Incarnation};
use dualmasterd::model::server::{Family, ServerFact};
use dualmasterd::model::time::Timestamp;
use dualmasterd::mysql::look::Looker;
use dualmasterd::mysql::secrets::Secrets;
use dualmasterd::mysql::target::{LinkTls, Peer};
use dualmasterd::mysql::{Account, ServerTarget, Session};

pub const LIMIT: Duration = Duration::from_secs(5);

/// A server with its handle.
pub struct Server {
    pub handle: ServerHandle,
    child: Option<Child>,
    config: PathBuf,
    family: Family,
}

/// Two servers that know each other.
pub struct Pair {
    pub a: Server,
    pub b: Server,
    folder: PathBuf,
}

pub fn life() -> Incarnation {
    Incarnation {
        boot: BootId("test".to_owned()),
        pid: 1,
        started: 1,
    }
}

pub fn now() -> Timestamp {
    let clock = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).unwrap();
    Timestamp::from_nanos(u64::try_from(clock.tv_sec()).unwrap() * 1_000_000_000)
        + Duration::from_nanos(u64::try_from(clock.tv_nsec()).unwrap())
}

impl Pair {
    /// Initialises and starts both, read-only, with replication stopped. Takes four ports from `port`.
    pub async fn start(family: Family, port: u16) -> Self {
        let folder = PathBuf::from(format!("/tmp/dualmasterd-driver-{port}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        run(Command::new("chown").arg("mysql:mysql").arg(&folder));
        let secrets = Arc::new(Secrets::load_or_create(&folder.join("secrets.json")).unwrap());
        let a = Server::new(family, &folder, port, 1, &secrets);
        let b = Server::new(family, &folder, port, 2, &secrets);
        let mut pair = Self { a, b, folder };
        std::thread::scope(|both| {
            for server in [&pair.a, &pair.b] {
                both.spawn(|| server.initialise());
            }
        });
        for server in [&mut pair.a, &mut pair.b] {
            server.start().await;
        }
        pair
    }
}

impl Pair {
    /// The first server's own certificates, for the second one's link.
    pub fn tls_of_a(&self) -> LinkTls {
        let datadir = self.folder.join("a.data");
        LinkTls {
            ca: datadir.join("ca.pem"),
            identity: Some((
                datadir.join("client-cert.pem"),
                datadir.join("client-key.pem"),
            )),
        }
    }

    /// Bytes in the relay logs of the second server, roughly.
    pub fn fetched(&self) -> u64 {
        let datadir = self.folder.join("b.data");
        let files = fs::read_dir(datadir).unwrap().map(|file| file.unwrap());
        files
            .filter(|file| file.file_name().to_string_lossy().starts_with("relay."))
            .map(|file| file.metadata().unwrap().len())
            .sum()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for server in [&mut self.a, &mut self.b] {
            server.kill();
        }
        if std::thread::panicking() {
            eprintln!("left for a look: {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Server {
    fn new(family: Family, folder: &Path, port: u16, id: u16, secrets: &Arc<Secrets>) -> Self {
        let name = if id == 1 { "a" } else { "b" };
        let peer = 3 - id;
        let config = folder.join(format!("{name}.cnf"));
        let socket = folder.join(format!("{name}.sock"));
        fs::write(&config, my_cnf(family, folder, name, port, id)).unwrap();
        let target = ServerTarget {
            name: name.to_owned(),
            family,
            socket: Some(socket),
            host: "127.0.0.1".to_owned(),
            port: port + id,
            admin: Some(("127.0.0.1".to_owned(), port + id + 2)),
            server_id: u32::from(id),
            made_by_us: true,
            endpoint: None,
            peer: Peer {
                host: "127.0.0.1".to_owned(),
                port: port + peer,
                server_id: u32::from(peer),
            },
            secrets: secrets.clone(),
            root: None,
            tls: None,
        };
        Self {
            handle: ServerHandle::new(Arc::new(target)),
            child: None,
            config,
            family,
        }
    }

    fn initialise(&self) {
        let datadir = self.config.with_extension("data");
        fs::create_dir(&datadir).unwrap();
        let tmpdir = self.config.with_extension("tmp");
        fs::create_dir(&tmpdir).unwrap();
        run(Command::new("chown")
            .arg("mysql:mysql")
            .arg(&datadir)
            .arg(&tmpdir));
        let defaults = format!("--defaults-file={}", self.config.display());
        match self.family {
            Family::Mariadb => run(Command::new("mariadb-install-db")
                .arg(defaults)
                .arg("--user=mysql")
                .arg("--auth-root-authentication-method=normal")
                .arg("--skip-test-db")),
            Family::Mysql => run(mysqld().arg(defaults).arg("--initialize-insecure")),
        }
    }

    /// Starts the process and waits until root can log in.
    pub async fn start(&mut self) {
        let defaults = format!("--defaults-file={}", self.config.display());
        let mut command = match self.family {
            Family::Mariadb => Command::new("mariadbd"),
            Family::Mysql => mysqld(),
        };
        let child = command
            .arg(defaults)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.child = Some(child.spawn().unwrap());
        for _ in 0..400 {
            if Session::connect(self.target(), Account::Root, LIMIT)
                .await
                .is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} does not start", self.config.display());
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    }

    pub fn target(&self) -> &Arc<ServerTarget> {
        self.handle.target()
    }

    pub async fn root(&self) -> Session {
        Session::connect(self.target(), Account::Root, LIMIT)
            .await
            .unwrap()
    }

    /// Runs statements as root.
    pub async fn sql(&self, sql: &str) {
        self.root().await.run(sql, LIMIT).await.unwrap();
    }

    /// The first column of the first row, as root.
    pub async fn value(&self, sql: &str) -> Option<String> {
        let rows = self.root().await.rows(sql, LIMIT).await.unwrap();
        rows.first()
            .and_then(|row| dualmasterd::mysql::cells::nth(row, 0))
    }

    pub async fn look(&self) -> ServerFact {
        let mut looker = Looker::connect(self.target(), LIMIT).await.unwrap();
        looker.look_full(&life(), now, LIMIT).await.unwrap()
    }

    /// Looks until it is as wanted, 10 s at most.
    pub async fn until(&self, what: &str, wanted: impl Fn(&ServerFact) -> bool) -> ServerFact {
        let mut looker = Looker::connect(self.target(), LIMIT).await.unwrap();
        let mut seen = looker.look_full(&life(), now, LIMIT).await.unwrap();
        for _ in 0..500 {
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            seen = looker.look_full(&life(), now, LIMIT).await.unwrap();
        }
        panic!("{what}: {seen:#?}");
    }

    pub async fn until_has(&self, set: &GtidSet) -> ServerFact {
        self.until("has executed it", |fact| fact.executed.contains(set))
            .await
    }
}

fn my_cnf(family: Family, folder: &Path, name: &str, port: u16, id: u16) -> String {
    let path = |what: &str| folder.join(format!("{name}.{what}")).display().to_string();
    let own = match family {
        Family::Mariadb => format!(
            "log_slave_updates=1\nskip_slave_start=1\ngtid_strict_mode=1\nextra_port={}\n\
             extra_max_connections=4\nrpl_semi_sync_slave_kill_conn_timeout=1\n\
             slave_parallel_threads=4\ninnodb_log_file_size=8M\n",
            port + id + 2
        ),
        Family::Mysql => format!(
            "log_replica_updates=1\nskip_replica_start=1\ngtid_mode=ON\nenforce_gtid_consistency=ON\n\
             super_read_only=1\nmysqlx=OFF\nsecure-file-priv=\nadmin_address=127.0.0.1\n\
             admin_port={}\ninnodb_redo_log_capacity=8M\npersisted_globals_load=OFF\n\
             relay_log_recovery=OFF\n",
            port + id + 2
        ),
    };
    format!(
        "[mysqld]\nuser=mysql\ndatadir={}\ntmpdir={}\nsocket={}\npid-file={}\nlog-error={}\n\
         bind-address=127.0.0.1\nport={}\nserver_id={id}\nlog_bin=binlog\nrelay_log=relay\n\
         binlog_format=ROW\nread_only=1\nskip_name_resolve=1\nmax_connections=20\n\
         innodb_buffer_pool_size=32M\nauto_increment_increment=2\nauto_increment_offset={id}\n{own}",
        path("data"),
        // A starting MariaDB deletes every temporary table in its tmpdir, its peer's as well.
        path("tmp"),
        path("sock"),
        path("pid"),
        path("err"),
        port + id,
    )
}

fn mysqld() -> Command {
    let cache = std::env::var("DUALMASTERD_CACHE")
        .unwrap_or_else(|_| format!("{}/.cache", env!("CARGO_MANIFEST_DIR")));
    Command::new(format!("{cache}/mysql/bin/mysqld"))
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
