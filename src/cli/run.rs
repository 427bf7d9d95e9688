//! What `dualmasterctl` does with its command line.

use std::io::{BufRead, Write};

use serde::Serialize;

use super::client::{Client, ClientError};
use super::ctl::{Ctl, Format, LinkVerb, Verb, split_server};
use super::exit::Exit;
use super::pretty::{self, Paint};
use super::{span, watch};
use crate::control::commands::{Answer, Command, Failure};
use crate::control::report::{OperationReport, PairReport};
use crate::model::causes::chain;

/// The line that `version` prints even where no daemon answers.
const OWN_VERSION: &str = concat!("dualmasterctl ", env!("CARGO_PKG_VERSION"), "\n");

/// The terminal, or what stands for it.
pub struct Terminal<'t> {
    /// Standard output.
    pub out: &'t mut dyn Write,
    /// Standard error.
    pub err: &'t mut dyn Write,
    /// Standard input.
    pub input: &'t mut dyn BufRead,
    /// Somebody can type at it.
    pub interactive: bool,
    /// Colours are wanted.
    pub color: bool,
    /// What is written is seen at once, and may be written over.
    pub live: bool,
}

/// Carries out the command line.
pub fn run(ctl: &Ctl, terminal: &mut Terminal<'_>) -> Exit {
    if let Verb::List {
        watch: Some(every), ..
    } = &ctl.verb
    {
        return watch::watch(ctl, *every, terminal);
    }
    match converse(ctl, terminal) {
        Ok(exit) => exit,
        Err(error) => {
            if ctl.format == Format::Json {
                let denied = error.exit() == Exit::Denied;
                let code = if denied {
                    Failure::Denied
                } else {
                    Failure::Unavailable
                };
                let text = chain(&error);
                show_json(&Answer::Failed { code, text }, terminal);
            } else if matches!(ctl.verb, Verb::Version) {
                print(terminal, OWN_VERSION);
            }
            complain(terminal, &chain(&error));
            if error.exit() == Exit::Unreachable {
                complain(terminal, "is it running? `systemctl status dualmasterd`");
            }
            error.exit()
        }
    }
}

fn converse(ctl: &Ctl, terminal: &mut Terminal<'_>) -> Result<Exit, ClientError> {
    let mut client = Client::connect(&ctl.socket)?;
    if let Some(exit) = confirm(ctl, &mut client, terminal)? {
        return Ok(exit);
    }
    let mut answer = client.ask(ctl.verb.command())?;
    if let Verb::StepDown { server, .. } = &ctl.verb {
        let (pair, member) = split_server(server);
        match is_writer(&answer, member) {
            None => return Ok(show(ctl, &answer, terminal)),
            Some(false) => {
                let text = format!("{member} is not the writer of {pair}\n");
                print(terminal, &text);
                return Ok(Exit::Ok);
            }
            Some(true) => answer = client.ask(hand_over(pair))?,
        }
    }
    let (
        Answer::Granted {
            pair, op: Some(op), ..
        },
        Some(waiting),
    ) = (&answer, ctl.verb.waiting())
    else {
        return Ok(show(ctl, &answer, terminal));
    };
    let watched = client.ask(Command::Watch {
        pair: Some(pair.clone()),
        op: *op,
        timeout_ms: span::millis(waiting.wait),
    })?;
    if let Answer::Operation(operation) = &watched {
        return Ok(show_end(ctl, operation, terminal));
    }
    Ok(show(ctl, &watched, terminal))
}

/// Whether the member has the role, where the answer is about its pair.
fn is_writer(answer: &Answer, member: &str) -> Option<bool> {
    let Answer::Pairs(reports) = answer else {
        return None;
    };
    let report = reports.first()?;
    Some(report.writer.as_deref() == Some(member))
}

fn hand_over(pair: &str) -> Command {
    Command::Switchover {
        pair: Some(pair.to_owned()),
        to: None,
        accept_own_rows: false,
        dry_run: false,
    }
}

/// A failover kills a writer that may live: the operator types the pair's name first. `Some` ends it.
fn confirm(
    ctl: &Ctl,
    client: &mut Client,
    terminal: &mut Terminal<'_>,
) -> Result<Option<Exit>, ClientError> {
    let Verb::Failover {
        pair,
        dry_run: false,
        force: false,
        ..
    } = &ctl.verb
    else {
        return Ok(None);
    };
    if !terminal.interactive {
        complain(
            terminal,
            "failover asks for the pair's name, and nobody can type here: add --force",
        );
        if ctl.format == Format::Json {
            let text = "not confirmed: add --force".to_owned();
            let code = Failure::Malformed;
            show_json(&Answer::Failed { code, text }, terminal);
        }
        return Ok(Some(Exit::Usage));
    }
    let list = Command::List {
        pair: pair.pair.clone(),
    };
    let answer = client.ask(list)?;
    let Answer::Pairs(reports) = &answer else {
        return Ok(Some(show(ctl, &answer, terminal)));
    };
    let [report] = reports.as_slice() else {
        complain(terminal, "name the pair: there are several");
        return Ok(Some(Exit::Failed));
    };
    let paint = Paint { on: terminal.color };
    let _ = write!(
        terminal.err,
        "{}The writer is killed if it lives. Type the pair's name to go on: ",
        pretty::list(reports, paint)
    );
    let _ = terminal.err.flush();
    let mut typed = String::new();
    let read = terminal.input.read_line(&mut typed);
    if read.is_ok() && typed.trim() == report.pair {
        return Ok(None);
    }
    complain(terminal, "not confirmed: nothing was done");
    Ok(Some(Exit::Failed))
}

