//! What the daemon itself needs while nothing happens.

use std::time::Duration;

use dualmasterd::model::server::Family;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::asked::{self, Asked};
use crate::figures::rounded;
use crate::kept::keep;
use crate::needs::{cpu, rss_mb};
use crate::support::host::is_whole;
use crate::support::settings::{self, PAIR};
use crate::support::{Host, Setup};

pub(crate) const NAME: &str = "overhead";
const GOAL: &str = "one pair: <= 15 MB, <= 0.3 % of a core; each further: <= 1 MB, <= 0.2 %";
/// The first pair is made within this time, and each further one within so much more: all at once.
const FIRST: Duration = Duration::from_secs(60);
const EACH: Duration = Duration::from_secs(5);
/// Start-up work is over after this time.
const REST: Duration = Duration::from_secs(10);
/// The window in which processor time is counted.
const WINDOW: Duration = Duration::from_secs(30);

/// The numbers of pairs that `PAIRS` asks for, as `1,4,8`.
pub(crate) fn pairs_of_environment(usual: &[u16]) -> Vec<u16> {
    let Some(pairs) = asked::value("PAIRS") else {
        return usual.to_vec();
    };
    let number = |text: &str| text.trim().parse().expect("PAIRS is a list of numbers");
    pairs.split(',').map(number).collect()
}

/// What the daemon needs at rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// Of so many pairs.
    pub(crate) pairs: u16,
    /// Its resident memory.
    pub(crate) rss_mb: f64,
    /// Its share of one core.
    pub(crate) cpu_percent: f64,
}

/// So many real pairs in one daemon.
pub(crate) async fn run(asked: &Asked, pairs: u16) {
    let need = measure(asked.setup(), pairs).await;
    println!(
        "{NAME:<24}{:<9}pairs {pairs}, rss_mb {:.1}, cpu_percent {:.2} over {} s  {GOAL}",
        settings::name(asked.family),
        need.rss_mb,
        need.cpu_percent,
        WINDOW.as_secs(),
    );
    let name = match pairs {
        1 => NAME.to_owned(),
        _ => format!("{NAME}_{pairs}"),
    };
    let kept = json!({
        "server": settings::name(asked.family),
        "runs": 1,
        "pairs": pairs,
        "rss_mb": rounded(need.rss_mb),
        "cpu_percent": rounded(need.cpu_percent),
        "goal": GOAL,
    });
    keep(&name, asked, kept);
}

/// Makes so many pairs, each like this one, and looks at the daemon while they rest.
pub(crate) async fn measure(mut setup: Setup, pairs: u16) -> Need {
    for number in 2..=pairs {
        let further = further_pair(&setup, number);
        setup.tables.push_str(&further);
    }
    let mut host = Host::new(setup);
    host.launch();
    let deadline = Instant::now() + FIRST + EACH * u32::from(pairs);
    until_whole(&host, PAIR, deadline).await;
    for number in 2..=pairs {
        until_whole(&host, &format!("p{number}"), deadline).await;
    }
    sleep(REST).await;
    let pid = host.daemon_pid();
    let (before, begun) = (cpu(pid), Instant::now());
    let steps = steps(&host);
    sleep(WINDOW).await;
    assert_eq!(
        self::steps(&host),
        steps,
        "a pair does not rest: see the log"
    );
    let used = cpu(pid).saturating_sub(before).as_secs_f64();
    Need {
        pairs,
        rss_mb: rss_mb(pid),
        cpu_percent: used / begun.elapsed().as_secs_f64() * 100.0,
    }
}

/// How many steps the daemon has begun.
fn steps(host: &Host) -> usize {
    host.log().matches(" begins event=").count()
}

fn further_pair(setup: &Setup, number: u16) -> String {
    // Room for two hundred pairs before the admin ports, and for theirs before those of the first pair.
    let port = 20000 + 10 * number;
    let admin = port + 3000;
    let binary = match setup.family {
        Family::Mariadb => String::new(),
        Family::Mysql => format!("binary = {:?}\n", setup.mysqld()),
    };
    format!(
        "\n[pair.p{number}]\nfamily = \"{}\"\n{binary}\
         member.a = {{ port = {}, admin_port = {} }}\nmember.b = {{ port = {}, admin_port = {} }}\n\
         endpoint = {{ redirect = \"127.0.0.1:{port}\", reader = {} }}\n\
         mysqld = {{ innodb_buffer_pool_size = \"64M\" }}\n",
        settings::name(setup.family),
        port + 1,
        admin + 1,
        port + 2,
        admin + 2,
        port + 5,
    )
}

async fn until_whole(host: &Host, pair: &str, deadline: Instant) {
    while !host
        .report_of(pair)
        .await
        .is_ok_and(|report| is_whole(&report))
    {
        assert!(Instant::now() < deadline, "pair {pair} is not whole");
        sleep(Duration::from_millis(100)).await;
    }
}
