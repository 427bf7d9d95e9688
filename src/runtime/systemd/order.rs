//! What the daemon hands to a unit, and what the unit answers: two files, because D-Bus carries neither.
//!
//! The order lies in the daemon's folder, the answer in the servers': each account writes its own and
//! reads the other's. A ticket tells an answer from that of an earlier order.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::runtime::plain;
use crate::runtime::prepare::{Order, Reply};

/// No answer is longer, in bytes.
const LONGEST: u64 = 1 << 22;

/// An answer as it stands in its file.
#[derive(Debug, Serialize, Deserialize)]
struct Answered {
    ticket: String,
    reply: Reply,
}

/// Puts an order where its unit looks for it.
///
/// # Errors
/// The daemon's folder cannot be written.
pub fn give(order: &Order, file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o750))?;
    }
    let text = serde_json::to_vec(order)?;
    files::write(file, &text, 0o640, None)
}

/// Takes an order back: whoever starts the unit from here on starts it without one.
pub fn take_back(file: &Path) {
    let _ = fs::remove_file(file);
}

/// Writes the answer, for the group to read.
///
/// # Errors
/// The file cannot be written, or the group is none of ours.
pub fn answer(file: &Path, ticket: &str, reply: &Reply, group: u32) -> io::Result<()> {
    let answered = Answered {
        ticket: ticket.to_owned(),
        reply: reply.clone(),
    };
    files::write_for(file, &serde_json::to_vec(&answered)?, 0o640, group)
}

/// Reads the answer to this order; `None` where there is none.
///
/// # Errors
/// What lies there cannot be read, or is no answer.
pub fn read_answer(file: &Path, ticket: &str) -> io::Result<Option<Reply>> {
    let opened = plain::open(file, OpenOptions::new().read(true));
    let mut text = Vec::new();
    match opened {
        Ok(file) => file.take(LONGEST).read_to_end(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let answered: Answered = serde_json::from_slice(&text)?;
    Ok((answered.ticket == ticket).then_some(answered.reply))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::prepare::Answer;

    #[test]
    fn an_answer_belongs_to_its_ticket() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answer.json");
        assert!(read_answer(&file, "1").unwrap().is_none());
        let reply = Reply::Answer(Box::new(Answer::NothingMissing));
        let group = nix::unistd::getegid().as_raw();
        answer(&file, "1", &reply, group).unwrap();
        assert_eq!(read_answer(&file, "1").unwrap(), Some(reply));
        assert!(read_answer(&file, "2").unwrap().is_none());
        fs::write(&file, "{").unwrap();
        read_answer(&file, "1").unwrap_err();
    }
}
