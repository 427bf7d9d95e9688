//! The endpoint `redirect`: an nftables table of our own per pair, driven by one `nft -i`.
//!
//! One long-lived `nft -j -i` is fed by a pipe, so nothing is spawned on the failover path: a flip
//! takes a tenth of a millisecond where a spawned `nft` takes 2.5 to 10. Every change is one line,
//! and so one transaction: packets see the rules before it or after it, never half of it.
//!
//! A flip leads new connections only. Established ones keep their server, which is why the
//! sockets of a deposed writer are destroyed ([`crate::net::sockets`]).
//!
//! Cancelling: a call that is dropped half-way kills its `nft`, and the next call starts another.
//! Its change may or may not have been made; all calls may be repeated.

mod changes;
mod rules;
mod shell;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

pub use changes::{Change, Changes, ChangesError};
pub use rules::{BadRules, Found, Rules, Table};
use shell::{Reply, Shell, ShellError};

/// What can go wrong between us and nftables.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// No `nft` could be started.
    #[error("could not start `nft -j -i` to {attempted} (is the package nftables installed?)")]
    Spawn {
        /// What was to be done.
        attempted: String,
        /// Why not.
        source: std::io::Error,
    },
    /// `nft` ended before it answered, twice.
    #[error("nft ended while asked to {attempted}; it said: {said}")]
    Ended {
        /// What was to be done.
        attempted: String,
        /// Its last words.
        said: String,
    },
    /// `nft` did not answer within the limit, twice; it was killed.
    #[error("nft did not answer within {limit:?} when asked to {attempted}; it was killed")]
    Hung {
        /// What was to be done.
        attempted: String,
        /// The limit of one try.
        limit: Duration,
    },
    /// The kernel refused for lack of a capability.
    #[error("nft may not {attempted}: it needs CAP_NET_ADMIN; it said: {said}")]
    NotPermitted {
        /// What was to be done.
        attempted: String,
        /// nft's words.
        said: String,
    },
    /// `nft` or the kernel refused.
    #[error("nft could not {attempted}; it said: {said}")]
    Refused {
        /// What was to be done.
        attempted: String,
        /// nft's words.
        said: String,
    },
    /// There is no such table or map: somebody removed it, or it was never made.
    #[error("could not {attempted}: its table is not there; it said: {said}")]
    NoTable {
        /// What was to be done.
        attempted: String,
        /// nft's words.
        said: String,
    },
    /// The listing was no JSON.
    #[error("could not read nft's answer when asked to {attempted}")]
    Unreadable {
        /// What was to be done.
        attempted: String,
        /// Where it broke.
        source: serde_json::Error,
    },
    /// The table read back differs from what was written.
    #[error(
        "table {table} is not as it was written; somebody else changes it, or this nft is unknown to us"
    )]
    NotAsWritten {
        /// The table.
        table: Table,
    },
    /// An entry that cannot be written.
    #[error(transparent)]
    BadRules(#[from] BadRules),
}

/// What [`Nft::ensure`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// Everything was in place; nothing was written.
    AlreadyThere,
    /// Only the entries differed; they were replaced.
    Entries,
    /// The table was missing or damaged; it was made anew.
    Table,
}

/// The handle on nftables; one per daemon serves all pairs.
#[derive(Debug)]
pub struct Nft {
    shell: Mutex<Option<Shell>>,
    limit: Duration,
    program: String,
    /// 0 before the first was started.
    pid: AtomicU32,
}

impl Nft {
    /// Starts `nft -j -i` and waits for its first answer, so that later calls find it warm.
    ///
    /// `limit` bounds one try of any call. A try that ends with a dead or hung `nft` is repeated
    /// once with a new one, so a call takes at most twice the limit, plus its wait for calls
    /// before it.
    ///
    /// # Errors
    /// [`NftError::Spawn`] without the program, [`NftError::Ended`] and [`NftError::Hung`].
    pub async fn start(limit: Duration) -> Result<Self, NftError> {
        Self::start_program("nft", limit).await
    }

    async fn start_program(program: &str, limit: Duration) -> Result<Self, NftError> {
        let nft = Self {
            shell: Mutex::new(None),
            limit,
            program: program.to_owned(),
            pid: AtomicU32::new(0),
        };
        nft.run("answer", "", false).await?;
        Ok(nft)
    }

