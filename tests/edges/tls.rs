//! Links over TLS: encrypted, and refused by name where the certificate is somebody else's.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use mysql_async::prelude::Queryable;

use crate::support::settings::PAIR;
use crate::support::{Host, Setup, in_namespace, sql};

const LONG: Duration = Duration::from_secs(40);

#[test]
fn mariadb() {
    in_namespace(async || links(Family::Mariadb).await);
}

#[test]
fn mysql() {
    in_namespace(async || links(Family::Mysql).await);
}

async fn links(family: Family) {
    let mut setup = Setup::new(family);
    setup.tables = format!(
        "[pair.{PAIR}.link]\ntls = {{ ca = \"{{dir}}/tls/ca.pem\", cert = \"{{dir}}/tls/cert.pem\", \
         key = \"{{dir}}/tls/key.pem\" }}\n"
    );
    // The servers themselves know the right authority from the beginning.
    setup.mysqld = "ssl_ca = \"/nowhere\"\n".into();
    let mut host = Host::new(setup);
    let tls = host.path().join("tls");
    let right = format!("{}/right.pem", tls.display());
    let text = std::fs::read_to_string(host.config()).expect("read");
    std::fs::write(host.config(), text.replace("/nowhere", &right)).expect("write");
    certificates(&tls);
    std::fs::copy(tls.join("wrong.pem"), tls.join("ca.pem")).expect("copy");

    host.start().await;
    let refused = |report: &PairReport| {
        let mut findings = report.findings.iter();
        findings.any(|found| {
            found.kind.starts_with("Link") && found.detail.contains("SSL connection error")
        })
    };
    let report = host.until("a link that is refused", LONG, refused).await;
    for finding in &report.findings {
        eprintln!("{} {:?}: {}", finding.kind, finding.member, finding.detail);
    }
    assert!(!report.in_sync);

    std::fs::copy(tls.join("right.pem"), tls.join("ca.pem")).expect("copy");
    host.until_healthy(LONG).await;
    for member in ["a", "b"] {
        assert!(
            handshakes(&host, member).await > 0,
            "{member} speaks in clear text"
        );
        // Whoever comes without TLS is refused from now on: the link comes back all the same.
        let off = "SET SESSION sql_log_bin=0";
        let require = "ALTER USER dualmasterd_replicate@'127.0.0.1' REQUIRE SSL";
        let writable = match family {
            Family::Mariadb => "SELECT 1",
            Family::Mysql => "SET GLOBAL super_read_only=0",
        };
        let closed = match family {
            Family::Mysql if host.roles().await.1 == member => "SET GLOBAL super_read_only=1",
            Family::Mysql | Family::Mariadb => "SELECT 1",
        };
        host.as_root(member, &[off, writable, require, closed])
            .await;
        let before = handshakes(&host, member).await;
        end_dump(&host, member).await;
        let deadline = tokio::time::Instant::now() + LONG;
        while handshakes(&host, member).await == before {
            assert!(
                tokio::time::Instant::now() < deadline,
                "no receiver came to {member}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        host.until_healthy(LONG).await;
    }
}

/// TLS sessions that the server has begun as the one that is called. Only receivers ask for them here.
async fn handshakes(host: &Host, member: &str) -> u64 {
    let mut conn = host.root(member).await;
    let query = "SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'";
    let row: Option<(String, u64)> = conn.query_first(query).await.expect("an answer");
    row.map_or(0, |(_, count)| count)
}

/// Ends the connection of the receiver at its source.
async fn end_dump(host: &Host, member: &str) {
    let mut conn = host.root(member).await;
    let query = "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    let ids: Vec<u64> = conn.query(query).await.expect("sessions");
    assert!(!ids.is_empty(), "no receiver at {member}");
    for id in ids {
        let killed = sql::run(&mut conn, &format!("KILL {id}"), LONG).await;
        killed.expect("kill the dump");
    }
}

/// Two authorities, and a certificate of the first for the servers.
fn certificates(folder: &Path) {
    std::fs::create_dir(folder).expect("make a folder");
    std::fs::write(
        folder.join("names"),
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n",
    )
    .expect("write");
    let new = "req -newkey rsa:2048 -nodes -batch";
    for name in ["right", "wrong"] {
        let subject = format!("-subj /CN={name} -keyout {name}.key -out {name}.pem -x509 -days 30");
        openssl(folder, &format!("{new} {subject}"));
    }
    openssl(
        folder,
        &format!("{new} -subj /CN=pair -keyout key.pem -out cert.csr"),
    );
    let sign = "x509 -req -in cert.csr -CA right.pem -CAkey right.key -CAcreateserial";
    openssl(
        folder,
        &format!("{sign} -days 30 -extfile names -out cert.pem"),
    );
    let owned = Command::new("chown")
        .args(["-R", "mysql:mysql"])
        .arg(folder)
        .status();
    assert!(owned.expect("run chown").success());
    let closed = Command::new("chmod")
        .arg("600")
        .arg(folder.join("key.pem"))
        .status();
    assert!(closed.expect("run chmod").success());
}

fn openssl(folder: &Path, words: &str) {
    let ran = Command::new("openssl")
        .args(words.split(' '))
        .current_dir(folder)
        .output()
        .expect("run openssl");
    assert!(
        ran.status.success(),
        "{words}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
