//! The binary and relay logs of one member, as files: compared, cut, written out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Done, InstanceHands, odd, on_disk};
use crate::binlog::ghost::GhostTransaction;
use crate::model::action::{ActionError, Brought, Saved};
use crate::model::gtid::GtidSet;
use crate::model::incarnation::Incarnation;
use crate::model::server::Family;
use crate::runtime::adopt;
use crate::runtime::prepare::{Answer, Log, Step as PrepareStep};

impl InstanceHands {
    /// Which transactions the dead server's files hold beyond `known`.
    pub async fn walk(&self, known: &GtidSet) -> Done {
        let known = known.clone();
        let answer = self.prepare(PrepareStep::Lacks { known }).await?;
        let Answer::Lacks { gtids } = answer else {
            return Err(odd(&answer));
        };
        Ok(Brought::Lacking(gtids))
    }

    /// Which of these transactions change no row, by the binary log of the server, which may run, and on
    /// MariaDB by its peer's.
    pub async fn classify(&self, gtids: &GtidSet, peer: &Self) -> Done {
        let step = PrepareStep::Classify {
            gtids: gtids.clone(),
            peer: (self.member.server.family == Family::Mariadb).then(|| peer.binlog()),
        };
        let answer = self.prepare(step).await?;
        let Answer::Classified { harmless, changes } = answer else {
            return Err(odd(&answer));
        };
        Ok(Brought::Classified { harmless, changes })
    }

    /// Saves and cuts off the tail beyond `known`.
    pub async fn cut(&self, life: &Incarnation, known: &GtidSet) -> Done {
        self.refuse_other_life(life).await?;
        let save_to = self.saved().await?.join(saved_of("tail", life));
        let step = PrepareStep::Cut {
            known: known.clone(),
            save_to,
        };
        self.removed_by(step).await
    }

    /// Saves and takes out the dead reader's own transactions beyond `known`, which change nothing.
    pub async fn forget(&self, life: &Incarnation, known: &GtidSet, peer: &Self) -> Done {
        self.refuse_other_life(life).await?;
        let step = PrepareStep::Forget {
            known: known.clone(),
            peer: peer.binlog(),
            save_to: self.saved().await?.join(saved_of("own", life)),
        };
        self.removed_by(step).await
    }

    /// Copies the relay logs aside, once for each state of them.
    pub async fn save_relay(&self) -> Done {
        let into = self.saved().await?;
        let answer = self.prepare(PrepareStep::CopyRelay { into }).await?;
        let Answer::RelayCopied { to, files } = answer else {
            return Err(odd(&answer));
        };
        Ok(Brought::RelaySaved {
            to: to.display().to_string(),
            files: files.into_iter().map(|copied| copied.name).collect(),
        })
    }

    /// Writes out what the server, which may run, has beyond `known`.
    pub async fn save_own(&self, known: &GtidSet) -> Done {
        let into = self.saved().await?;
        let known = known.clone();
        let answer = self.prepare(PrepareStep::SaveOwn { known, into }).await?;
        let Answer::OwnSaved { found, saved } = answer else {
            return Err(odd(&answer));
        };
        Ok(Brought::Saved(told(
            found.gtids,
            &found.transactions,
            &saved,
        )))
    }

    fn binlog(&self) -> Log {
        let server = &self.member.server;
        Log {
            index: server.binlog_index(),
            datadir: server.datadir.clone(),
        }
    }

    async fn removed_by(&self, step: PrepareStep) -> Done {
        let answer = self.prepare(step).await?;
        if answer == Answer::NothingMissing {
            return Ok(Brought::Removed(Saved::default()));
        }
        let Answer::Cut { plan, saved } = answer else {
            return Err(odd(&answer));
        };
        Ok(Brought::Removed(told(plan.gtids(), &plan.removes, &saved)))
    }

    /// The files are those of this life only while nobody has started the server since.
    async fn refuse_other_life(&self, life: &Incarnation) -> Result<(), ActionError> {
        let pid_file = &self.member.server.pid_file;
        let (named, expected) = (pid_file.clone(), life.clone());
        let names_another = move || Ok(adopt::names_another(&named, &expected));
        match on_disk("read", pid_file, names_another).await? {
            None => Ok(()),
            Some(pid) => Err(ActionError::Refused(format!(
                "{} names process {pid} and not {}: the server was started since",
                pid_file.display(),
                life.pid
            ))),
        }
    }

    /// A folder of the server's own for what is saved before something removes it.
    async fn saved(&self) -> Result<PathBuf, ActionError> {
        let folder = self.member.saved();
        if self.units.is_none() {
            self.own_folder(&folder, 0o750).await?;
        }
        Ok(folder)
    }
}

/// The folder of what one life left: another boot may give its numbers away again.
fn saved_of(what: &str, life: &Incarnation) -> String {
    let boot: String = life.boot.0.chars().take(8).collect();
    format!("{what}-{boot}-{}-{}", life.pid, life.started)
}

/// Rows of each table in the transactions that were cut off.
/// What was written out, with its rows by table.
fn told(gtids: GtidSet, transactions: &[GhostTransaction], to: &Path) -> Saved {
    let mut rows = BTreeMap::new();
    for table in transactions.iter().flat_map(|ghost| &ghost.tables) {
        let name = format!("{}.{}", table.schema, table.table);
        *rows.entry(name).or_insert(0) += table.inserted + table.updated + table.deleted;
    }
    Saved {
        gtids,
        count: u64::try_from(transactions.len()).unwrap_or(u64::MAX),
        rows: rows.into_iter().collect(),
        saved_to: to.display().to_string(),
    }
}
