//! What the daemon itself needs while nothing happens.

use std::time::Duration;

use dualmasterd::model::server::Family;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::asked::Asked;
use crate::figures::{ms, rounded};
use crate::kept::keep;
use crate::needs::{cpu, rss_mb};
use crate::support::Host;
use crate::support::host::is_whole;
use crate::support::settings::{self, PAIR};

pub(crate) const NAME: &str = "overhead";
const GOAL: &str = "one pair: <= 15 MB, <= 0.3 % of a core; each further: <= 1 MB, <= 0.2 %";
/// Start-up work is over after this time.
const REST: Duration = Duration::from_secs(10);
/// The window in which processor time is counted.
const WINDOW: Duration = Duration::from_secs(30);

/// The numbers of pairs that `PAIRS` asks for, as `1,4,8`; 1 without it.
pub(crate) fn pairs_of_environment() -> Vec<u16> {
    let pairs = std::env::var("PAIRS").unwrap_or_default();
    let pairs = pairs.split(',').filter(|text| !text.is_empty());
    let pairs: Vec<u16> = pairs
        .map(|text| text.trim().parse().expect("PAIRS is a list of numbers"))
        .collect();
    if pairs.is_empty() { vec![1] } else { pairs }
}

/// So many pairs in one daemon, at rest.
pub(crate) async fn run(asked: &Asked, pairs: u16) {
    let family = asked.family;
    let mut setup = asked.setup();
    for number in 2..=pairs {
        setup.tables.push_str(&further_pair(family, number));
    }
    let host = Host::serving(setup).await;
    for number in 2..=pairs {
        until_whole(&host, &format!("p{number}")).await;
    }
    sleep(REST).await;
    let pid = host.daemon_pid();
    let (before, begun) = (cpu(pid), Instant::now());
    sleep(WINDOW).await;
    let percent = (cpu(pid) - before).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
    let rss = rss_mb(pid);
    println!(
        "{NAME:<14}{:<9}pairs {pairs}, rss_mb {rss:.1}, cpu_percent {percent:.2} over {} s  {GOAL}",
        settings::name(family),
        ms(WINDOW) / 1000.0,
    );
    let name = match pairs {
        1 => NAME.to_owned(),
        _ => format!("{NAME}_{pairs}"),
    };
    keep(
        &name,
        asked,
        json!({
            "server": settings::name(family),
            "runs": 1,
            "pairs": pairs,
            "rss_mb": rounded(rss),
            "cpu_percent": rounded(percent),
            "goal": GOAL,
        }),
    );
}

fn further_pair(family: Family, number: u16) -> String {
    let port = 26000 + 10 * number;
    let admin = port + 1000;
    let binary = match family {
        Family::Mariadb => String::new(),
        Family::Mysql => format!("binary = {:?}\n", settings::mysqld()),
    };
    format!(
        "\n[pair.p{number}]\nfamily = \"{}\"\n{binary}\
         member.a = {{ port = {}, admin_port = {} }}\nmember.b = {{ port = {}, admin_port = {} }}\n\
         endpoint = {{ redirect = \"127.0.0.1:{port}\", reader = {} }}\n\
         mysqld = {{ innodb_buffer_pool_size = \"64M\" }}\n",
        settings::name(family),
        port + 1,
        admin + 1,
        port + 2,
        admin + 2,
        port + 5,
    )
}

async fn until_whole(host: &Host, pair: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !host
        .report_of(pair)
        .await
        .is_ok_and(|report| is_whole(&report))
    {
        assert!(
            Instant::now() < deadline,
            "pair {pair} beside {PAIR} is not whole"
        );
        sleep(Duration::from_millis(100)).await;
    }
}
