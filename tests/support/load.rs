//! Clients that write through the endpoint and never give up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::Host;
use super::history::{Failure, History, Write};
use super::settings::{ENDPOINT, PAIR};
use super::sql;

/// After a failure a client tries again after this time.
const RETRY: Duration = Duration::from_millis(1);
/// A write without an answer for this long counts as failed: longer than any fault of the tests.
const WRITE: Duration = Duration::from_secs(30);

/// Running clients, and what they have done so far.
pub struct Load {
    table: String,
    history: Arc<Mutex<History>>,
    stop: watch::Sender<bool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Creates `table` through the endpoint and starts `clients`, each of which writes, waits for OK,
    /// and rests for `rest`.
    ///
    /// # Panics
    /// Where the table cannot be created.
    pub async fn start(host: &Host, table: &str, clients: u32, rest: Duration) -> Self {
        let opts = sql::app_at(&host.setup.address, ENDPOINT);
        let mut conn = sql::connect(&opts)
            .await
            .expect("a session through the endpoint");
        let create = format!(
            "CREATE TABLE {table} (id BIGINT AUTO_INCREMENT PRIMARY KEY, writer INT NOT NULL, \
             seq INT NOT NULL, KEY (writer, seq)) ENGINE=InnoDB"
        );
        let made = sql::run(&mut conn, &create, WRITE).await;
        made.unwrap_or_else(|why| panic!("{create}, pair {PAIR} at {:?}: {why}", host.path()));
        let _ = conn.disconnect().await;
        let history = Arc::new(Mutex::new(History::default()));
        let (stop, stopped) = watch::channel(false);
        let clients = (0..clients).map(|writer| {
            let client = Client {
                writer,
                table: table.to_owned(),
                opts: opts.clone(),
                rest,
                history: history.clone(),
                stopped: stopped.clone(),
                seq: 0,
            };
            tokio::spawn(client.run())
        });
        let clients = clients.collect();
        let load = Self {
            table: table.to_owned(),
            history,
            stop,
            clients,
        };
        load.until_acked(Instant::now(), |_| true, Duration::from_secs(10))
            .await;
        load
    }

    /// Clients of the usual load: about 1,500 writes a second in all, which either family's applier keeps
    /// up with.
    pub const USUAL: u32 = 4;
    /// How long each of them rests after a write.
    pub const REST: Duration = Duration::from_millis(1);

    /// The usual load.
    pub async fn usual(host: &Host, table: &str) -> Self {
        Self::start(host, table, Self::USUAL, Self::REST).await
    }

    /// The table it writes.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// What was done so far.
    pub fn so_far(&self) -> History {
        self.history.lock().expect("lock").clone()
    }

    /// Waits for the first OK to a write sent at or after `since` to a server that fits.
    ///
    /// # Panics
    /// Where it does not come in time.
    pub async fn until_acked(
        &self,
        since: Instant,
        server: impl Fn(u32) -> bool,
        wait: Duration,
    ) -> Instant {
        let deadline = Instant::now() + wait;
        loop {
            let found = self.history.lock().expect("lock").first_ack(since, &server);
            if let Some(at) = found {
                return at;
            }
            if Instant::now() >= deadline {
                let failures = self.history.lock().expect("lock").failures.clone();
                let last = failures.last().map(|failure| failure.text.clone());
                panic!("no acknowledged write for {wait:?}; the last failure: {last:?}");
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until writes are answered again, for a while longer, ends the clients and hands over.
    ///
    /// # Panics
    /// Where a client does not end.
    pub async fn finish(mut self) -> History {
        self.until_acked(Instant::now(), |_| true, Duration::from_secs(20))
            .await;
        sleep(Duration::from_millis(100)).await;
        self.stop.send_replace(true);
        for client in std::mem::take(&mut self.clients) {
            let ended = timeout(WRITE + sql::CONNECT, client).await;
            ended
                .expect("a client ends")
                .expect("a client does not panic");
        }
        self.so_far()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for client in &self.clients {
            client.abort();
        }
    }
}

struct Client {
    writer: u32,
    table: String,
    opts: Opts,
    rest: Duration,
    history: Arc<Mutex<History>>,
    stopped: watch::Receiver<bool>,
    seq: u32,
}

impl Client {
    async fn run(mut self) {
        while !*self.stopped.borrow() {
            let begun = Instant::now();
            match self.connect().await {
                Ok((conn, server)) => self.write(conn, server).await,
                Err(text) => self.failed(begun, true, text),
            }
            sleep(RETRY).await;
        }
    }

    /// A session, and who is at its other end.
    async fn connect(&self) -> Result<(Conn, u32), String> {
        let mut conn = sql::connect(&self.opts).await?;
        match timeout(sql::CONNECT, conn.query_first("SELECT @@server_id")).await {
            Ok(Ok(Some(server))) => Ok((conn, server)),
            Ok(Ok(None)) => Err("no server_id".into()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no first answer after {:?}", sql::CONNECT)),
        }
    }

    /// Writes until something fails or the load ends.
    async fn write(&mut self, mut conn: Conn, server: u32) {
        while !*self.stopped.borrow() {
            self.seq += 1;
            let statement = format!(
                "INSERT INTO {} (writer, seq) VALUES ({}, {})",
                self.table, self.writer, self.seq
            );
            let sent = Instant::now();
            let answer = sql::run(&mut conn, &statement, WRITE).await;
            let write = Write {
                writer: self.writer,
                seq: self.seq,
                server,
                sent,
                ended: Instant::now(),
                ok: answer.is_ok(),
            };
            self.history.lock().expect("lock").writes.push(write);
            if let Err(text) = answer {
                self.failed(sent, false, text);
                return;
            }
            sleep(self.rest).await;
        }
        let _ = timeout(sql::CONNECT, conn.disconnect()).await;
    }

    fn failed(&self, begun: Instant, connecting: bool, text: String) {
        let at = Instant::now();
        let failure = Failure {
            begun,
            at,
            connecting,
            text,
        };
        self.history.lock().expect("lock").failures.push(failure);
    }
}
