//! A hundred pairs in one daemon, against servers that hold nothing: `make bench BENCH=many PAIRS=1,50,100`.
//!
//! Everything of the daemon is real: its observers, its loop, its processes, sockets, state files and nft
//! tables. The servers are [`crate::fake`]: a real one of each pair would need 300 MB. An answer of theirs is
//! as long as a real one's, and comes sooner.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use dualmasterd::model::server::Family;
use serde_json::json;

use crate::asked::Asked;
use crate::fake;
use crate::figures::rounded;
use crate::kept::keep;
use crate::overhead::{self, Need};
use crate::support::{Setup, in_namespace};

pub(crate) const NAME: &str = "many";
const GOAL: &str = "each further pair <= 1 MB, <= 0.2 % of a core; cost linear";
/// Without `PAIRS`.
const COUNTS: [u16; 3] = [1, 50, 100];

/// Each number of pairs, one after the other.
pub(crate) fn run(asked: &Asked) {
    let asked = Asked {
        family: Family::Mysql,
        ..asked.clone()
    };
    let folder = tempfile::Builder::new().tempdir_in("/var/tmp");
    let folder = folder.expect("make a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("chmod");
    let program = folder.path().join(fake::PROGRAM);
    let ourselves = std::env::current_exe().expect("our own path");
    std::fs::copy(ourselves, &program).expect("copy ourselves");
    let mut needs: Vec<Need> = Vec::new();
    for pairs in overhead::pairs_of_environment(&COUNTS) {
        let mut setup = Setup::new(Family::Mysql);
        setup.binary = Some(program.clone());
        let need = in_namespace(async || overhead::measure(setup, pairs).await);
        println!(
            "{NAME:<24}fake     pairs {pairs}, rss_mb {:.1}, cpu_percent {:.2}",
            need.rss_mb, need.cpu_percent
        );
        needs.push(need);
    }
    let mut steps = Vec::new();
    for step in needs.windows(2) {
        let [fewer, more] = step else { continue };
        let further = f64::from(more.pairs.saturating_sub(fewer.pairs));
        let rss_mb = (more.rss_mb - fewer.rss_mb) / further;
        let cpu_percent = (more.cpu_percent - fewer.cpu_percent) / further;
        println!(
            "{:<24}{} to {}: each further pair {rss_mb:.2} MB, {cpu_percent:.3} % of a core  {GOAL}",
            "", fewer.pairs, more.pairs
        );
        steps.push(json!({
            "from": fewer.pairs,
            "to": more.pairs,
            "rss_mb_per_pair": rounded(rss_mb),
            "cpu_percent_per_pair": (cpu_percent * 1000.0).round() / 1000.0,
        }));
    }
    let of = |need: &Need| {
        json!({
            "pairs": need.pairs,
            "rss_mb": rounded(need.rss_mb),
            "cpu_percent": rounded(need.cpu_percent),
        })
    };
    let kept = json!({
        "server": "mysql",
        "servers_are_fake": true,
        "needs": needs.iter().map(of).collect::<Vec<_>>(),
        "steps": steps,
        "goal": GOAL,
    });
    keep(NAME, &asked, kept);
}
