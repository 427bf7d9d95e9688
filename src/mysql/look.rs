//! Looks at one server: a few statements on one connection, as few round trips as it takes.
//!
//! A full look reads everything. A quick look reads what moves during a role change (sets, threads,
//! errors, the switches) and takes the rest from the last full one.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::Row;

use super::cells::{number, on, text};
use super::error::SqlError;
use super::schema;
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

/// A session that looks, with what it last saw.
#[derive(Debug)]
pub struct Looker {
    session: Session,
    semi_sync: bool,
    last: Option<ServerFact>,
}

/// What moves.
struct Core {
    executed: GtidSet,
    writable: bool,
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
            last: None,
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
        let core = self.core(limit).await?;
        let link = self.link(core.link, &core.executed, None, limit).await?;
        let rest = self.session.results(&dialect.rest(), limit).await?;
        let variables = rest.first().and_then(|rows| rows.first());
        let variables = variables.ok_or_else(|| self.nothing("variables"))?;
        let mut semi_sync = core.semi_sync;
        self.semi_sync_status(&mut semi_sync, limit).await?;
        let heartbeats = match self.session.rows(schema::HEARTBEATS, limit).await {
            Ok(rows) => status::heartbeats(&rows),
            Err(error) if error.errno.is_some_and(|errno| NO_TABLE.contains(&errno)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let fact = ServerFact {
            asked,
            at: now(),
            incarnation: life.clone(),
            family: dialect.family(),
            version: dialect.version(),
            server_id: number(variables, &["server_id"]).unwrap_or_default(),
            uuid: text(variables, &["server_uuid"]),
            writable: core.writable,
            executed: core.executed,
            semi_sync,
            link,
            heartbeats,
            events_on: core.events_on,
            strict: on(variables, &["strict"]),
            logs_updates: on(variables, &["logs_updates"]),
            prepared_xa: core.prepared_xa,
            blockers: rest
                .get(1)
                .map_or_else(Vec::new, |rows| status::blockers(rows)),
        };
        self.last = Some(fact.clone());
        Ok(fact)
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
        let Some(mut fact) = self.last.clone() else {
            return self.look_full(life, now, limit).await;
        };
        fact.asked = now();
        let core = self.core(limit).await?;
        let known = fact.link.take();
        fact.link = self.link(core.link, &core.executed, known, limit).await?;
        let mut semi_sync = core.semi_sync;
        if semi_sync.source_on {
            self.semi_sync_status(&mut semi_sync, limit).await?;
        }
        fact.semi_sync = semi_sync;
        fact.events_on = core.events_on;
        fact.prepared_xa = core.prepared_xa;
        fact.executed = core.executed;
        fact.writable = core.writable;
        fact.incarnation = life.clone();
        fact.at = now();
        self.last = Some(fact.clone());
        Ok(fact)
    }

    async fn core(&mut self, limit: Duration) -> Result<Core, SqlError> {
        let dialect = self.session.dialect();
        let sql = dialect.core(self.semi_sync);
        let mut results = self.session.results(&sql, limit).await?;
        let prepared = results.pop().unwrap_or_default();
        let mut results = results.into_iter();
        let row = results.next().and_then(|rows| rows.into_iter().next());
        let row = row.ok_or_else(|| self.nothing("variables"))?;
        let executed = text(&row, &["executed"]).unwrap_or_default();
        let executed = status::gtids(dialect, self.session.name(), &executed)?;
        let mut semi_sync = SemiSync::default();
        status::semi_sync_settings(&row, self.semi_sync, &mut semi_sync);
        Ok(Core {
            writable: !on(&row, &["read_only"]),
            events_on: on(&row, &["events"]),
            semi_sync,
            prepared_xa: u32::try_from(prepared.len()).unwrap_or(u32::MAX),
            link: match results.next() {
                None => LinkSeen::Moving(Box::new(row)),
                Some(rows) => LinkSeen::Whole(self.read_link(&rows, &executed)?.map(Box::new)),
            },
            executed,
        })
    }

    /// The link from what was seen of it; `known` spares the statement that shows where it leads.
    async fn link(
        &mut self,
        seen: LinkSeen,
        executed: &GtidSet,
        known: Option<LinkStatus>,
        limit: Duration,
    ) -> Result<Option<LinkStatus>, SqlError> {
        let moving = match seen {
            LinkSeen::Whole(link) => return Ok(link.map(|link| *link)),
            LinkSeen::Moving(row) => row,
        };
        let dialect = self.session.dialect();
        if text(&moving, &["receiver"]).is_none() {
            return Ok(None);
        }
        let whole = match known {
            Some(link) => Some(link),
            None => {
                let rows = self.session.rows(&dialect.show_link(), limit).await?;
                self.read_link(&rows, executed)?
            }
        };
        let Some(mut link) = whole else {
            return Ok(None);
        };
        status::renew_link(dialect, self.session.name(), &moving, executed, &mut link)?;
        Ok(Some(link))
    }

    fn read_link(&self, rows: &[Row], executed: &GtidSet) -> Result<Option<LinkStatus>, SqlError> {
        match rows.first() {
            None => Ok(None),
            Some(row) => status::link(self.session.dialect(), self.session.name(), row, executed),
        }
    }

    /// Whether it looks through a session that still works.
    pub fn usable(&self) -> bool {
        self.session.usable()
    }

    async fn semi_sync_status(
        &mut self,
        semi: &mut SemiSync,
        limit: Duration,
    ) -> Result<(), SqlError> {
        if self.semi_sync {
            let sql = self.session.dialect().semi_sync_status();
            let rows = self.session.rows(&sql, limit).await?;
            status::semi_sync_status(&rows, semi);
        }
        Ok(())
    }

    fn nothing(&self, what: &str) -> SqlError {
        SqlError::unexpected(format!("reading {what}"), self.session.name(), "no row")
    }
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
