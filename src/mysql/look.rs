//! Looks at one server: a few statements on one connection, in one round trip.
//!
//! A full look reads everything. A quick look reads what moves during a role change (sets, threads,
//! errors, the switches) and takes the rest from the last full one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::Row;

use super::cells::{number, on, text};
use super::error::SqlError;
use super::session::Session;
use super::status;
use super::target::{Account, ServerTarget};
use crate::model::gtid::GtidSet;
use crate::model::incarnation::Incarnation;
use crate::model::link::LinkStatus;
use crate::model::server::{Family, SemiSync, ServerFact};
use crate::model::time::Timestamp;

/// The heartbeat table does not exist yet, or nobody may read it yet.
const NO_TABLE: [u16; 4] = [1044, 1049, 1142, 1146];
/// Somebody holds a lock on it: no lock at once, or no answer in time.
const LOCKED: [u16; 2] = [1205, 3024];

/// What a quick look leaves out is known for no longer than this.
const WHOLE: Duration = Duration::from_secs(1);

/// A session that looks, with what it last saw.
#[derive(Debug)]
pub struct Looker {
    session: Session,
    semi_sync: bool,
    /// The heartbeat table was there at the last full look.
    has_schema: bool,
    last: Option<ServerFact>,
    /// When the last full look was asked.
    full_at: Timestamp,
}

/// The results of the statements of one round trip that were not yet read.
type Results = VecDeque<Vec<Row>>;

/// The rows of the next statement.
fn next(results: &mut Results) -> Vec<Row> {
    results.pop_front().unwrap_or_default()
}

/// What moves.
struct Core {
    executed: GtidSet,
    writable: bool,
    admins_write: bool,
    events_on: bool,
    semi_sync: SemiSync,
    prepared_xa: u32,
    link: LinkSeen,
}

/// What the moving part shows of the link.
enum LinkSeen {
    /// All of it.
    Whole(Option<Box<LinkStatus>>),
    /// What moves, as MySQL's tables have it; where it leads is not among it.
    Moving(Box<Row>),
}

impl Looker {
    /// Logs in as monitor.
    ///
    /// # Errors
    /// Whatever kept it from logging in within `limit`.
    pub async fn connect(target: &Arc<ServerTarget>, limit: Duration) -> Result<Self, SqlError> {
        let mut session = Session::connect(target, Account::Monitor, limit).await?;
        let semi_sync = has_semi_sync(&mut session, limit).await?;
        Ok(Self {
            session,
            semi_sync,
            has_schema: false,
            last: None,
            full_at: Timestamp::BOOT,
        })
    }

    /// Everything. `life` is the process that this session is connected to.
    ///
    /// # Errors
    /// One of the statements was refused, broken or late.
    pub async fn look_full(
        &mut self,
        life: &Incarnation,
        now: fn() -> Timestamp,
        limit: Duration,
    ) -> Result<ServerFact, SqlError> {
        if !self.semi_sync {
            self.semi_sync = has_semi_sync(&mut self.session, limit).await?;
        }
        let asked = now();
        let dialect = self.session.dialect();
        let mut results = self.ask_everything(limit).await?;
        let core = self.core(&mut results)?;
        let link = match core.link {
            LinkSeen::Whole(link) => link.map(|link| *link),
            LinkSeen::Moving(moving) => {
                let known = self.read_link(&next(&mut results), &core.executed)?;
                self.renewed(&moving, &core.executed, known)?
            }
        };
        let mut semi_sync = core.semi_sync;
        if self.semi_sync {
            status::semi_sync_status(&next(&mut results), &mut semi_sync);
        }
        let variables = next(&mut results).into_iter().next();
        let variables = variables.ok_or_else(|| self.nothing("variables"))?;
        let blockers = status::blockers(&next(&mut results));
        let heartbeats = match (results.pop_front(), &self.last) {
            (Some(rows), _) => status::heartbeats(&rows),
            (None, Some(last)) if self.has_schema => last.heartbeats.clone(),
            (None, _) => Vec::new(),
        };
        let fact = ServerFact {
            asked,
            at: now(),
            incarnation: life.clone(),
            family: dialect.family(),
            version: dialect.version(),
            server_id: number(&variables, &["server_id"]).unwrap_or_default(),
            uuid: text(&variables, &["server_uuid"]),
            writable: core.writable,
            admins_write: core.admins_write,
            executed: core.executed,
            semi_sync,
            link,
            heartbeats,
            events_on: core.events_on,
            strict: on(&variables, &["strict"]),
            logs_updates: on(&variables, &["logs_updates"]),
            prepared_xa: core.prepared_xa,
            blockers,
        };
        self.full_at = asked;
        self.last = Some(fact.clone());
        Ok(fact)
    }

