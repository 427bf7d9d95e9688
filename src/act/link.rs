//! A link's threads and where it leads.
//!
//! Relay logs are data. MySQL deletes them at a CHANGE with both threads stopped, MariaDB at the
//! first START of either thread after both were stopped. So nothing here does either while the
//! server has received what it has not executed: such an action is refused with the transactions.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::handle::{LIMIT, Lent, ServerHandle};
use super::position;
use crate::model::action::{ActionError, Brought};
use crate::model::gtid::GtidSet;
use crate::model::link::{LinkStatus, Receiver};
use crate::mysql::cells::{number, text};
use crate::mysql::dialect::Can;
use crate::mysql::statements::Thread;
use crate::mysql::status;
use crate::mysql::{Account, Dialect, Row, Session, SqlError};

/// A thread that was told to stop must be seen stopped by then. MariaDB's STOP alone takes 2 s with
/// a silent peer, MySQL's as long while it connects to one.
const STOPPED: Duration = Duration::from_secs(6);

/// What was received may take this long to be applied before a link is pointed anew.
const DRAINED: Duration = Duration::from_secs(3);

/// A STOP sooner than this after the KILLs waits 1.0 s for a frozen source, in about every second try
/// (MariaDB 10.11.19).
const HEARS_THE_KILL: Duration = Duration::from_millis(5);

/// MySQL's STOP of the applier hangs for 60 s behind half a transaction; after this its threads
/// are killed.
const APPLIER_PATIENCE: Duration = Duration::from_millis(500);

/// The receiver cannot log in or may not replicate: the account's password is set again.
const LOGIN_ERRORS: [u32; 6] = [1045, 1862, 3118, 2061, 13120, 1698];

/// A link with what its server has executed.
pub(super) struct Seen {
    pub(super) executed: GtidSet,
    link: Option<LinkStatus>,
    user: String,
    tls_ca: String,
}

impl Seen {
    pub(super) fn stopped(&self) -> bool {
        self.link
            .as_ref()
            .is_none_or(|link| link.receiver == Receiver::Stopped && !link.applier)
    }

    fn receives(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.receiver != Receiver::Stopped)
    }

    pub(super) fn applies(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.applier)
    }

    fn unapplied(&self) -> GtidSet {
        let received = self.link.as_ref().map(|link| &link.received);
        received.map_or_else(GtidSet::new, |received| received.subtract(&self.executed))
    }

    /// Promise 3: refuses what would delete relay logs that hold the only copy.
    fn must_be_drained(&self, what: &str) -> Result<(), ActionError> {
        self.must_be_drained_but(&GtidSet::new(), what)
    }

    /// The same, where the relay logs' copy of `expendable` is not the only one.
    fn must_be_drained_but(&self, expendable: &GtidSet, what: &str) -> Result<(), ActionError> {
        let unapplied = self.unapplied().subtract(expendable);
        match unapplied.is_empty() {
            true => Ok(()),
            false => Err(ActionError::Refused(format!(
                "{what} would delete relay logs that hold {unapplied}, received and not yet \
                 executed (executed: {})",
                self.executed
            ))),
        }
    }
}

/// Points the link at the member's peer by GTID. Options of an existing link that are not ours
/// (delay, filters, other TLS options) keep their values. Threads that run are stopped, once
/// everything received is applied or `expendable`; they are not started.
///
/// # Errors
/// Refused while something received is neither applied nor expendable and cannot be applied; or the
/// server cannot be reached.
pub async fn point(handle: &ServerHandle, expendable: &GtidSet) -> Result<Brought, ActionError> {
    let _alone = handle.one_start().await;
    let (mut session, mut seen) = first_look(handle).await?;
    let deletes = session.dialect().start_deletes_relay_logs();
    if leads_to_peer(handle, &seen) && (!seen.stopped() || !deletes) {
        return Ok(Brought::Nothing);
    }
    if seen.receives() {
        stop_receiver_but(handle, expendable).await?;
    }
    let deadline = Instant::now() + DRAINED;
    while seen.applies() && !seen.unapplied().is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(5)).await;
        seen = look(&mut session).await?;
    }
    seen = look(&mut session).await?;
    seen.must_be_drained_but(expendable, "pointing the link anew")?;
    if seen.applies() {
        stop_applier(handle).await?;
        seen = look(&mut session).await?;
        seen.must_be_drained_but(expendable, "pointing the link anew")?;
    }
    let dialect = session.dialect();
    let target = handle.target();
    let password = target.secrets.of(Account::Replicate).unwrap_or_default();
    session.run(&dialect.point(target, password), LIMIT).await?;
    position::complete(&mut session).await?;
    Ok(Brought::Nothing)
}

