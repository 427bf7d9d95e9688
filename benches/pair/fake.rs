//! A server that holds nothing: what the daemon asks of MySQL at rest is answered from a handful of switches.
//!
//! It is this program under the name `mysqld`, started by the daemon as any server is, with a process, a
//! socket, ports and a pid file of its own. No transaction is ever made in it, so both members always have
//! the same; only the heartbeat's row goes to the peer, by a file. It can neither fail over nor lose anything.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use dualmasterd::daemon::clock;
use tokio::net::{TcpListener, UnixListener};

use crate::wire::{self, Answer};

/// The name that the daemon knows a MySQL server by.
pub(crate) const PROGRAM: &str = "mysqld";
/// The heartbeat's newest row, in the datadir.
const BEAT: &str = "heartbeat";

/// Runs as a server if this process was started as one; returns otherwise.
pub(crate) fn serve_if_asked() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    if name.is_none_or(|name| name != PROGRAM) {
        return false;
    }
    let ran = run(&arguments);
    ran.expect("a fake server");
    true
}

fn run(arguments: &[String]) -> io::Result<()> {
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let value = |name: &str| {
        arguments
            .iter()
            .find_map(|argument| argument.strip_prefix(name))
    };
    if has("--version") {
        println!("mysqld  Ver {} for Linux on x86_64 (a fake)", wire::VERSION);
        return Ok(());
    }
    if has("--initialize-insecure") {
        // By these a datadir is known as MySQL's.
        let datadir = PathBuf::from(value("--datadir=").unwrap_or_default());
        std::fs::write(datadir.join("auto.cnf"), "[auto]\n")?;
        return std::fs::write(datadir.join("mysql.ibd"), "");
    }
    let file = std::fs::read_to_string(value("--defaults-file=").unwrap_or_default())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&settings(&file)))
}

/// The settings of a `my.cnf`, with `_` in the names.
fn settings(file: &str) -> BTreeMap<String, String> {
    let pairs = file.lines().filter_map(|line| line.split_once('='));
    let clean = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    pairs
        .map(|(name, value)| (clean(name).replace('-', "_"), clean(value)))
        .collect()
}

async fn serve(settings: &BTreeMap<String, String>) -> io::Result<()> {
    let value = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let port = |name: &str| value(name).parse::<u16>().unwrap_or(0);
    let socket = PathBuf::from(value("socket"));
    let _ = std::fs::remove_file(&socket);
    let server = Arc::new(Mutex::new(Server::new(
        &value("server_id"),
        value("datadir").into(),
    )));
    let front = TcpListener::bind(("127.0.0.1", port("port"))).await?;
    let admin = TcpListener::bind(("127.0.0.1", port("admin_port"))).await?;
    let local = UnixListener::bind(&socket)?;
    std::fs::write(value("pid_file"), format!("{}\n", std::process::id()))?;
    let mut id = 0;
    loop {
        id += 1;
        let server = server.clone();
        let answer = move |statement: &str| server.lock().expect("lock").answer(statement);
        tokio::select! {
            Ok((stream, _)) = local.accept() => drop(tokio::spawn(wire::serve(stream, id, answer))),
            Ok((stream, _)) = front.accept() => drop(tokio::spawn(wire::serve(stream, id, answer))),
            Ok((stream, _)) = admin.accept() => drop(tokio::spawn(wire::serve(stream, id, answer))),
        }
    }
}

/// The switches.
struct Server {
    id: String,
    datadir: PathBuf,
    read_only: bool,
    closed: bool,
    events_on: bool,
    source_on: bool,
    timeout: String,
    /// Host and port of the source.
    source: Option<(String, String)>,
    receiver: bool,
    applier: bool,
}

impl Server {
    fn new(id: &str, datadir: PathBuf) -> Self {
        Self {
            id: id.to_owned(),
            datadir,
            read_only: true,
            closed: true,
            events_on: false,
            source_on: false,
            timeout: u32::MAX.to_string(),
            source: None,
            receiver: false,
            applier: false,
        }
    }

    fn answer(&mut self, statement: &str) -> Answer {
        let statement = statement.trim();
        if let Some(settings) = statement.strip_prefix("SET GLOBAL ") {
            self.set(settings);
        } else if let Some(options) = statement.strip_prefix("CHANGE REPLICATION SOURCE TO ") {
            self.point(options);
        } else if let Some(which) = statement.strip_prefix("START REPLICA") {
            self.switch(which, true);
        } else if let Some(which) = statement.strip_prefix("STOP REPLICA") {
            self.switch(which, false);
        } else if statement.starts_with("REPLACE INTO dualmasterd.heartbeat") {
            self.beat(statement);
        } else if statement.starts_with("SELECT")
            || statement.starts_with("SHOW")
            || statement.starts_with("XA RECOVER")
        {
            return self.show(statement);
        }
        Answer::Done
    }

    fn set(&mut self, settings: &str) {
        for setting in settings.split(',') {
            let Some((name, value)) = setting.trim().trim_start_matches("GLOBAL ").split_once('=')
            else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            let on = matches!(value, "1" | "ON");
            match name {
                "read_only" => {
                    self.read_only = on;
                    self.closed &= on;
                }
                "super_read_only" => {
                    self.closed = on;
                    self.read_only |= on;
                }
                "event_scheduler" => self.events_on = on,
                "rpl_semi_sync_source_enabled" => self.source_on = on,
                "rpl_semi_sync_source_timeout" => self.timeout = value.to_owned(),
                _ => {}
            }
        }
    }

    fn point(&mut self, options: &str) {
        let option = |name: &str| {
            let found = options
                .split(", ")
                .find_map(|option| option.strip_prefix(name));
            found.map(|value| value.trim_matches('\'').to_owned())
        };
        if let (Some(host), Some(port)) = (option("SOURCE_HOST="), option("SOURCE_PORT=")) {
            self.source = Some((host, port));
        }
    }