    /// Makes the table of `rules` hold exactly its entries; writes nothing if it does already.
    ///
    /// # Errors
    /// [`NftError`]; [`NftError::NotAsWritten`] if the table read back differs.
    pub async fn ensure(&self, rules: &Rules) -> Result<Ensured, NftError> {
        let (line, outcome) = match self.read(rules.table()).await {
            Ok(Some(found)) if found.is(rules) => return Ok(Ensured::AlreadyThere),
            Ok(Some(found)) if found.intact => (rules.entries_line(), Ensured::Entries),
            // nft 1.0.6 prints broken JSON for a table that somebody made dormant.
            Ok(_) | Err(NftError::Unreadable { .. }) => (rules.table_line(), Ensured::Table),
            Err(error) => return Err(error),
        };
        let attempted = format!("write table {}", rules.table());
        self.run(&attempted, &line, false)
            .await?
            .accepted(&attempted)?;
        match self.read(rules.table()).await? {
            Some(found) if found.is(rules) => Ok(outcome),
            Some(_) | None => Err(NftError::NotAsWritten {
                table: rules.table().clone(),
            }),
        }
    }

    /// Leads connections to `at` to `to` from now on, in one transaction.
    ///
    /// # Errors
    /// [`NftError::NoTable`] if the table is gone: then [`Nft::ensure`] is the remedy.
    pub async fn flip(
        &self,
        table: &Table,
        at: SocketAddr,
        to: SocketAddr,
    ) -> Result<(), NftError> {
        let attempted = format!("lead {at} to {to} in table {table}");
        let replace = rules::replace_line(table, at, to)?;
        match self
            .run(&attempted, &replace, false)
            .await?
            .accepted(&attempted)
        {
            // The entry itself may be what is missing.
            Err(NftError::NoTable { .. }) => {
                let add = rules::add_line(table, at, to)?;
                self.run(&attempted, &add, false)
                    .await?
                    .accepted(&attempted)
            }
            other => other,
        }
    }

    /// Reads the table, `None` if there is none.
    ///
    /// # Errors
    /// [`NftError`].
    pub async fn read(&self, table: &Table) -> Result<Option<Found>, NftError> {
        let attempted = format!("list table {table}");
        let reply = self.run(&attempted, &rules::list_line(table), true).await?;
        match reply.accepted(&attempted) {
            Err(NftError::NoTable { .. }) => return Ok(None),
            other => other?,
        }
        let text = reply.output.unwrap_or_default();
        rules::parse(&text)
            .map(Some)
            .map_err(|source| NftError::Unreadable { attempted, source })
    }

    /// Deletes the table; no error if there is none.
    ///
    /// # Errors
    /// [`NftError`].
    pub async fn remove(&self, table: &Table) -> Result<(), NftError> {
        let attempted = format!("delete table {table}");
        match self
            .run(&attempted, &rules::delete_line(table), false)
            .await?
            .accepted(&attempted)
        {
            Err(NftError::NoTable { .. }) => Ok(()),
            other => other,
        }
    }

    /// The process id of the `nft` in use, also while a call is under way: by it our own changes are
    /// told from those of others.
    pub fn pid(&self) -> Option<u32> {
        let pid = self.pid.load(Ordering::Relaxed);
        (pid != 0).then_some(pid)
    }

    /// Runs one line, on the `nft` that runs or, if that fails, on a new one.
    async fn run(&self, attempted: &str, line: &str, lists: bool) -> Result<Reply, NftError> {
        let mut slot = self.shell.lock().await;
        if let Some(old) = slot.take()
            && let Ok((shell, reply)) = old.run(line, lists, self.limit).await
        {
            *slot = Some(shell);
            return Ok(reply);
        }
        let spawned = Shell::spawn(&self.program).map_err(|source| NftError::Spawn {
            attempted: attempted.to_owned(),
            source,
        })?;
        self.pid
            .store(spawned.pid().unwrap_or(0), Ordering::Relaxed);
        match spawned.run(line, lists, self.limit).await {
            Ok((shell, reply)) => {
                *slot = Some(shell);
                Ok(reply)
            }
            Err(ShellError::Hung) => Err(NftError::Hung {
                attempted: attempted.to_owned(),
                limit: self.limit,
            }),
            Err(ShellError::Ended { said }) => Err(NftError::Ended {
                attempted: attempted.to_owned(),
                said,
            }),
        }
    }
}

impl Reply {
    /// Turns nft's complaints into an error.
    fn accepted(&self, attempted: &str) -> Result<(), NftError> {
        if self.said.is_empty() {
            return Ok(());
        }
        let (attempted, said) = (attempted.to_owned(), self.said.clone());
        Err(if said.contains("Operation not permitted") {
            NftError::NotPermitted { attempted, said }
        } else if said.contains("No such file or directory") {
            NftError::NoTable { attempted, said }
        } else {
            NftError::Refused { attempted, said }
        })
    }
}

#[cfg(test)]
mod tests;
