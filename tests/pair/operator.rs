//! What an operator can ask for.

use std::process::Command as Process;
use std::time::Duration;

use dualmasterd::control::commands::{Answer, Command};
use dualmasterd::control::report::{FindingReport, PairReport, PairState, ThreadState};
use dualmasterd::model::request::Thread;
use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use super::binlogs::KEEP;
use super::trial::{Trial, assert_same_epoch, server_id};
use crate::support::settings::{ENDPOINT, PAIR};
use crate::support::{Host, Setup, fault, sql};

const LONG: Duration = Duration::from_secs(20);

/// Hooks that can be told to refuse, and that note what they were told.
pub(super) fn setup(family: Family) -> Setup {
    let mut setup = Setup::new(family);
    setup.keys = KEEP.into();
    setup.files = vec![
        (
            "gate",
            "#!/bin/sh\nif [ -e \"${0%/*}/refuse\" ]; then echo 'not now' >&2; exit 1; fi\n",
        ),
        (
            "note",
            "#!/bin/sh\nenv | sort >\"${0%/*}/noted.$DM_EVENT\"\n",
        ),
    ];
    setup.tables = format!(
        "[pair.{PAIR}.hooks]\n\
         pre_switchover = [\"{{dir}}/gate\"]\n\
         post_switchover = [\"{{dir}}/note\"]\n\
         post_failover = [\"{{dir}}/note\"]\n\
         gating = [\"pre_switchover\"]\n\
         dns_name = \"db.example.org\"\n"
    );
    setup
}

/// `list`, `explain` and `history` answer; every guard has a value and a limit.
pub(super) async fn looks(host: &mut Host) {
    for verb in ["list", "explain", "history", "processlist", "version"] {
        let answer = host.ctl(&[verb]).await;
        assert_eq!(answer.code, 0, "{verb}: {answer:?}");
        assert!(!answer.json().is_null(), "{verb}: {answer:?}");
    }
    sessions_of_both(host).await;
    let explained = host.ctl(&["explain"]).await.out;
    for guard in ["NotPaused", "StandbyLives", "InSync", "ReaderHasOwnRows"] {
        assert!(explained.contains(guard), "{guard} is not in {explained}");
    }
    let dry = host.ctl(&["switchover", "--dry-run"]).await;
    assert_eq!(dry.code, 0, "{dry:?}");
    let (_, reader) = host.roles().await;
    let would = |verb: &str| format!("a {verb} to {reader} would begin; nothing was done");
    assert!(dry.out.contains(&would("switchover")), "{dry:?}");
    let dry = host.ctl(&["failover", "--dry-run"]).await;
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains(&would("failover")), "{dry:?}");
    assert!(
        host.report().await.operations.is_empty(),
        "a dry run did something"
    );
    let (writer, _) = host.roles().await;
    let refused = host.ctl(&["switchover", "--to", &writer]).await;
    assert_eq!(refused.code, 75, "refused now: {refused:?}");
    assert_eq!(host.ctl(&["list", "nobody"]).await.code, 1, "no such pair");
    assert_eq!(host.ctl(&["no-such-verb"]).await.code, 2, "usage");
}

/// `processlist` has a client's session at each member, with the columns of the server's own.
async fn sessions_of_both(host: &Host) {
    let (writer, reader) = host.roles().await;
    let app = sql::connect(&sql::app(ENDPOINT)).await.expect("a session");
    let root = host.root(&reader).await;
    let word = Command::Processlist { pair: None };
    let Ok(Answer::Sessions(members)) = host.ask(word).await else {
        panic!("no sessions");
    };
    for (member, conn, user) in [(&writer, &app, "app"), (&reader, &root, "root")] {
        let listed = members.iter().find(|listed| listed.member == *member);
        let listed = listed.map(|listed| listed.sessions.clone());
        let listed = listed.expect("the member").expect("its sessions");
        let found = listed.iter().find(|one| one.id == u64::from(conn.id()));
        let found = found.unwrap_or_else(|| panic!("no session {} in {listed:#?}", conn.id()));
        assert_eq!(
            (found.user.as_str(), found.command.as_str()),
            (user, "Sleep")
        );
        let replicates = |user: &str| listed.iter().any(|one| one.user == user);
        assert!(replicates("dualmasterd_replicate"), "{listed:#?}");
    }
    let shown = host.ctl(&["processlist"]).await.out;
    for conn in [&app, &root] {
        assert!(shown.contains(&conn.id().to_string()), "{shown}");
    }
}

/// Paused, nobody promotes: a dead writer is started again in place. Resumed, all is as before.
pub(super) async fn pauses(host: &mut Host) {
    let trial = Trial::begin(host, "paused").await;
    let paused = host.ctl(&["pause", "--reason", "maintenance"]).await;
    assert_eq!(paused.code, 0, "{paused:?}");
    host.until("paused", LONG, |report| report.state == PairState::Paused)
        .await;
    let pid = trial.writer_pid(host);
    let at = Instant::now();
    fault::kill(pid);
    host.until_restarted(&trial.writer, pid, LONG).await;
    trial.served(at + Duration::from_millis(100), LONG).await;
    assert_same_epoch(host, &trial).await;
    let resumed = host.ctl(&["resume"]).await;
    assert_eq!(resumed.code, 0, "{resumed:?}");
    trial.end(host).await;
}

