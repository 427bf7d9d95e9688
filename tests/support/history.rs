//! What clients did and heard, with times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// One attempt to write one row; no row is attempted twice.
#[derive(Debug, Clone, Copy)]
pub struct Write {
    /// The client.
    pub writer: u32,
    /// Its number of the row.
    pub seq: u32,
    /// `server_id` at the other end of the client's connection.
    pub server: u32,
    /// When it was sent.
    pub sent: Instant,
    /// When it ended.
    pub ended: Instant,
    /// OK came.
    pub ok: bool,
}

impl Write {
    /// When OK came.
    pub fn acked(&self) -> Option<Instant> {
        self.ok.then_some(self.ended)
    }
}

/// One failure that a client heard.
#[derive(Debug, Clone)]
pub struct Failure {
    /// When the failed attempt was begun.
    pub begun: Instant,
    /// When.
    pub at: Instant,
    /// It was an attempt to connect, not a write.
    pub connecting: bool,
    /// In words.
    pub text: String,
}

/// Everything that the clients of one load did and heard, in the order in which it ended.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Attempts that ended.
    pub writes: Vec<Write>,
    /// Failures.
    pub failures: Vec<Failure>,
}

impl History {
    /// Rows whose write was answered OK.
    pub fn acked(&self) -> BTreeSet<(u32, u32)> {
        let acked = self.writes.iter().filter(|write| write.ok);
        acked.map(|write| (write.writer, write.seq)).collect()
    }

    /// When the first OK came for a write sent at or after `since` to a server that fits.
    pub fn first_ack(&self, since: Instant, server: impl Fn(u32) -> bool) -> Option<Instant> {
        let fits = |write: &&Write| write.ok && write.sent >= since && server(write.server);
        let recent = self
            .writes
            .iter()
            .rev()
            .take_while(|write| write.ended >= since);
        recent.filter(fits).map(|write| write.ended).min()
    }

    /// The longest time without any OK between two moments.
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        gap(self.writes.iter().filter_map(Write::acked), from, to)
    }

    /// The longest time that one client went without an OK between two moments.
    pub fn longest_client_gap(&self, from: Instant, to: Instant) -> Duration {
        let mut clients: BTreeMap<u32, Vec<Instant>> = BTreeMap::new();
        for write in &self.writes {
            clients
                .entry(write.writer)
                .or_default()
                .extend(write.acked());
        }
        let gaps = clients.into_values().map(|acks| gap(acks, from, to));
        gaps.max().unwrap_or_default()
    }

    /// Failures of attempts to connect.
    pub fn refused(&self) -> Vec<&Failure> {
        self.failures
            .iter()
            .filter(|failure| failure.connecting)
            .collect()
    }

    /// The servers that answered OK, one entry per stint, in the order of the answers. A write that was
    /// under way when the next server first answered belongs to the stint before.
    pub fn stints(&self) -> Vec<u32> {
        let mut servers: Vec<(u32, Instant)> = Vec::new();
        for write in self.writes.iter().filter(|write| write.ok) {
            match servers.as_slice() {
                [.., (now, _)] if *now == write.server => {}
                [.., (before, _), (_, since)] if *before == write.server && write.sent < *since => {
                }
                _ => servers.push((write.server, write.ended)),
            }
        }
        servers.into_iter().map(|(server, _)| server).collect()
    }
}

fn gap(acks: impl IntoIterator<Item = Instant>, from: Instant, to: Instant) -> Duration {
    let mut acks: Vec<Instant> = acks
        .into_iter()
        .filter(|at| *at > from && *at < to)
        .collect();
    acks.push(to);
    acks.sort();
    let mut last = from;
    let mut longest = Duration::ZERO;
    for at in acks {
        longest = longest.max(at - last);
        last = at;
    }
    longest
}
