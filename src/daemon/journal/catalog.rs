//! The journal's catalog: one entry for each `MESSAGE_ID`, printed from the tables of events and findings.
//! `journalctl -x` shows it below each line.

use super::event::{Entry, Event};
use super::found;

/// The text of `dualmasterd.catalog`, in English.
pub fn catalog() -> String {
    let head = "# The catalog of dualmasterd's messages, made from the daemon's own tables: `make generate`.\n";
    let own = Event::ALL.iter().map(|event| event.entry());
    let found = found::ALL.iter().map(|kind| {
        // A finding that is an event of its own has the event's entry.
        super::words::appeared(*kind).entry()
    });
    let mut entries: Vec<Entry> = Vec::new();
    for entry in own.chain(found) {
        if entries.iter().all(|known| known.id != entry.id) {
            entries.push(entry);
        }
    }
    entries
        .iter()
        .fold(head.to_owned(), |text, entry| text + &block(entry))
}

fn block(entry: &Entry) -> String {
    let may = match entry.may {
        "" => "Nothing need be done.".to_owned(),
        may => sentence(may),
    };
    format!(
        "\n-- {}\nSubject: {}\nDefined-By: dualmasterd\nDocumentation: man:dualmasterd(8)\n\
         Documentation: man:dualmasterctl(1)\n\n{}\n\nWhat the daemon does: {}\n\nWhat you may do: {}\n",
        entry.id,
        entry.subject,
        sentence(entry.happened),
        sentence(entry.did),
        may
    )
}

/// With a capital, where it begins with a word, and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>());
    let stop = if text.ends_with(['.', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), chars.as_str())
}