/// Holding the reader's receiver degrades on record first: writes go on.
pub(super) async fn holds_the_receiver(host: &mut Host) {
    let trial = Trial::begin(host, "held_receiver").await;
    let at = Instant::now();
    hold(host, &trial.reader, Thread::Receiver).await;
    let held = |report: &dualmasterd::control::report::PairReport| {
        !report.in_sync
            && report
                .reader()
                .is_some_and(|m| m.receiver == ThreadState::Held)
    };
    host.until("the receiver held", LONG, held).await;
    trial.served(Instant::now(), LONG).await;
    let gap = trial.load.so_far().longest_gap(at, Instant::now());
    trial.within("longest gap", gap, Duration::from_millis(500));
    release(host, &trial.reader, Thread::Receiver).await;
    trial.end(host).await;
}

/// A held applier receives on, and ends its hold when the writer dies.
pub(super) async fn holds_the_applier(host: &mut Host) {
    let trial = Trial::begin(host, "held_applier").await;
    hold(host, &trial.reader, Thread::Applier).await;
    let held = |report: &dualmasterd::control::report::PairReport| {
        report
            .reader()
            .is_some_and(|m| m.applier == ThreadState::Held)
    };
    host.until("the applier held", LONG, held).await;
    sleep(Duration::from_millis(300)).await;
    let at = Instant::now();
    fault::kill(trial.writer_pid(host));
    trial.within(
        "killed to first OK",
        trial.taken_over(at, LONG).await,
        Duration::from_secs(3),
    );
    trial.end(host).await;
}

pub(super) async fn hold(host: &Host, member: &str, thread: Thread) {
    let word = Command::Hold {
        pair: None,
        member: Some(member.to_owned()),
        thread: Some(thread),
        for_ms: 60_000,
        reason: "backup".into(),
    };
    granted(host, word).await;
}

pub(super) async fn release(host: &Host, member: &str, thread: Thread) {
    let word = Command::Release {
        pair: None,
        member: Some(member.to_owned()),
        thread: Some(thread),
    };
    granted(host, word).await;
}

async fn granted(host: &Host, word: Command) {
    let answer = host.ask(word).await.expect("an answer");
    assert!(matches!(answer, Answer::Granted { .. }), "{answer:?}");
}

/// A gating hook that fails refuses the move, named; one that follows a move learns who took over.
pub(super) async fn hooks(host: &mut Host) {
    let trial = Trial::begin(host, "hooks").await;
    std::fs::write(host.path().join("refuse"), "").expect("write");
    let operation = host.switchover().await.expect("granted");
    let ended = operation.ended.expect("ended");
    assert!(!ended.moved && ended.text.contains("gate"), "{ended:?}");
    assert_same_epoch(host, &trial).await;

    std::fs::remove_file(host.path().join("refuse")).expect("remove");
    host.switched().await;
    let noted = until_file(host, "noted.post_switchover").await;
    let wanted = [
        format!("DM_SUCCESSOR_MEMBER={}", trial.reader),
        format!("DM_FAILED_MEMBER={}", trial.writer),
        format!("DM_SUCCESSOR_PORT={}", server_id(&trial.reader)),
        format!("DM_PAIR={PAIR}"),
        "DM_COMMAND=switchover".to_owned(),
        "DM_REASON=asked for by an operator".to_owned(),
        "DM_LOST_TRANSACTIONS=0".to_owned(),
        "DM_DNS_NAME=db.example.org".to_owned(),
        "DM_IS_SUCCESSFUL=true".to_owned(),
    ];
    assert_noted(&noted, &wanted);
    trial.end(host).await;

    let _ = std::fs::remove_file(host.path().join("noted.post_failover"));
    let (writer, reader) = host.roles().await;
    let order = Command::Failover {
        pair: None,
        candidate: None,
        accept_loss: false,
        dry_run: false,
    };
    granted(host, order).await;
    let noted = until_file(host, "noted.post_failover").await;
    let wanted = [
        format!("DM_FAILED_MEMBER={writer}"),
        format!("DM_SUCCESSOR_MEMBER={reader}"),
        "DM_COMMAND=failover".to_owned(),
        "DM_REASON=ordered by an operator".to_owned(),
        "DM_LOST_TRANSACTIONS=0".to_owned(),
    ];
    assert_noted(&noted, &wanted);
    host.until_healthy(LONG).await;
}

/// The hook was told each of these, and what the successor has.
fn assert_noted(noted: &str, wanted: &[String]) {
    for line in wanted {
        assert!(
            noted.lines().any(|noted| noted == line),
            "{line} is not in\n{noted}"
        );
    }
    let gtid = noted
        .lines()
        .find(|line| line.starts_with("DM_SUCCESSOR_GTID="));
    assert!(
        gtid.is_some_and(|gtid| gtid.contains(['-', ':'])),
        "{noted}"
    );
}

