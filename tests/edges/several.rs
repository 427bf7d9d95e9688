//! Two pairs in one daemon, of different families: both get whole, and what happens to one is nothing to the
//! other. Both have a setting that only an initialisation can give, and get a password for root later.

use std::path::PathBuf;
use std::time::Duration;

use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use tokio::time::{Instant, sleep};

use crate::support::host::is_whole;
use crate::support::settings::{ENDPOINT, PAIR};
use crate::support::{Host, Setup, fault, in_namespace, sql};

/// Four servers are made and started at once.
const LONG: Duration = Duration::from_secs(120);
/// The second pair. Its ports are those of the first and a hundred.
const OTHER: &str = "u";
const PAIRS: [(&str, u16); 2] = [(PAIR, ENDPOINT), (OTHER, ENDPOINT + 100)];
const ROOT_PASSWORD: &str = "Correct-horse-9";

#[test]
fn two_pairs() {
    in_namespace(async || {
        let mut host = Host::new(setup(Family::Mariadb));
        let other = setup(Family::Mysql).pair(&host.path().display().to_string());
        let other = other
            .replace("pair.t", "pair.u")
            .replace("260", "261")
            .replace("270", "271");
        let folder = host.path().join("conf.d");
        std::fs::create_dir(&folder).expect("make a folder");
        std::fs::write(folder.join("50-other.toml"), other).expect("write");
        host.start().await;
        for (pair, _) in PAIRS {
            whole(&host, pair).await;
            names_are_lower_case(&host, pair).await;
        }
        for (pair, rest) in [(PAIR, PAIRS[1]), (OTHER, PAIRS[0])] {
            a_death_is_nothing_to_the_other(&host, pair, rest).await;
        }
        root_gets_a_password(&mut host).await;
    });
}

fn setup(family: Family) -> Setup {
    let mut setup = Setup::new(family);
    setup.mysqld = "lower_case_table_names = 1\n".into();
    setup
}

async fn whole(host: &Host, pair: &str) -> PairReport {
    let deadline = Instant::now() + LONG;
    loop {
        let report = host.report_of(pair).await;
        match report {
            Ok(report) if is_whole(&report) => return report,
            other => assert!(Instant::now() < deadline, "{pair}: {other:#?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// `lower_case_table_names` was there when the datadirs were made.
async fn names_are_lower_case(host: &Host, pair: &str) {
    for member in ["a", "b"] {
        let mut root = root(host, pair, member, "").await.expect("root");
        let lower: Option<u8> = root
            .query_first("SELECT @@lower_case_table_names")
            .await
            .expect("an answer");
        assert_eq!(lower, Some(1), "{pair}.{member}");
    }
}

/// The writer of one dies and is replaced; a session of the other goes on, as do its servers and its epoch.
async fn a_death_is_nothing_to_the_other(host: &Host, pair: &str, (other, port): (&str, u16)) {
    let (before, still) = (whole(host, pair).await, whole(host, other).await);
    let mut session = sql::connect(&sql::app(port)).await.expect("a session");
    let create = format!("CREATE TABLE Beside_{pair} (id INT PRIMARY KEY)");
    sql::run(&mut session, &create, LONG).await.expect("create");
    let writer = before.writer.clone().expect("a writer");
    let pid = pid(host, pair, &writer).expect("the writer runs");
    fault::kill(pid);
    let deadline = Instant::now() + LONG;
    let mut id = 0;
    let after = loop {
        id += 1;
        let insert = format!("INSERT INTO beside_{pair} VALUES ({id})");
        sql::run(&mut session, &insert, LONG).await.expect(other);
        let report = host.report_of(pair).await.expect("a report");
        if report.epoch > before.epoch && is_whole(&report) {
            break report;
        }
        assert!(Instant::now() < deadline, "{report:#?}");
        sleep(Duration::from_millis(10)).await;
    };
    assert_ne!(after.writer, Some(writer), "{:#?}", after.operations);
    let now = whole(host, other).await;
    let pids = |report: &PairReport| -> Vec<_> {
        report.members.iter().map(|member| member.pid).collect()
    };
    assert_eq!((now.epoch, &now.writer), (still.epoch, &still.writer));
    assert_eq!(pids(&now), pids(&still), "a server of {other} was ended");
}

/// With a password that only a file has, the daemon still makes anew what somebody dropped.
async fn root_gets_a_password(host: &mut Host) {
    let file = host.path().join("root.cnf");
    let text = format!("[client]\nuser = root\npassword = {ROOT_PASSWORD}\n");
    std::fs::write(&file, text).expect("write");
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, closed).expect("chmod");
    let keys = PAIRS.map(|(pair, _)| format!("[pair.{pair}]\nroot_password_file = {file:?}\n"));
    let path = host.path().join("conf.d/60-root.toml");
    std::fs::write(path, keys.concat()).expect("write");
    for (pair, _) in PAIRS {
        let writer = whole(host, pair).await.writer.expect("a writer");
        let mut session = root(host, pair, &writer, "").await.expect("root");
        let alter = format!("ALTER USER root@localhost IDENTIFIED BY '{ROOT_PASSWORD}'");
        sql::run(&mut session, &alter, LONG).await.expect("alter");
    }
    assert!(host.stop_daemon().await.success());
    host.start().await;
    for (pair, _) in PAIRS {
        let writer = whole(host, pair).await.writer.expect("a writer");
        let session = root(host, pair, &writer, ROOT_PASSWORD).await;
        let drop = "DROP DATABASE dualmasterd";
        sql::run(&mut session.expect("root"), drop, LONG)
            .await
            .expect("drop");
        for member in ["a", "b"] {
            let refused = root(host, pair, member, "").await;
            assert!(refused.is_err(), "{pair}.{member} lets root in without");
            let beats = "SELECT 1 FROM dualmasterd.heartbeat";
            let deadline = Instant::now() + LONG;
            let mut session = root(host, pair, member, ROOT_PASSWORD).await.expect("root");
            while sql::run(&mut session, beats, LONG).await.is_err() {
                assert!(Instant::now() < deadline, "no heartbeat at {pair}.{member}");
                sleep(Duration::from_millis(200)).await;
            }
        }
        whole(host, pair).await;
    }
}

async fn root(host: &Host, pair: &str, member: &str, password: &str) -> Result<Conn, String> {
    let socket = host.path().join(format!("run/{pair}.{member}/mysqld.sock"));
    let opts = OptsBuilder::from_opts(sql::local(&socket, "root"));
    sql::connect(&opts.pass(Some(password)).into()).await
}

fn pid(host: &Host, pair: &str, member: &str) -> Option<i32> {
    let cnf: PathBuf = host.path().join(format!("state/{pair}/{member}.cnf"));
    fault::server_of(&cnf)
}