    /// Everything in one round trip. The heartbeats are asked for last, and not before their table is
    /// known to be there: a statement that fails ends the others behind it. They are left out while somebody
    /// holds a lock on their table: who that is has to be seen.
    async fn ask_everything(&mut self, limit: Duration) -> Result<Results, SqlError> {
        let dialect = self.session.dialect();
        let mut sql = dialect.core(self.semi_sync);
        if dialect.has_link_tables() {
            sql = format!("{sql}; {}", dialect.show_link());
        }
        if self.semi_sync {
            sql = format!("{sql}; {}", dialect.semi_sync_status());
        }
        sql = format!("{sql}; {}", dialect.rest());
        if self.has_schema {
            let joined = format!("{sql}; {}", dialect.heartbeats());
            match self.session.results(&joined, limit).await {
                Err(error) if is_absent(&error) => self.has_schema = false,
                Err(error) if is_locked(&error) => {
                    let results = self.session.results(&sql, limit).await?;
                    return Ok(results.into());
                }
                results => return results.map(Results::from_iter),
            }
        }
        let mut results = self.session.results(&sql, limit).await?;
        match self.session.rows(&dialect.heartbeats(), limit).await {
            Ok(rows) => {
                self.has_schema = true;
                results.push(rows);
            }
            Err(error) if is_absent(&error) || is_locked(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(results.into())
    }

    /// What moves, over the last full look; a full look where there is none.
    ///
    /// # Errors
    /// One of the statements was refused, broken or late.
    pub async fn look_quick(
        &mut self,
        life: &Incarnation,
        now: fn() -> Timestamp,
        limit: Duration,
    ) -> Result<ServerFact, SqlError> {
        let asked = now();
        let known = self.last.clone().filter(|_| asked < self.full_at + WHOLE);
        let Some(mut fact) = known else {
            return self.look_full(life, now, limit).await;
        };
        fact.asked = asked;
        let dialect = self.session.dialect();
        // Whether a source is on is seen only by looking: one that was on is asked at once.
        let with_status = self.semi_sync && fact.semi_sync.source_on;
        let mut sql = dialect.core(self.semi_sync);
        if with_status {
            sql = format!("{sql}; {}", dialect.semi_sync_status());
        }
        let mut results = Results::from(self.session.results(&sql, limit).await?);
        let core = self.core(&mut results)?;
        let mut semi_sync = core.semi_sync;
        if with_status {
            status::semi_sync_status(&next(&mut results), &mut semi_sync);
        } else if semi_sync.source_on {
            let rows = self
                .session
                .rows(&dialect.semi_sync_status(), limit)
                .await?;
            status::semi_sync_status(&rows, &mut semi_sync);
        } else {
            semi_sync.replica_status = fact.semi_sync.replica_status;
        }
        let known = fact.link.take();
        fact.link = match core.link {
            LinkSeen::Whole(link) => link.map(|link| *link),
            LinkSeen::Moving(moving) => {
                let known = match known {
                    Some(link) => Some(link),
                    None => {
                        let rows = self.session.rows(&dialect.show_link(), limit).await?;
                        self.read_link(&rows, &core.executed)?
                    }
                };
                self.renewed(&moving, &core.executed, known)?
            }
        };
        fact.semi_sync = semi_sync;
        fact.events_on = core.events_on;
        fact.prepared_xa = core.prepared_xa;
        fact.executed = core.executed;
        fact.writable = core.writable;
        fact.admins_write = core.admins_write;
        fact.incarnation = life.clone();
        fact.at = now();
        self.last = Some(fact.clone());
        Ok(fact)
    }

    /// What moves, from the first results of a look.
    fn core(&self, results: &mut Results) -> Result<Core, SqlError> {
        let dialect = self.session.dialect();
        let row = next(results).into_iter().next();
        let row = row.ok_or_else(|| self.nothing("variables"))?;
        let executed = text(&row, &["executed"]).unwrap_or_default();
        let executed = status::gtids(dialect, self.session.name(), &executed)?;
        let mut semi_sync = SemiSync::default();
        status::semi_sync_settings(&row, self.semi_sync, &mut semi_sync);
        let (writable, events_on) = (!on(&row, &["read_only"]), on(&row, &["events"]));
        let admins_write = text(&row, &["closed"]).is_some() && !on(&row, &["closed"]);
        let link = match dialect.has_link_tables() {
            true => LinkSeen::Moving(Box::new(row)),
            false => LinkSeen::Whole(self.read_link(&next(results), &executed)?.map(Box::new)),
        };
        Ok(Core {
            writable,
            admins_write,
            events_on,
            semi_sync,
            prepared_xa: u32::try_from(next(results).len()).unwrap_or(u32::MAX),
            link,
            executed,
        })
    }

    /// The link as it was known, with what moves as it is now.
    fn renewed(
        &self,
        moving: &Row,
        executed: &GtidSet,
        known: Option<LinkStatus>,
    ) -> Result<Option<LinkStatus>, SqlError> {
        let Some(mut link) = known.filter(|_| text(moving, &["receiver"]).is_some()) else {
            return Ok(None);
        };
        let dialect = self.session.dialect();
        status::renew_link(dialect, self.session.name(), moving, executed, &mut link)?;
        Ok(Some(link))
    }

    fn read_link(&self, rows: &[Row], executed: &GtidSet) -> Result<Option<LinkStatus>, SqlError> {
        match rows.first() {
            None => Ok(None),
            Some(row) => status::link(self.session.dialect(), self.session.name(), row, executed),
        }
    }

    fn nothing(&self, what: &str) -> SqlError {
        SqlError::unexpected(format!("reading {what}"), self.session.name(), "no row")
    }
}

fn is_absent(error: &SqlError) -> bool {
    error.errno.is_some_and(|errno| NO_TABLE.contains(&errno))
}

fn is_locked(error: &SqlError) -> bool {
    error.errno.is_some_and(|errno| LOCKED.contains(&errno))
}

/// MariaDB has semi-sync built in, MySQL by plugins, without which its variables do not exist.
async fn has_semi_sync(session: &mut Session, limit: Duration) -> Result<bool, SqlError> {
    let dialect = session.dialect();
    if dialect.family() == Family::Mariadb {
        return Ok(true);
    }
    let sql = format!(
        "SELECT COUNT(*) AS plugins FROM information_schema.plugins WHERE PLUGIN_STATUS = 'ACTIVE' \
         AND PLUGIN_NAME IN ('{}', '{}')",
        dialect.source_plugin(),
        dialect.replica_plugin(),
    );
    let rows = session.rows(&sql, limit).await?;
    Ok(rows.first().and_then(|row| number(row, &["plugins"])) == Some(2))
}
