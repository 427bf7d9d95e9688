//! What the real journal has of a failover: own fields, message ids with their catalog, the whole story of
//! one operation.

use std::path::Path;
use std::time::Duration;

use dualmasterd::control::report::PairState;
use dualmasterd::model::server::Family;
use serde_json::Value;

use crate::support::journald::Journald;
use crate::support::{Host, Setup, fault, in_namespace};

const LONG: Duration = Duration::from_secs(30);
const CATALOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/dualmasterd.catalog");

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_default()
}

/// The first entry of this event.
fn event<'a>(entries: &'a [Value], name: &str) -> &'a Value {
    let found = entries
        .iter()
        .find(|entry| text(entry, "DUALMASTER_EVENT") == name);
    found.unwrap_or_else(|| panic!("no {name} in {entries:#?}"))
}

#[test]
fn a_failover_is_one_story() {
    in_namespace(async || {
        let journal = Journald::start(Path::new(CATALOG));
        let mut setup = Setup::new(Family::Mariadb);
        setup.log = "journald".into();
        let mut host = Host::serving(setup).await;
        let (writer, reader) = host.roles().await;
        let pid = host.pid(&writer).expect("a writer");
        fault::kill(pid);
        host.until_restarted(&writer, pid, LONG).await;
        let report = host.until_healthy(LONG).await;
        let op = report.operations.last().expect("an operation").op;

        let of_op = format!("DUALMASTER_OP_ID={op}");
        let story = journal.entries(&["DUALMASTER_PAIR=t", &of_op]);
        let names: Vec<_> = story.iter().map(|e| text(e, "DUALMASTER_EVENT")).collect();
        // The cause, then what follows from it.
        let begin = names.get(..2).unwrap_or_default();
        assert_eq!(begin, ["instance_crashed", "failover_started"], "{names:?}");
        for name in ["step_begun", "step_ended", "writer_moved"] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        let moved = event(&story, "writer_moved");
        assert_eq!(text(moved, "PRIORITY"), "4");
        assert_eq!(text(moved, "DUALMASTER_FROM"), writer);
        assert_eq!(text(moved, "DUALMASTER_TO"), reader);
        assert!(!text(moved, "DUALMASTER_GTID").is_empty(), "{moved:#?}");
        let stopped = story.iter().find(|e| {
            text(e, "DUALMASTER_STEP") == "StopReceiver"
                && text(e, "DUALMASTER_EVENT") == "step_ended"
        });
        let stopped = stopped.expect("the receiver was stopped");
        let link = format!("{writer}->{reader}");
        assert_eq!(text(stopped, "DUALMASTER_LINK"), link);
        assert!(!text(stopped, "DUALMASTER_DURATION_MS").is_empty());

        let all = journal.entries(&["SYSLOG_IDENTIFIER=dualmasterd"]);
        event(&all, "daemon_ready");
        let crashed = event(&all, "instance_crashed");
        assert_eq!(text(crashed, "DUALMASTER_FINDING"), "WriterProcessExited");
        every_field_has_its_place(&all);
        every_message_id_is_explained(&all);
        let explained = journal.ctl(&["-x", "DUALMASTER_EVENT=writer_moved"]);
        for part in [
            &format!("Subject: Pair t: {reader} is the writer now"),
            "What you may do: After a failover",
        ] {
            assert!(explained.contains(part), "{part} is not in {explained}");
        }
        a_journal_that_stands_still_stops_nobody(&journal, &mut host).await;
        a_hung_writer_is_fenced(&journal, &host).await;
        a_broken_link_says_its_number(&journal, &host).await;
        a_failover_that_may_not_be_is_refused(&journal, &host).await;
    });
}

/// Nothing of ours is without our prefix, and nothing of it is a secret.
fn every_field_has_its_place(all: &[Value]) {
    let journals = [
        "MESSAGE",
        "MESSAGE_ID",
        "PRIORITY",
        "SYSLOG_IDENTIFIER",
        "SYSLOG_FACILITY",
        "TARGET",
        "CODE_FILE",
        "CODE_LINE",
    ];
    for entry in all {
        for name in entry.as_object().expect("an object").keys() {
            let known = name.starts_with('_')
                || name.starts_with("DUALMASTER_")
                || journals.contains(&name.as_str());
            assert!(known, "{name} in {entry:#?}");
        }
        let text = entry.to_string();
        assert!(!text.contains(crate::support::settings::APP_PASSWORD));
    }
}

fn every_message_id_is_explained(all: &[Value]) {
    let catalog = std::fs::read_to_string(CATALOG).expect("the catalog");
    for entry in all {
        let id = text(entry, "MESSAGE_ID");
        let known = id.is_empty() || catalog.contains(&format!("-- {id}\n"));
        assert!(known, "{entry:#?}");
    }
}

async fn a_journal_that_stands_still_stops_nobody(journal: &Journald, host: &mut Host) {
    fault::freeze(journal.pid());
    for _ in 0..3 {
        host.switched().await;
        host.until_healthy(LONG).await;
    }
    fault::thaw(journal.pid());
}

async fn a_hung_writer_is_fenced(journal: &Journald, host: &Host) {
    let (writer, _) = host.roles().await;
    let pid = host.pid(&writer).expect("a writer");
    fault::freeze(pid);
    host.until_restarted(&writer, pid, LONG).await;
    host.until_healthy(LONG).await;
    let entries = journal.entries(&["DUALMASTER_EVENT=fenced"]);
    let fenced = event(&entries, "fenced");
    assert_eq!(text(fenced, "DUALMASTER_MEMBER"), writer);
    assert_eq!(text(fenced, "DUALMASTER_STEP"), "Kill");
    every_message_id_is_explained(&entries);
}

/// A row that only the reader has stops its applier.
async fn a_broken_link_says_its_number(journal: &Journald, host: &Host) {
    const DUPLICATE: &str = "1062";
    let (writer, reader) = host.roles().await;
    let insert = "INSERT INTO app.one VALUES (1)";
    host.as_root(&writer, &["CREATE TABLE app.one (n INT PRIMARY KEY)"])
        .await;
    host.until_caught_up(LONG).await;
    host.as_root(&reader, &["SET SESSION sql_log_bin = 0", insert])
        .await;
    host.as_root(&writer, &[insert]).await;
    host.until("a broken applier", LONG, |report| {
        let mut members = report.members.iter();
        members.any(|member| member.applier_errno.is_some())
    })
    .await;
    let of_errno = format!("DUALMASTER_ERRNO={DUPLICATE}");
    let entries = journal.entries(&["DUALMASTER_EVENT=link_broken", &of_errno]);
    let broken = event(&entries, "link_broken");
    assert_eq!(
        text(broken, "DUALMASTER_LINK"),
        format!("{writer}->{reader}")
    );
}

/// Its applier is broken, and the writer's server cannot be started again.
async fn a_failover_that_may_not_be_is_refused(journal: &Journald, host: &Host) {
    let (writer, _) = host.roles().await;
    let data = host.path().join(format!("state/t/{writer}/data/ibdata1"));
    let aside = data.with_file_name("aside");
    std::fs::rename(&data, aside).expect("put its data aside");
    std::fs::create_dir(&data).expect("a folder in its place");
    fault::kill(host.pid(&writer).expect("a writer"));
    host.until("no safe move", LONG, |report| {
        report.state == PairState::Holding
    })
    .await;
    let entries = journal.entries(&["DUALMASTER_EVENT=failover_refused"]);
    let refused = event(&entries, "failover_refused");
    assert_eq!(text(refused, "PRIORITY"), "3");
    every_message_id_is_explained(&entries);
}