    fn switch(&mut self, which: &str, on: bool) {
        if !which.contains("SQL_THREAD") {
            self.receiver = on;
        }
        if !which.contains("IO_THREAD") {
            self.applier = on;
        }
    }

    /// Keeps `server_id`, epoch, writer and time for both members.
    fn beat(&self, statement: &str) {
        let values = statement.split("'), ").nth(1).unwrap_or_default();
        let mut values: Vec<&str> = values.split(", ").take(3).collect();
        let now = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = now.as_millis().to_string();
        values.push(&now);
        let (beat, new) = (self.datadir.join(BEAT), self.datadir.join("heartbeat.new"));
        // The peer must not read half of it. A row that cannot be kept looks to the daemon like a lag.
        let _ = std::fs::write(&new, values.join(" ")).and_then(|()| std::fs::rename(new, beat));
    }

    /// The rows of both members.
    fn beats(&self) -> Vec<Vec<Option<String>>> {
        let own = self.datadir.to_string_lossy();
        let peer = match own.contains("/a/") {
            true => own.replace("/a/", "/b/"),
            false => own.replace("/b/", "/a/"),
        };
        let files = [self.datadir.join(BEAT), Path::new(&peer).join(BEAT)];
        let rows = files
            .iter()
            .filter_map(|file| std::fs::read_to_string(file).ok());
        let rows = rows.map(|row| row.split(' ').map(|cell| Some(cell.to_owned())).collect());
        rows.filter(|row: &Vec<_>| row.len() == 4).collect()
    }

    fn show(&self, statement: &str) -> Answer {
        let one = |name, value: &str| Answer::Rows(vec![name], vec![vec![Some(value.to_owned())]]);
        if statement.starts_with("SELECT @@") {
            self.variables()
        } else if statement.starts_with("SHOW REPLICA STATUS") {
            self.link()
        } else if statement.contains("FROM dualmasterd.heartbeat") {
            Answer::Rows(
                vec!["server_id", "epoch", "writer", "written_ms"],
                self.beats(),
            )
        } else if statement.contains("performance_schema.global_status") {
            self.semi_sync()
        } else if statement.starts_with("SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync_source_enabled'")
        {
            let on = if self.source_on { "ON" } else { "OFF" };
            one("Value", on)
        } else if statement.starts_with("SHOW GRANTS") {
            one("grant", "GRANT REPLICATION SLAVE ON *.* TO `x`@`y`")
        } else if statement.starts_with("SELECT VERSION()") {
            one("version", wire::VERSION)
        } else if statement.contains("AS plugins") {
            one("plugins", "2")
        } else if statement.contains("AS there") {
            one("there", "1")
        } else {
            Answer::Rows(vec!["nothing"], Vec::new())
        }
    }

    /// Every variable that is asked for anywhere: cells are read by their names.
    fn variables(&self) -> Answer {
        let switch = |on: bool| Some(if on { "1" } else { "0" }.to_owned());
        let state = |on: bool| Some(if on { "ON" } else { "OFF" }.to_owned());
        let text = |value: &str| Some(value.to_owned());
        let linked = self.source.is_some();
        let uuid = format!("00000000-0000-0000-0000-{:0>12}", self.id);
        let all = vec![
            ("executed", text("")),
            ("read_only", switch(self.read_only)),
            ("closed", switch(self.closed)),
            ("events", state(self.events_on)),
            ("source_enabled", switch(self.source_on)),
            ("replica_enabled", text("1")),
            ("timeout", text(&self.timeout)),
            ("wait_none", text("1")),
            ("wait_point", text("AFTER_SYNC")),
            ("wait_count", text("1")),
            ("receiver", state(self.receiver).filter(|_| linked)),
            ("received", text("").filter(|_| linked)),
            ("queueing", text("")),
            ("receiver_errno", text("0")),
            ("receiver_error", text("")),
            ("applier", state(self.applier).filter(|_| linked)),
            ("applier_errno", text("0")),
            ("applier_error", text("")),
            ("server_id", text(&self.id)),
            ("server_uuid", text(&uuid)),
            ("strict", text("1")),
            ("logs_updates", text("1")),
            ("enabled", text("1")),
            ("source", switch(self.source_on)),
        ];
        let (names, cells) = all.into_iter().unzip();
        Answer::Rows(names, vec![cells])
    }

    fn link(&self) -> Answer {
        let state = |on: bool| if on { "Yes" } else { "No" }.to_owned();
        let names = vec![
            "Source_Host",
            "Source_Port",
            "Source_User",
            "Replica_IO_Running",
            "Replica_SQL_Running",
            "Auto_Position",
            "Retrieved_Gtid_Set",
        ];
        let row = |(host, port): &(String, String)| {
            let user = "dualmasterd_replicate".to_owned();
            let (receiver, applier) = (state(self.receiver), state(self.applier));
            let cells = [
                host.clone(),
                port.clone(),
                user,
                receiver,
                applier,
                "1".into(),
                String::new(),
            ];
            cells.map(Some).to_vec()
        };
        Answer::Rows(names, self.source.iter().map(row).collect())
    }

    fn semi_sync(&self) -> Answer {
        let on = if self.source_on { "ON" } else { "OFF" };
        let clients = if self.source_on { "1" } else { "0" };
        let rows = [("status", on), ("clients", clients), ("wait_sessions", "0")];
        let rows = rows.map(|(name, value)| {
            vec![
                Some(format!("Rpl_semi_sync_source_{name}")),
                Some(value.to_owned()),
            ]
        });
        Answer::Rows(vec!["VARIABLE_NAME", "VARIABLE_VALUE"], rows.to_vec())
    }
}
