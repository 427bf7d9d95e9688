use std::path::Path;

use super::*;
use crate::control::report::PairState;

/// Pairs whose servers nobody can start: nothing is made of them.
fn settings(folder: &Path, pairs: &[(&str, u16)]) -> Settings {
    let mut text = format!(
        "[daemon]\nstate_dir = {:?}\nrun_dir = {:?}\n",
        folder.join("state"),
        folder.join("run")
    );
    for (name, port) in pairs {
        text.push_str(&format!(
            "[pair.{name}]\nfamily = \"mariadb\"\nbinary = \"/nowhere/mariadbd\"\n\
             [pair.{name}.member.a]\nport = {port}\n[pair.{name}.member.b]\nport = {}\n",
            port + 1
        ));
    }
    let main = folder.join("dualmasterd.toml");
    std::fs::write(&main, text).unwrap();
    config::load(&Sources::of_process(main)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn daemon(settings: Settings) -> (Daemon<'static>, watch::Receiver<Pairs>) {
    let (pairs, told) = watch::channel(Pairs::new());
    super::folder(&settings.daemon.state_dir).unwrap();
    let daemon = Daemon {
        kept: BTreeMap::new(),
        unkept: BTreeMap::new(),
        shared: Shared {
            state_dir: settings.daemon.state_dir.clone(),
            run_dir: settings.daemon.run_dir.clone(),
            nft: None,
            addresses: None,
            systemd: Arc::default(),
            notify: Arc::new(Notify::from_env()),
            statuses: Arc::default(),
            refused: watch::Sender::new(None),
        },
        pairs,
        loaded: watch::Sender::new(Loaded::default()),
        settings,
        log: Box::leak(Box::new(LogGuard::silent())),
    };
    (daemon, told)
}

/// Puts something into the place of a pair's state file.
fn spoil(folder: &Path, pair: &str) -> std::path::PathBuf {
    let home = folder.join("state").join(pair);
    std::fs::create_dir_all(&home).unwrap();
    let state = home.join("state");
    std::fs::write(&state, "not a state").unwrap();
    state
}

fn told(pairs: &watch::Receiver<Pairs>, pair: &str) -> (PairState, Option<String>) {
    let pairs = pairs.borrow();
    let report = pairs[pair].report.borrow();
    (report.state, report.detail.clone())
}

#[tokio::test]
async fn a_pair_that_cannot_be_kept_keeps_no_other_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = spoil(folder.path(), "bad");
    let both = [("bad", 24_510), ("good", 24_520)];
    let (mut daemon, pairs) = daemon(settings(folder.path(), &both));
    daemon.begin().await.unwrap();
    assert!(daemon.kept.keys().eq(["good"]));
    let (label, why) = told(&pairs, "bad");
    assert_eq!(label, PairState::NotKept);
    assert!(why.unwrap().contains("state"));
    assert_ne!(told(&pairs, "good").0, PairState::NotKept);
    std::fs::remove_file(state).unwrap();
    daemon.keep_all().await;
    daemon.publish();
    assert!(daemon.unkept.is_empty());
    assert_ne!(told(&pairs, "bad").0, PairState::NotKept);
    stop_all(daemon.kept).await;
}

#[tokio::test]
async fn a_daemon_that_keeps_nothing_says_why() {
    let folder = tempfile::tempdir().unwrap();
    spoil(folder.path(), "bad");
    let (mut daemon, _pairs) = daemon(settings(folder.path(), &[("bad", 24_530)]));
    let error = daemon.begin().await.unwrap_err();
    assert!(chain(&error).contains("bad"), "{}", chain(&error));
}

#[tokio::test]
async fn a_reload_is_followed_whole_though_one_new_pair_cannot_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (mut daemon, pairs) = daemon(settings(
        folder.path(),
        &[("old", 24_540), ("left", 24_550)],
    ));
    daemon.begin().await.unwrap();
    spoil(folder.path(), "bad");
    let new = settings(
        folder.path(),
        &[("old", 24_540), ("bad", 24_560), ("new", 24_570)],
    );
    let text = daemon.follow(new).await;
    assert!(text.contains("2 pairs kept, 1 new, 1 left alone"), "{text}");
    assert!(text.contains("pair `bad` is not kept"), "{text}");
    assert!(pairs.borrow().keys().eq(["bad", "new", "old"]));
    stop_all(daemon.kept).await;
}

#[tokio::test]
async fn what_a_running_pair_cannot_follow_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let old = settings(folder.path(), &[("t", 24_580)]);
    let (mut daemon, _pairs) = daemon(old.clone());
    daemon.begin().await.unwrap();
    let refused = |change: fn(&mut Settings)| {
        let mut new = old.clone();
        change(&mut new);
        daemon.refuse_moves(&new).err()
    };
    assert_eq!(refused(|_| ()), None);
    let app = |new: &mut Settings| {
        new.pairs.get_mut("t").unwrap().app = Some(crate::config::AppSettings {
            user: "shop".into(),
            host: "%".into(),
            database: "shop".into(),
            password: None,
        });
    };
    assert!(refused(app).unwrap().contains("application's account"));
    let level = |new: &mut Settings| new.log.level = crate::config::LogLevel::Trace;
    assert_eq!(refused(level), None, "it is followed");
    let format = |new: &mut Settings| new.log.format = LogFormat::Json;
    assert!(refused(format).unwrap().contains("[log] format"));
    let interval = |new: &mut Settings| {
        new.pairs.get_mut("t").unwrap().policy.hang.interval *= 2;
    };
    assert!(refused(interval).unwrap().contains("interval"));
    let budget = |new: &mut Settings| {
        new.pairs
            .get_mut("t")
            .unwrap()
            .policy
            .switchover
            .close_budget *= 2;
    };
    assert_eq!(refused(budget), None, "it is followed");
    stop_all(daemon.kept).await;
}

#[tokio::test]
async fn a_renamed_member_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path(), &[("t", 24_590)]);
    let pair = &settings.pairs["t"];
    std::fs::create_dir_all(&pair.home).unwrap();
    let state = pair.home.join("state");
    let (mut slots, _) = crate::store::slots::Slots::open(&state).unwrap();
    let members = crate::model::member::Both::from_fn(|side| pair.policy.members[side].identity());
    let durable = crate::model::memory::Durable {
        members: Some(members),
        ..Default::default()
    };
    slots.store(&serde_json::to_vec(&durable).unwrap()).unwrap();
    let pair = settings.pairs.get_mut("t").unwrap();
    pair.policy.members.a.name = "z".to_owned();
    let (mut daemon, _pairs) = daemon(settings);
    let why = chain(&daemon.begin().await.unwrap_err());
    assert!(why.contains("give the members their names back"), "{why}");
}
