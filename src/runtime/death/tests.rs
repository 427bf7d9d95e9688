use super::*;
use crate::runtime::testing::Victim;

/// The tests' own clock; only differences of its values are used.
fn clock() -> Timestamp {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).unwrap();
    Timestamp::BOOT + Duration::from(time)
}

fn start(life: &Incarnation) -> mpsc::Receiver<ProcSeen> {
    let (steps, seen) = mpsc::channel(8);
    tokio::spawn(watch(life.clone(), None, clock, steps));
    seen
}

async fn next(seen: &mut mpsc::Receiver<ProcSeen>) -> ProcSeen {
    timeout(Duration::from_secs(20), seen.recv())
        .await
        .unwrap()
        .unwrap()
}

/// The next step that is no look at the living.
async fn dying(seen: &mut mpsc::Receiver<ProcSeen>) -> ProcSeen {
    loop {
        let step = next(seen).await;
        if step.state.is_dead() {
            return step;
        }
    }
}

/// Watches a victim until it has been seen alive and its threads are under watch.
async fn watched(victim: &Victim) -> mpsc::Receiver<ProcSeen> {
    let mut seen = start(&victim.life);
    assert_eq!(next(&mut seen).await.state, ProcState::Running);
    sleep(LOOK_EVERY * 3 / 2).await;
    seen
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Prints the times from the signal to each step. `DEATH_RUNS` and `DEATH_MB` make it a measurement.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "it is a measurement")]
async fn a_kill_is_seen_long_before_the_process_is_over() {
    let (runs, megabytes) = (number("DEATH_RUNS", 3), number("DEATH_MB", 256));
    let mut times = Vec::new();
    for _ in 0..runs {
        let mut victim = Victim::threaded(12, megabytes, "");
        let mut seen = watched(&victim).await;
        let killed = clock();
        victim.kill();
        let dying = dying(&mut seen).await;
        assert_eq!(dying.ended, Ended::Signal(9));
        let mut over = dying;
        while let Some(step) = seen.recv().await {
            over = step;
        }
        assert_eq!(
            (over.state, over.ended),
            (ProcState::Zombie, Ended::Signal(9))
        );
        times.push((dying.at.since(killed), dying.by, over.at.since(killed)));
    }
    times.sort_unstable_by_key(|(dying, ..)| *dying);
    for (dying, by, over) in &times {
        println!("dying after {dying:>10.3?} by {by:?}, over after {over:>10.3?}");
    }
    let (median, by, _) = times[times.len() / 2];
    assert_eq!(by, Witness::Thread, "needs kernel 6.9");
    assert!(median < LOOK_EVERY / 4, "{median:?}");
}

#[tokio::test]
async fn threads_that_end_by_themselves_are_no_death() {
    let mut victim = Victim::threaded(
        2,
        64,
        "while True:\n    \
             short = [threading.Thread(target=time.sleep, args=(0.02,)) for _ in range(4)]\n    \
             [thread.start() for thread in short]\n    \
             [thread.join() for thread in short]",
    );
    let mut seen = watched(&victim).await;
    let ended = timeout(Duration::from_secs(1), dying(&mut seen)).await;
    assert!(ended.is_err(), "{ended:?}");
    let killed = clock();
    victim.kill();
    let dying = dying(&mut seen).await;
    assert!(dying.at.since(killed) < LOOK_EVERY / 4, "{dying:?}");
}

#[tokio::test]
async fn a_stop_by_order_shows_its_code() {
    let victim = Victim::threaded(2, 64, "time.sleep(0.4); os._exit(3)");
    let mut seen = watched(&victim).await;
    assert_eq!(dying(&mut seen).await.ended, Ended::Code(3));
}

/// A parent that is not we may collect it before we look.
#[tokio::test]
async fn a_killed_process_that_somebody_collected_did_not_exit_with_a_code() {
    let mut victim = Victim::threaded(2, 1, "");
    let mut seen = watched(&victim).await;
    victim.kill();
    victim.child.wait().unwrap();
    let mut last = dying(&mut seen).await;
    while let Some(step) = seen.recv().await {
        assert!(
            step.ended == last.ended || last.ended == Ended::Unknown,
            "{step:?}"
        );
        last = step;
    }
    assert_eq!(last.state, ProcState::Gone);
    assert!(!matches!(last.ended, Ended::Code(_)), "{last:?}");
}

#[tokio::test]
async fn a_process_of_one_thread_is_watched_too() {
    let mut victim = Victim::threaded(0, 64, "");
    let mut seen = watched(&victim).await;
    victim.kill();
    let mut last = dying(&mut seen).await;
    if !last.state.is_over() {
        last = next(&mut seen).await;
    }
    assert_eq!(
        (last.state, last.ended),
        (ProcState::Zombie, Ended::Signal(9))
    );
}

#[tokio::test]
async fn a_life_that_is_over_is_told_at_once() {
    let mut victim = Victim::threaded(0, 1, "");
    victim.kill();
    victim.child.wait().unwrap();
    let mut seen = start(&victim.life);
    let last = next(&mut seen).await;
    assert_eq!((last.state, last.ended), (ProcState::Gone, Ended::Unknown));
    assert!(seen.recv().await.is_none());
}

#[tokio::test]
async fn a_core_dump_is_seen_before_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display();
    let then = format!(
        "time.sleep(0.4); import resource; resource.setrlimit(4, (-1, -1)); os.chdir('{place}'); \
         threading.Thread(target=os.abort).start()"
    );
    let victim = Victim::threaded(2, 256, &then);
    let mut seen = watched(&victim).await;
    let first = dying(&mut seen).await;
    assert_eq!(
        (first.state, first.ended),
        (ProcState::CoreDumping, Ended::Signal(6))
    );
    let mut last = first;
    while !last.state.is_over() {
        last = next(&mut seen).await;
    }
    assert_eq!(last.ended, Ended::Signal(6));
}

#[tokio::test]
async fn the_watch_ends_with_its_receiver() {
    let victim = Victim::threaded(1, 1, "");
    let (steps, seen) = mpsc::channel(1);
    let watch = tokio::spawn(watch(victim.life.clone(), None, clock, steps));
    drop(seen);
    timeout(Duration::from_secs(5), watch)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