/// Starts the receiver. On MariaDB, where both threads are stopped, its position is first made to
/// include what the server has executed, and the peer must have that.
///
/// # Errors
/// Refused where that would delete unapplied relay logs; failed where the peer lacks the position
/// and does not get ahead, or no link is configured.
pub async fn start_receiver(
    handle: &ServerHandle,
    peer: &ServerHandle,
) -> Result<Brought, ActionError> {
    let _alone = handle.one_start().await;
    let (mut session, seen) = first_look(handle).await?;
    configured(&seen)?;
    if seen.receives() {
        return Ok(Brought::Nothing);
    }
    let dialect = session.dialect();
    if seen.stopped() && dialect.start_deletes_relay_logs() {
        seen.must_be_drained("starting the receiver while both threads are stopped")?;
        position::complete(&mut session).await?;
        position::wait_for_peer(&mut session, peer).await?;
    }
    session.run(&dialect.start(Thread::Receiver), LIMIT).await?;
    Ok(Brought::Nothing)
}

/// Stops the receiver: ended when it is seen not running, not when the STOP returns, which on
/// MariaDB may first wait 2 s for a silent peer.
///
/// # Errors
/// Refused on MariaDB where the applier is stopped over unapplied relay logs; or it still runs
/// after 6 s.
pub async fn stop_receiver(handle: &ServerHandle) -> Result<Brought, ActionError> {
    stop_receiver_but(handle, &GtidSet::new()).await
}

