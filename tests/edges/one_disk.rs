//! Both members on one disk that is full: there is no better place for the writer, so nobody is killed and
//! nobody is promoted. Everything is named, and the pair goes on by itself once there is space.

use std::process::Command;
use std::time::Duration;

use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use super::named::{named, named_with, until_no};
use crate::support::check::check;
use crate::support::settings::PAIR;
use crate::support::{Disk, Host, Load, Setup, fault, in_namespace};

/// Whatever the pair has to do once there is space.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn mariadb_one_disk() {
    in_namespace(async || one_disk(Family::Mariadb).await);
}

#[test]
fn mysql_one_disk() {
    in_namespace(async || one_disk(Family::Mysql).await);
}

async fn one_disk(family: Family) {
    let mut host = Host::new(Setup::new(family));
    let disk = Disk::mount(&host.path().join("disk"), 1200);
    a_mounted_datadir_is_named(&mut host).await;
    let datadir = |member: &str| {
        let folder = host.path().join("disk").join(member);
        std::fs::create_dir(&folder).expect("make a folder");
        let owned = Command::new("chown").arg("mysql").arg(&folder).status();
        assert!(owned.expect("run chown").success());
        let data = folder.join("data");
        format!("[pair.{PAIR}.member.{member}]\ndatadir = {data:?}\n")
    };
    site(&host, &["a", "b"].map(datadir).concat());
    host.serve().await;
    let before = host.report().await;
    let pids = ["a", "b"].map(|member| host.pid(member));

    let load = Load::start(&host, "one_disk", 4, Duration::from_millis(1)).await;
    disk.fill();
    let since = Instant::now();
    for member in ["a", "b"] {
        let words = named(&host, "DiskFull", member).await;
        eprintln!("{member}: after {:?}: {words}", since.elapsed());
    }
    // Longer than any verdict about a hang.
    sleep(Duration::from_secs(5)).await;
    let report = host.report().await;
    for finding in &report.findings {
        eprintln!(
            "{} at {:?}: {}",
            finding.kind, finding.member, finding.detail
        );
    }
    assert_eq!(report.epoch, before.epoch, "{:#?}", report.operations);
    assert_eq!(
        ["a", "b"].map(|member| host.pid(member)),
        pids,
        "somebody was killed"
    );
    let refused = host.switchover().await.expect_err("onto a full disk");
    assert!(refused.contains("DiskTakesWrites"), "{refused}");

    disk.free();
    let freed = Instant::now();
    // Both wait for a minute before they look again: the test does not.
    pids.into_iter().flatten().for_each(fault::kill);
    load.until_acked(freed, |_| true, LONG).await;
    eprintln!(
        "acknowledged again {:?} after there was space",
        freed.elapsed()
    );
    host.until_healthy(LONG).await;
    let history = load.finish().await;
    let verdict = check(&host, "one_disk", &history).await;
    eprintln!("{verdict:?}");
    until_no(&host, "DiskFull").await;
}

/// Where a file system is mounted no datadir can be put in place as a whole: what to do is said.
async fn a_mounted_datadir_is_named(host: &mut Host) {
    let path = host.path();
    std::fs::create_dir(path.join("disk/lost+found")).expect("make a folder");
    let (disk, missing) = (path.join("disk"), path.join("missing"));
    let a = format!("[pair.{PAIR}.member.a]\ndatadir = {disk:?}\n");
    let b = format!("[pair.{PAIR}.member.b]\nbinary = {missing:?}\n");
    std::fs::create_dir(path.join("conf.d")).expect("make a folder");
    site(host, &format!("{a}{b}"));
    host.start().await;
    let said = named_with(
        host,
        "DatadirForeign",
        "a",
        "a file system is mounted there",
    )
    .await;
    assert!(said.contains("/disk/mysql/data\""), "{said}");
    let ended = host.stop_daemon().await;
    assert!(ended.success(), "{ended}");
}

/// What is said beside the usual.
fn site(host: &Host, text: &str) {
    std::fs::write(host.path().join("conf.d/50-site.toml"), text).expect("write");
}
