//! `list --watch`: a table that lives on a terminal, and elsewhere a line for each change.
//!
//! It goes on while the daemon is away, and ends when nobody reads what it writes.

use std::time::{Duration, UNIX_EPOCH};

use super::client::{Client, ClientError};
use super::ctl::{Ctl, Format};
use super::exit::Exit;
use super::pretty::{self, Paint};
use super::run::Terminal;
use crate::control::commands::Answer;
use crate::daemon::clock;
use crate::daemon::report::time;
use crate::model::causes::chain;

/// To the upper left corner.
const HOME: &str = "\x1b[H";
/// Away with what is left of a line, and with what is below.
const REST_OF_LINE: &str = "\x1b[K";
const BELOW: &str = "\x1b[J";

/// Looks again and again, `every` so often.
pub(super) fn watch(ctl: &Ctl, every: Duration, terminal: &mut Terminal<'_>) -> Exit {
    let mut client = None;
    let mut told = String::new();
    loop {
        let seen = look(ctl, &mut client);
        let text = match ctl.format {
            Format::Json => json(&seen),
            Format::Pretty if terminal.live => frame(&seen, Paint { on: terminal.color }),
            Format::Pretty => lines(&seen),
        };
        if terminal.live || text != told {
            let stamped = match (ctl.format, terminal.live) {
                (Format::Pretty, false) => stamped(&text),
                (Format::Pretty, true) | (Format::Json, _) => text.clone(),
            };
            let written = terminal.out.write_all(stamped.as_bytes());
            if written.and_then(|()| terminal.out.flush()).is_err() {
                return Exit::Ok;
            }
            told = text;
        }
        pause(every);
    }
}

/// The pairs as they are now, or why they cannot be seen. A lost connection is made again.
fn look(ctl: &Ctl, client: &mut Option<Client>) -> Result<Answer, ClientError> {
    let mut known = match client.take() {
        Some(client) => client,
        None => Client::connect(&ctl.socket)?,
    };
    let answer = known.ask(ctl.verb.command())?;
    *client = Some(known);
    Ok(answer)
}

/// A whole screen, written over the one before.
fn frame(seen: &Result<Answer, ClientError>, paint: Paint) -> String {
    let text = match seen {
        Ok(Answer::Pairs(reports)) => pretty::list(reports, paint),
        other => failure(other),
    };
    let body = format!("{}\n\n{text}", now()).replace('\n', &format!("{REST_OF_LINE}\n"));
    format!("{HOME}{body}{BELOW}")
}

/// One line for each pair, of what matters: a lag that goes up and down is no change.
fn lines(seen: &Result<Answer, ClientError>) -> String {
    match seen {
        Ok(Answer::Pairs(reports)) => reports.iter().map(pretty::line).collect(),
        other => failure(other),
    }
}

fn json(seen: &Result<Answer, ClientError>) -> String {
    let text = match seen {
        Ok(Answer::Pairs(reports)) => serde_json::to_string(reports),
        Ok(answer) => serde_json::to_string(answer),
        Err(error) => serde_json::to_string(&serde_json::json!({ "failed": chain(error) })),
    };
    text.unwrap_or_default() + "\n"
}

fn failure(seen: &Result<Answer, ClientError>) -> String {
    match seen {
        Ok(Answer::Failed { text, .. }) => format!("{text}\n"),
        Ok(_) => "the daemon's answer makes no sense\n".to_owned(),
        Err(error) => format!("{}\n", chain(error)),
    }
}

fn stamped(text: &str) -> String {
    let now = now();
    text.lines().map(|line| format!("{now} {line}\n")).collect()
}

fn now() -> String {
    let since = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    // To the second: lines are read by people.
    time(since.as_secs().saturating_mul(1000))
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing comes by itself: the daemon is asked"
)]
fn pause(span: Duration) {
    std::thread::sleep(span);
}
