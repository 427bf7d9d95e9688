//! The whole program against a canned daemon on a real socket.

mod watch;

use std::collections::VecDeque;
use std::io::BufReader;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use clap::Parser;

use super::*;
use crate::control::commands::Frame;
use crate::control::report::{FindingReport, HoldReport, MemberSessions, PairState, ThreadState};
use crate::control::tests::healthy;
use crate::model::finding::{Kind, Severity};
use crate::model::request::{Guard, Thread};
use crate::model::session::ListedSession;

struct Said {
    exit: Exit,
    out: String,
    err: String,
    asked: Vec<Command>,
}

/// Runs a command line against a daemon that gives these answers.
fn ctl(line: &str, typed: Option<&str>, answers: Vec<Answer>) -> Said {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let daemon = daemon(listener, answers.into());
    let path = path.to_str().unwrap();
    let words = ["dualmasterctl", "--socket", path].into_iter();
    let ctl = Ctl::parse_from(words.chain(line.split(' ')));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut input = typed.unwrap_or_default().as_bytes();
    let exit = run(
        &ctl,
        &mut Terminal {
            out: &mut out,
            err: &mut err,
            input: &mut input,
            interactive: typed.is_some(),
            color: false,
            live: false,
        },
    );
    Said {
        exit,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
        asked: daemon.join().unwrap(),
    }
}

fn daemon(listener: UnixListener, mut answers: VecDeque<Answer>) -> JoinHandle<Vec<Command>> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut asked = Vec::new();
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 0 {
            let frame: Frame = serde_json::from_str(&line).unwrap();
            asked.push(frame.command);
            line.clear();
            let answer = answers.pop_front().expect("no more answers");
            let mut text = serde_json::to_vec(&answer).unwrap();
            text.push(b'\n');
            reader.get_mut().write_all(&text).unwrap();
        }
        asked
    })
}

fn ill() -> PairReport {
    let mut report = healthy();
    report.in_sync = false;
    report.failover_ready = false;
    report.members[1].receiver = ThreadState::Broken;
    report.members[1].last_error = Some("receiver: 1236: lost \x1b[31m events".to_owned());
    report.members[1].holds = vec![HoldReport {
        thread: Thread::Applier,
        reason: "backup".to_owned(),
        until_ms: 1_790_000_000_000,
    }];
    report.guards = vec![Guard {
        name: "in_sync".to_owned(),
        ok: false,
        value: "no".to_owned(),
        limit: "yes".to_owned(),
        remedy: "wait until db2 has caught up".to_owned(),
    }];
    report.findings = vec![FindingReport {
        kind: Kind::LinkBroken.to_string(),
        severity: Severity::Error,
        member: Some("db2".to_owned()),
        meaning: Kind::LinkBroken.meaning().to_owned(),
        detail: "1236".to_owned(),
        remedy: Kind::LinkBroken.remedy().to_owned(),
    }];
    report
}

#[test]
fn list_is_a_table_with_a_last_line_that_answers() {
    let said = ctl("list", None, vec![Answer::Pairs(vec![healthy()])]);
    assert_eq!(
        said.out,
        "orders MariaDB: serving, epoch 7\n\
         ┌────────┬────────┬─────────┬──────────┬─────────┬─────────────────┬─────┬──────────┐\n\
         │ member ┆ role   ┆ state   ┆ receiver ┆ applier ┆ lag/limit       ┆ gap ┆ endpoint │\n\
         ╞════════╪════════╪═════════╪══════════╪═════════╪═════════════════╪═════╪══════════╡\n\
         │ db1    ┆ writer ┆ running ┆ running  ┆ gated   ┆ -               ┆ -   ┆ writer   │\n\
         │ db2    ┆ reader ┆ running ┆ running  ┆ running ┆ 120.0 ms/5.00 s ┆ 3   ┆ reader   │\n\
         └────────┴────────┴─────────┴──────────┴─────────┴─────────────────┴─────┴──────────┘\n\
         db1 writes; db2 is in sync and could take over now\n"
    );
    assert_eq!((said.exit, said.err.as_str()), (Exit::Ok, ""));
}

