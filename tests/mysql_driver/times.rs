//! What looks take, and what the observers of a pair at rest cost.

use std::time::{Duration, Instant};

use dualmasterd::model::member::Side;
use dualmasterd::mysql::look::Looker;

use crate::pair::{LIMIT, Pair, life, now};
use crate::watched::Watched;

pub async fn of_looks(pair: &Pair) {
    for server in [&pair.a, &pair.b] {
        let mut looker = Looker::connect(server.target(), LIMIT).await.unwrap();
        let (mut full, mut quick) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let began = Instant::now();
            looker.look_full(&life(), now, LIMIT).await.unwrap();
            full.push(began.elapsed());
            let began = Instant::now();
            looker.look_quick(&life(), now, LIMIT).await.unwrap();
            quick.push(began.elapsed());
        }
        full.sort();
        quick.sort();
        eprintln!(
            "   {}: full look {:?} (max {:?}), quick {:?} (max {:?})",
            server.target().name,
            full[100],
            full[199],
            quick[100],
            quick[199]
        );
    }
}

/// Processor time of both members' observers, the writer's probes included.
pub async fn at_rest(pair: &Pair) {
    let (a, b) = (
        Watched::start(&pair.a, Side::A),
        Watched::start(&pair.b, Side::B),
    );
    a.is_writer(8);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = processor_time();
    let span = Duration::from_secs(5);
    tokio::time::sleep(span).await;
    let used = processor_time() - before;
    let percent = 100.0 * used.as_secs_f64() / span.as_secs_f64();
    eprintln!("   {percent:.2} % of a core for both members");
    drop((a, b));
    // The last heartbeat is over before the next step.
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn processor_time() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let micros = |time: nix::sys::time::TimeVal| {
        u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap()
    };
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}