/// Shows an answer and says how the program ends.
fn show(ctl: &Ctl, answer: &Answer, terminal: &mut Terminal<'_>) -> Exit {
    let exit = verdict(ctl, answer);
    if ctl.format == Format::Json {
        if !(ctl.quiet && exit == Exit::Ok) {
            show_json(answer, terminal);
        }
        return exit;
    }
    let paint = Paint { on: terminal.color };
    let text = match answer {
        Answer::Pairs(reports) => pairs(&ctl.verb, reports, paint),
        Answer::Operations(operations) => pretty::history(operations),
        Answer::Operation(operation) => pretty::operation(operation),
        Answer::Sessions(members) => pretty::sessions(members, paint),
        Answer::Granted { pair, op, text } => {
            let op = op.map(|op| format!(", operation {op}"));
            format!("{pair}: {text}{}\n", op.unwrap_or_default())
        }
        Answer::Reloaded { text } => format!("{text}\n"),
        Answer::Version { daemon, protocol } => {
            format!("{OWN_VERSION}dualmasterd {daemon}, protocol {protocol}\n")
        }
        Answer::Refused { text, guards } => {
            complain(terminal, &format!("refused: {text}"));
            if !guards.is_empty() {
                let _ = writeln!(terminal.err, "{}", pretty::guards(guards));
            }
            return exit;
        }
        Answer::Failed { text, .. } => {
            complain(terminal, text);
            return exit;
        }
    };
    if !ctl.quiet {
        print(terminal, &text);
    }
    exit
}

/// Reports in the way that the verb shows them.
fn pairs(verb: &Verb, reports: &[PairReport], paint: Paint) -> String {
    let list_links = matches!(
        verb,
        Verb::Link {
            verb: LinkVerb::List { .. }
        }
    );
    if list_links {
        pretty::links(reports)
    } else if matches!(verb, Verb::Explain { .. }) {
        pretty::explain(reports, paint)
    } else {
        pretty::list(reports, paint)
    }
}

/// Shows how an operation that was waited for ended.
fn show_end(ctl: &Ctl, operation: &OperationReport, terminal: &mut Terminal<'_>) -> Exit {
    let moved = operation.ended.as_ref().map(|ended| ended.moved);
    let exit = match moved {
        Some(true) => Exit::Ok,
        Some(false) | None => Exit::Failed,
    };
    match (ctl.format, moved) {
        (Format::Json, _) => show_json(&Answer::Operation(operation.clone()), terminal),
        (Format::Pretty, Some(true)) if ctl.quiet => {}
        (Format::Pretty, Some(true)) => {
            let line = format!("{}\n", pretty::outcome(operation));
            print(terminal, &line);
        }
        (Format::Pretty, Some(false)) => complain(terminal, &pretty::outcome(operation)),
        (Format::Pretty, None) => {
            let line = pretty::outcome(operation);
            let hint = format!("{line}: see `dualmasterctl history --op {}`", operation.op);
            complain(terminal, &hint);
        }
    }
    exit
}

fn verdict(ctl: &Ctl, answer: &Answer) -> Exit {
    match answer {
        Answer::Pairs(reports) => {
            let checked = matches!(ctl.verb, Verb::List { check: true, .. });
            match checked && !reports.iter().all(PairReport::is_healthy) {
                true => Exit::Unhealthy,
                false => Exit::Ok,
            }
        }
        Answer::Operations(_)
        | Answer::Operation(_)
        | Answer::Sessions(_)
        | Answer::Granted { .. }
        | Answer::Reloaded { .. }
        | Answer::Version { .. } => Exit::Ok,
        Answer::Refused { .. } => Exit::Refused,
        Answer::Failed { code, .. } => match code {
            Failure::Malformed | Failure::Version | Failure::Unknown => Exit::Failed,
            Failure::Denied => Exit::Denied,
            Failure::Unavailable => Exit::Unreachable,
            Failure::BadConfig => Exit::BadConfig,
        },
    }
}

/// What was asked for as it is; verdicts under their name, so that they can be told apart.
fn show_json(answer: &Answer, terminal: &mut Terminal<'_>) {
    match answer {
        Answer::Pairs(reports) => json(reports, terminal),
        Answer::Operations(operations) => json(operations, terminal),
        Answer::Operation(operation) => json(operation, terminal),
        Answer::Sessions(members) => json(members, terminal),
        Answer::Granted { .. }
        | Answer::Refused { .. }
        | Answer::Reloaded { .. }
        | Answer::Version { .. }
        | Answer::Failed { .. } => json(answer, terminal),
    }
}

fn json(value: &impl Serialize, terminal: &mut Terminal<'_>) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(terminal, &format!("{text}\n")),
        Err(error) => complain(terminal, &format!("encoding the answer: {error}")),
    }
}

/// A reader that closed its end (`| head`) is no failure.
fn print(terminal: &mut Terminal<'_>, text: &str) {
    let _ = terminal.out.write_all(text.as_bytes());
    let _ = terminal.out.flush();
}

fn complain(terminal: &mut Terminal<'_>, text: &str) {
    let _ = writeln!(terminal.err, "dualmasterctl: {text}");
}

#[cfg(test)]
mod tests;
