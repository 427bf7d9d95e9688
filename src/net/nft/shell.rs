//! One `nft -j -i` process and how to know that it has answered.
//!
//! nft says nothing when a command succeeds. So each command is followed by a line it cannot
//! parse, a marker with a number of its own: its syntax error on stderr quotes the marker, needs
//! no kernel and comes after everything that the command itself had to say. What precedes it is
//! the command's failure. A listing is one line of JSON on stdout, written before the marker is
//! read. (The echo and the prompt of an nft built with another line editor go to stdout as well
//! and are dropped.)

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

const JSON_START: &str = "{\"nftables\"";

/// What came back for one line.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// nft's complaints, empty on success.
    pub(super) said: String,
    /// The listing, where one was asked for and nothing was complained about.
    pub(super) output: Option<String>,
}

/// Why there is no reply; the process is gone in both cases.
#[derive(Debug)]
pub(super) enum ShellError {
    /// The process ended; what it said last.
    Ended { said: String },
    /// No answer in time.
    Hung,
}

/// The running process. Dropped, it is killed by its process id.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    stdin: ChildStdin,
    stderr: BufReader<ChildStderr>,
    listings: mpsc::UnboundedReceiver<String>,
    calls: u64,
}

impl Shell {
    /// Starts `program -j -i` with an empty environment.
    ///
    /// HOME is a place where no history file can be written, and the process group is its own so
    /// that a Ctrl-C for the daemon does not end it.
    pub(super) fn spawn(program: &str) -> std::io::Result<Self> {
        let mut child = Command::new(program)
            .args(["-j", "-i"])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C")
            .env("TERM", "dumb")
            .env("HOME", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        let (sender, listings) = mpsc::unbounded_channel();
        tokio::spawn(forward_listings(stdout, sender));
        Ok(Self {
            child,
            stdin,
            stderr: BufReader::new(stderr),
            listings,
            calls: 0,
        })
    }

    /// The process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Runs one line and returns the process with the reply; on an error it is killed.
    pub(super) async fn run(
        mut self,
        line: &str,
        lists: bool,
        limit: Duration,
    ) -> Result<(Self, Reply), ShellError> {
        match tokio::time::timeout(limit, self.exchange(line, lists)).await {
            Ok(Ok(reply)) => Ok((self, reply)),
            Ok(Err(ended)) => Err(ended),
            Err(_elapsed) => Err(ShellError::Hung),
        }
    }

    async fn exchange(&mut self, line: &str, lists: bool) -> Result<Reply, ShellError> {
        self.calls += 1;
        let marker = format!("dualmasterd_end_{}", self.calls);
        // One that came too late for its call answers nothing now.
        while self.listings.try_recv().is_ok() {}
        // One write, so that nft finds command and marker together.
        let text = format!("{line}\n{marker}\n");
        if let Err(error) = self.stdin.write_all(text.as_bytes()).await {
            return Err(ShellError::Ended {
                said: error.to_string(),
            });
        }
        let said = self.read_until(&marker).await?;
        if !lists || !said.is_empty() {
            return Ok(Reply { said, output: None });
        }
        match self.listings.recv().await {
            Some(listing) => Ok(Reply {
                said,
                output: Some(listing),
            }),
            None => Err(ShellError::Ended { said }),
        }
    }

    /// Reads stderr up to the marker. The error of the marker itself begins one line before it.
    async fn read_until(&mut self, marker: &str) -> Result<String, ShellError> {
        let mut said: Vec<String> = Vec::new();
        loop {
            let mut bytes = Vec::new();
            let length = self.stderr.read_until(b'\n', &mut bytes).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            if length == 0 {
                return Err(ShellError::Ended {
                    said: said.join("; "),
                });
            }
            if text == marker {
                said.pop();
                return Ok(said.join("; "));
            }
            // Carets under the quoted command help nobody in a log line.
            if !text.chars().all(|c| c == '^' || c == ' ' || c == '~') {
                said.push(text);
            }
        }
    }
}

/// Empties stdout all the time, so that nft never waits for us, and hands on the listings.
async fn forward_listings(stdout: ChildStdout, to: mpsc::UnboundedSender<String>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(start) = line.find(JSON_START)
            && let Some(listing) = line.get(start..)
            && to.send(listing.to_owned()).is_err()
        {
            return;
        }
    }
}
