//! A link whose files its server cannot read.
//!
//! A kill between a new relay log and its index leaves the two at odds. The server then refuses to start
//! either thread (MariaDB 1201, MySQL 1872), and on MariaDB every CHANGE as well.

use super::handle::{LIMIT, ServerHandle};
use super::link::look;
use crate::model::action::{ActionError, Brought};
use crate::mysql::cells::number;

/// Deletes the link's files; where it leads and its delay are kept.
///
/// # Errors
/// Refused while a thread runs, as the files are readable then; or the server cannot be reached.
pub async fn reset_link(handle: &ServerHandle) -> Result<Brought, ActionError> {
    let _alone = handle.one_start().await;
    let mut session = handle.session().await?;
    let seen = look(&mut session).await?;
    if !seen.stopped() {
        return Err(ActionError::Refused(
            "a thread of the link runs: its files can be read".to_owned(),
        ));
    }
    let dialect = session.dialect();
    let rows = session.rows(&dialect.show_link(), LIMIT).await?;
    let delay = rows
        .first()
        .and_then(|row| number::<u64>(row, &["SQL_Delay"]));
    session.run(&dialect.reset_link(), LIMIT).await?;
    if let Some(seconds) = delay.filter(|seconds| *seconds > 0) {
        session.run(&dialect.set_delay(seconds), LIMIT).await?;
    }
    Ok(Brought::Nothing)
}