#[test]
fn list_names_what_is_in_the_way_and_never_steers_the_terminal() {
    let said = ctl("list --check", None, vec![Answer::Pairs(vec![ill()])]);
    assert_eq!(said.exit, Exit::Unhealthy);
    let last = said.out.lines().last().unwrap();
    assert_eq!(
        last,
        "db1 writes; db2 is not in sync and could not take over now (in_sync is no, not yes): \
         see `dualmasterctl explain orders`"
    );
    assert!(said.out.contains("db2: receiver: 1236: lost  [31m events"));
    assert!(!said.out.contains('\x1b'));
    let healthy = ctl(
        "list --check -q",
        None,
        vec![Answer::Pairs(vec![healthy()])],
    );
    assert_eq!((healthy.exit, healthy.out.as_str()), (Exit::Ok, ""));
}

#[test]
fn json_is_the_report_itself() {
    let said = ctl("list -f json", None, vec![Answer::Pairs(vec![healthy()])]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value[0]["members"][1]["applier"], "running");
    assert_eq!(value[0]["writer"], "db1");
    let back: Vec<PairReport> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(back, [healthy()]);
}

#[test]
fn explain_says_value_limit_and_what_to_do() {
    let said = ctl("explain orders", None, vec![Answer::Pairs(vec![ill()])]);
    for part in [
        "A failover now: would be refused",
        "│ in_sync ┆ NO    ┆ no    ┆ yes   ┆ wait until db2 has caught up │",
        "  error LinkBroken at db2\n    means: a replication thread stopped with an error\n",
        "    seen:  1236\n    to do: read the error",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
}

fn granted() -> Answer {
    Answer::Granted {
        pair: "orders".to_owned(),
        op: Some(1),
        text: "begun".to_owned(),
    }
}

#[test]
fn a_switchover_is_waited_for_and_its_time_is_shown() {
    let mut done = healthy().operations.remove(0);
    if let Some(ended) = &mut done.ended {
        ended.write_gap_us = Some(8_100);
    }
    let answers = vec![granted(), Answer::Operation(done.clone())];
    let said = ctl("switchover --wait 5s", None, answers);
    assert_eq!(said.exit, Exit::Ok);
    assert_eq!(
        said.out,
        "failover 1 to db1: done in 23.4 ms, writes stopped for 8.1 ms: db1 is the writer\n"
    );
    let watch = Command::Watch {
        pair: Some("orders".to_owned()),
        op: 1,
        timeout_ms: 5000,
    };
    assert_eq!(said.asked[1], watch);
    done.ended.as_mut().unwrap().moved = false;
    let said = ctl(
        "switchover",
        None,
        vec![granted(), Answer::Operation(done.clone())],
    );
    assert_eq!(said.exit, Exit::Failed);
    done.ended = None;
    let said = ctl("switchover", None, vec![granted(), Answer::Operation(done)]);
    assert_eq!(said.exit, Exit::Failed);
    assert!(said.err.contains("still under way"), "{}", said.err);
    let said = ctl("switchover --no-wait", None, vec![granted()]);
    assert_eq!((said.exit, said.asked.len()), (Exit::Ok, 1));
    assert_eq!(said.out, "orders: begun, operation 1\n");
}

#[test]
fn failover_wants_the_name_typed_or_force() {
    let list = || Answer::Pairs(vec![healthy()]);
    let over = || Answer::Operation(healthy().operations.remove(0));
    let said = ctl("failover", None, vec![]);
    assert_eq!((said.exit, said.asked.len()), (Exit::Usage, 0));
    assert!(said.err.contains("--force"), "{}", said.err);
    let said = ctl("failover", Some("no\n"), vec![list()]);
    assert_eq!((said.exit, said.asked.len()), (Exit::Failed, 1));
    let said = ctl(
        "failover",
        Some("orders\n"),
        vec![list(), granted(), over()],
    );
    assert_eq!((said.exit, said.asked.len()), (Exit::Ok, 3));
    let said = ctl("failover --force", None, vec![granted(), over()]);
    assert_eq!(said.exit, Exit::Ok);
    let dry = Answer::Granted {
        pair: "orders".to_owned(),
        op: None,
        text: "db2 would take over".to_owned(),
    };
    let said = ctl("failover --dry-run", None, vec![dry]);
    assert_eq!(said.exit, Exit::Ok);
}

#[test]
fn each_failure_has_its_exit_code() {
    let failed = |code| Answer::Failed {
        code,
        text: "because".to_owned(),
    };
    for (code, exit) in [
        (Failure::Denied, 77),
        (Failure::Unavailable, 69),
        (Failure::BadConfig, 78),
        (Failure::Unknown, 1),
    ] {
        let said = ctl("reload", None, vec![failed(code)]);
        assert_eq!(said.exit.code(), exit);
        assert_eq!(said.err, "dualmasterctl: because\n");
    }
    let refused = Answer::Refused {
        text: "db2 is not in sync".to_owned(),
        guards: ill().guards,
    };
    let said = ctl("switchover", None, vec![refused.clone()]);
    assert_eq!(said.exit.code(), 75);
    assert!(
        said.err.contains("wait until db2 has caught up"),
        "{}",
        said.err
    );
    let said = ctl("switchover -f json", None, vec![refused]);
    assert!(said.out.contains("\"refused\""), "{}", said.out);
}

#[test]
fn no_daemon_is_69() {
    let words = ["dualmasterctl", "--socket", "/nowhere/s", "list"];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal {
        out: &mut out,
        err: &mut err,
        input: &mut &b""[..],
        interactive: false,
        color: false,
        live: false,
    };
    assert_eq!(
        run(&Ctl::parse_from(words), &mut terminal),
        Exit::Unreachable
    );
    let err = String::from_utf8(err).unwrap();
    assert!(err.contains("/nowhere/s: No such file"), "{err}");
}

#[test]
fn history_links_and_sessions_are_tables() {
    let operations = healthy().operations;
    let said = ctl(
        "history",
        None,
        vec![Answer::Operations(operations.clone())],
    );
    assert!(
        said.out.contains("2026-09-21T14:13:20Z ┆ failover"),
        "{}",
        said.out
    );
    let one = Answer::Operation(operations[0].clone());
    let said = ctl("history --op 1", None, vec![one]);
    assert!(
        said.out
            .contains("│ 0.1 ms ┆ StopReceiver ┆ db1    ┆ 2.3 ms ┆ done   │"),
        "{}",
        said.out
    );
    let said = ctl("link list", None, vec![Answer::Pairs(vec![ill()])]);
    assert!(
        said.out
            .contains("applier until 2026-09-21T14:13:20Z: backup"),
        "{}",
        said.out
    );
    let sessions = vec![
        MemberSessions {
            member: "db1".to_owned(),
            sessions: Ok(vec![ListedSession {
                id: 5,
                user: "app".to_owned(),
                host: "localhost".to_owned(),
                db: None,
                command: "Query".to_owned(),
                time: 0,
                state: "init".to_owned(),
                info: Some("SELECT 1\n".to_owned()),
            }]),
        },
        MemberSessions {
            member: "db2".to_owned(),
            sessions: Err("no answer".to_owned()),
        },
    ];
    let said = ctl("processlist", None, vec![Answer::Sessions(sessions)]);
    assert!(
        said.out.contains("SELECT 1") && said.out.contains("db2: no answer"),
        "{}",
        said.out
    );
}

#[test]
fn colours_only_where_wanted() {
    let mut report = healthy();
    report.state = PairState::Holding;
    let text = pretty::list(&[report], Paint { on: true });
    assert!(text.contains("\x1b[31mholding\x1b[0m"), "{text}");
}