async fn until_file(host: &Host, name: &str) -> String {
    let deadline = Instant::now() + LONG;
    loop {
        let text = std::fs::read_to_string(host.path().join(name)).unwrap_or_default();
        if text.contains("DM_") {
            return text;
        }
        assert!(Instant::now() < deadline, "{name} was not written");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody flushes the ruleset: the endpoint is there again within a moment.
pub(super) async fn ruleset_flushed(host: &mut Host) {
    let trial = Trial::begin(host, "flushed").await;
    let at = Instant::now();
    let flushed = Process::new("nft")
        .args(["flush", "ruleset"])
        .status()
        .expect("run nft");
    assert!(flushed.success());
    let deadline = at + LONG;
    while sql::connect(&sql::app(ENDPOINT)).await.is_err() {
        assert!(Instant::now() < deadline, "the endpoint stays away");
        sleep(Duration::from_millis(5)).await;
    }
    trial.within("flushed to connected", at.elapsed(), Duration::from_secs(2));
    trial.end(host).await;
}

/// A bad file leaves all as it is and says why, everywhere; a good one is taken.
pub(super) async fn reloads(host: &mut Host) {
    host.until_healthy(LONG).await;
    let servers = [host.pid("a"), host.pid("b")];
    let good = std::fs::read_to_string(host.config()).expect("read");
    let bad = good.replace("[pair.t]", "[pair.t]\nflavour = 1");
    std::fs::write(host.config(), bad).expect("write");
    let refused = host.ctl(&["reload"]).await;
    assert_eq!(refused.code, 78, "{refused:?}");
    assert!(
        format!("{}{}", refused.out, refused.err).contains("flavour"),
        "{refused:?}"
    );
    is_refused(host).await;

    std::fs::write(host.config(), &good).expect("write");
    let taken = host.ctl(&["reload"]).await;
    assert_eq!(taken.code, 0, "{taken:?}");
    let is_taken = |report: &PairReport| named(report).is_none();
    host.until("the good file", LONG, is_taken).await;

    // The same by signal.
    std::fs::write(host.config(), b"").expect("write");
    let before = host.notify.count();
    fault::hang_up(host.daemon_pid());
    let reloading = |line: &str| line == "RELOADING=1";
    assert!(host.notify.heard(before, reloading, LONG).await);
    is_refused(host).await;
    let other = good.replace("reader = 26005", "reader = 26005\nreader_lag = \"3s\"");
    assert_ne!(other, good);
    std::fs::write(host.config(), &other).expect("write");
    fault::hang_up(host.daemon_pid());
    host.until("the other limit", LONG, |report| {
        named(report).is_none() && report.members.iter().all(|m| m.lag_limit_ms == 3000)
    })
    .await;
    // What is logged follows at once; where it goes does not, and that is said.
    let told = || host.log().matches("configuration reloaded").count();
    let before = told();
    let quiet = good.replace("level = \"info\"", "level = \"warn\"");
    for (text, lines) in [(&quiet, before), (&good, before + 1)] {
        std::fs::write(host.config(), text).expect("write");
        assert_eq!(host.ctl(&["reload"]).await.code, 0);
        sleep(Duration::from_millis(100)).await;
        assert_eq!(told(), lines, "{text}");
    }
    std::fs::write(
        host.config(),
        good.replace("format = \"text\"", "format = \"json\""),
    )
    .expect("write");
    let refused = host.ctl(&["reload"]).await;
    assert_eq!(refused.code, 78, "{refused:?}");
    assert!(
        format!("{refused:?}").contains("[log] format cannot change while it runs"),
        "{refused:?}"
    );
    std::fs::write(host.config(), good).expect("write");
    assert_eq!(host.ctl(&["reload"]).await.code, 0);
    host.until_healthy(LONG).await;
    assert_eq!([host.pid("a"), host.pid("b")], servers);
}

fn named(report: &PairReport) -> Option<&FindingReport> {
    let mut findings = report.findings.iter();
    findings.find(|finding| finding.kind == "ConfigRefused")
}

/// `list`, `explain`, `STATUS=` and the log say that the file is refused, and why; the pair serves on.
async fn is_refused(host: &Host) {
    let refused = |report: &PairReport| named(report).is_some();
    let report = host.until("a refused file", LONG, refused).await;
    let why = named(&report).map(|finding| finding.detail.clone());
    let why = why.unwrap_or_default();
    assert!(
        why.contains("dualmasterd.toml:") && why.contains('^'),
        "{why}"
    );
    for verb in ["list", "explain"] {
        let said = host.ctl(&[verb]).await;
        assert!(said.out.contains("ConfigRefused"), "{verb}: {said:?}");
    }
    let status = |line: &str| line.starts_with("STATUS=") && line.contains("refused");
    assert!(host.notify.heard(0, status, LONG).await);
    assert!(host.log().contains("the old one stays in force"));
    host.until_healthy(LONG).await;
}