async fn stop_receiver_but(
    handle: &ServerHandle,
    expendable: &GtidSet,
) -> Result<Brought, ActionError> {
    let (mut session, seen) = first_look(handle).await?;
    if !seen.receives() {
        return Ok(Brought::Nothing);
    }
    if session.dialect().start_deletes_relay_logs() && !seen.applies() {
        seen.must_be_drained_but(
            expendable,
            "stopping the receiver while the applier is stopped",
        )?;
    }
    let mut stopper = handle.session().await?.keep();
    let dialect = stopper.dialect();
    if let Some(find) = dialect.receiver_id() {
        let rows = session.rows(find, LIMIT).await?;
        if let Some(id) = rows.first().and_then(|row| number::<u64>(row, &["id"])) {
            // Twice: the first ends its read, the second keeps STOP from calling at the source.
            match session.run(&format!("KILL {id}; KILL {id}"), LIMIT).await {
                Err(error) if error.errno.is_none() => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
            sleep(HEARS_THE_KILL).await;
        }
    }
    let stop = tokio::spawn(async move {
        let sql = dialect.stop(Thread::Receiver);
        stopper.run(&sql, STOPPED).await
    });
    wait_stopped(&mut session, Thread::Receiver, Some(stop), STOPPED).await
}

/// Starts the applier. On MariaDB, where both threads are stopped, its position is first made to
/// include what the server has executed.
///
/// # Errors
/// Refused on MariaDB where both threads are stopped over unapplied relay logs, or no link is configured.
pub async fn start_applier(handle: &ServerHandle) -> Result<Brought, ActionError> {
    let _alone = handle.one_start().await;
    let (mut session, seen) = first_look(handle).await?;
    configured(&seen)?;
    if seen.applies() {
        return Ok(Brought::Nothing);
    }
    let dialect = session.dialect();
    if seen.stopped() && dialect.start_deletes_relay_logs() {
        seen.must_be_drained("starting the applier while both threads are stopped")?;
        position::complete(&mut session).await?;
    }
    session.run(&dialect.start(Thread::Applier), LIMIT).await?;
    Ok(Brought::Nothing)
}

/// Stops the applier. Half a transaction is rolled back, on MySQL by killing the applier's threads.
///
/// # Errors
/// It still runs after 6 s, or the server cannot be reached.
pub async fn stop_applier(handle: &ServerHandle) -> Result<Brought, ActionError> {
    let (mut session, seen) = first_look(handle).await?;
    if !seen.applies() {
        return Ok(Brought::Nothing);
    }
    let dialect = session.dialect();
    if seen.link.as_ref().is_some_and(|link| link.half) && dialect.applier_ids().is_some() {
        kill_applier(&mut session, dialect).await?;
    }
    let mut stopper = handle.session().await?.keep();
    let stop = tokio::spawn(async move {
        let sql = dialect.stop(Thread::Applier);
        stopper.run(&sql, STOPPED).await
    });
    let patience = match dialect.applier_ids() {
        None => STOPPED,
        Some(_) => APPLIER_PATIENCE,
    };
    match wait_stopped(&mut session, Thread::Applier, Some(stop), patience).await {
        Err(_) if dialect.applier_ids().is_some() => {
            kill_applier(&mut session, dialect).await?;
            wait_stopped(&mut session, Thread::Applier, None, STOPPED).await
        }
        answer => answer,
    }
}

async fn kill_applier(session: &mut Session, dialect: Dialect) -> Result<(), SqlError> {
    let Some(find) = dialect.applier_ids() else {
        return Ok(());
    };
    let rows = session.rows(find, LIMIT).await?;
    for id in rows.iter().filter_map(|row| number::<u64>(row, &["id"])) {
        match session.run(&format!("KILL {id}"), LIMIT).await {
            Err(error) if error.errno.is_none() => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Waits until a thread is stopped: by the STOP's own word, or by what is seen while it waits for
/// something else. An error of the STOP ends the wait.
async fn wait_stopped(
    session: &mut Session,
    thread: Thread,
    mut stop: Option<tokio::task::JoinHandle<Result<(), SqlError>>>,
    limit: Duration,
) -> Result<Brought, ActionError> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(2);
    loop {
        match stop.as_mut() {
            None => sleep(pause).await,
            Some(stopping) => {
                if let Ok(ended) = timeout(pause, stopping).await {
                    stop = None;
                    match ended {
                        Ok(Ok(())) => return Ok(Brought::Nothing),
                        Ok(Err(error)) => return Err(error.into()),
                        Err(_) => {}
                    }
                }
            }
        }
        pause = (pause * 2).min(Duration::from_millis(20));
        let seen = look(session).await?;
        let runs = match thread {
            Thread::Receiver => seen.receives(),
            Thread::Applier => seen.applies(),
        };
        if !runs {
            return Ok(Brought::Nothing);
        }
        if Instant::now() >= deadline {
            return Err(ActionError::Failed(format!(
                "the {thread:?} still runs {} ms after it was told to stop",
                limit.as_millis()
            )));
        }
    }
}

/// The link as it is now.
pub(super) async fn look(session: &mut Session) -> Result<Seen, ActionError> {
    let sql = look_words(session.dialect());
    let results = session.results(&sql, LIMIT).await?;
    seen(session, &results)
}

/// The first look of an action.
async fn first_look(handle: &ServerHandle) -> Result<(Lent<'_>, Seen), ActionError> {
    let (session, results) = handle.ask_words(look_words).await?;
    let seen = seen(&session, &results)?;
    Ok((session, seen))
}

fn look_words(dialect: Dialect) -> String {
    // The executed set first: what is executed between the two was received before.
    let executed = dialect.executed();
    match dialect.can(Can::QueueingTransaction) {
        false => format!("{executed}; {}", dialect.show_link()),
        true => format!(
            "{executed}; {}; SELECT 1 AS half FROM performance_schema.replication_connection_status \
             WHERE CHANNEL_NAME = '' AND QUEUEING_TRANSACTION <> ''",
            dialect.show_link()
        ),
    }
}

fn seen(session: &Session, results: &[Vec<Row>]) -> Result<Seen, ActionError> {
    let dialect = session.dialect();
    let row = |at: usize| results.get(at).and_then(|rows| rows.first());
    let executed = row(0)
        .and_then(|row| text(row, &["executed"]))
        .unwrap_or_default();
    let executed = status::gtids(dialect, session.name(), &executed)?;
    let mut link = match row(1) {
        None => None,
        Some(row) => status::link(dialect, session.name(), row, &executed)?,
    };
    if let Some(link) = &mut link {
        link.half |= row(2).is_some();
    }
    let setting = |names: &[&str]| row(1).and_then(|row| text(row, names)).unwrap_or_default();
    Ok(Seen {
        executed,
        link,
        user: setting(&["Source_User", "Master_User"]),
        tls_ca: setting(&["Source_SSL_CA_File", "Master_SSL_CA_File"]),
    })
}

fn leads_to_peer(handle: &ServerHandle, seen: &Seen) -> bool {
    let peer = &handle.target().peer;
    let tls = handle.target().tls.as_ref();
    tls.is_none_or(|tls| tls.ca.to_string_lossy() == seen.tls_ca)
        && seen.user == Account::Replicate.user()
        && seen.link.as_ref().is_some_and(|link| {
            let refused =
                |error: &crate::model::link::ThreadError| LOGIN_ERRORS.contains(&error.errno);
            link.source_host == peer.host
                && link.source_port == peer.port
                && link.by_gtid
                && !link.repeats()
                && !link.receiver_error.as_ref().is_some_and(refused)
        })
}

fn configured(seen: &Seen) -> Result<(), ActionError> {
    match seen.link {
        Some(_) => Ok(()),
        None => Err(ActionError::Failed("no link is configured yet".to_owned())),
    }
}
