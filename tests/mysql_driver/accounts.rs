//! The daemon's own accounts, the application's, and texts that a server's mode may read otherwise.

use dualmasterd::act::accounts::{App, bootstrap, create_app};
use dualmasterd::model::secret::Secret;
use dualmasterd::model::server::Family;
use dualmasterd::mysql::cells::nth;
use dualmasterd::mysql::quote::quote_str;
use dualmasterd::mysql::{Account, Session};

use crate::pair::{LIMIT, Pair, Server};

pub async fn of_ours(pair: &Pair) {
    for server in [&pair.a, &pair.b] {
        bootstrap(&server.handle).await.unwrap();
        bootstrap(&server.handle).await.unwrap();
        let fact = server.look().await;
        assert!(fact.executed.is_empty(), "{}", fact.executed);
        assert!(!fact.writable && fact.link.is_none() && fact.heartbeats.is_empty());
        assert!(fact.semi_sync.available && fact.semi_sync.replica_on && fact.semi_sync.after_sync);
        assert!(!fact.semi_sync.source_on && fact.strict && fact.logs_updates);
        assert_eq!(fact.version, server.root().await.dialect().version());
        let roots = "SELECT COUNT(*) FROM mysql.user WHERE User = 'root'";
        assert_eq!(server.value(roots).await.unwrap(), "1");

        let mut monitor = Session::connect(server.target(), Account::Monitor, LIMIT)
            .await
            .unwrap();
        for (sql, errno) in [
            (
                "REPLACE INTO dualmasterd.heartbeat (ts, server_id) VALUES ('', 9)",
                1290,
            ),
            ("SET GLOBAL read_only=0", 1227),
            ("CREATE DATABASE d", 1290),
            ("SELECT * FROM mysql.user", 1142),
            ("STOP SLAVE", 1227),
        ] {
            let sql = match (server.target().family, sql) {
                (Family::Mysql, "STOP SLAVE") => "STOP REPLICA",
                (_, sql) => sql,
            };
            let error = monitor.run(sql, LIMIT).await.unwrap_err();
            assert_eq!(error.errno, Some(errno), "{}", error.chain());
        }
        monitor
            .run("SET SESSION sql_log_bin=0", LIMIT)
            .await
            .unwrap();
    }
    quoting(&pair.a).await;
    // A lost password is repaired; without root everything must be there.
    pair.a
        .sql("SET SESSION sql_log_bin=0; SET GLOBAL read_only=0")
        .await;
    pair.a
        .sql("SET SESSION sql_log_bin=0; ALTER USER 'dualmasterd_monitor'@'localhost' IDENTIFIED BY 'x'")
        .await;
    let refused = Session::connect(pair.a.target(), Account::Monitor, LIMIT)
        .await
        .unwrap_err();
    assert_eq!(refused.errno, Some(1045));
    bootstrap(&pair.a.handle).await.unwrap();
    pair.a.sql("SET GLOBAL read_only=1").await;
    assert!(pair.a.look().await.executed.is_empty());
}

/// A server's mode in which a backslash is a letter changes none of our texts.
async fn quoting(server: &Server) {
    let mode = server.value("SELECT @@global.sql_mode").await.unwrap();
    let mut root = server.root().await;
    let set = "SET GLOBAL sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES'";
    root.run(set, LIMIT).await.unwrap();
    let text = r"a\b\\c'd";
    let sql = format!("SELECT {} AS said", quote_str(text));
    let rows = server.root().await.rows(&sql, LIMIT).await.unwrap();
    assert_eq!(nth(&rows[0], 0).unwrap(), text);
    let back = format!("SET GLOBAL sql_mode={}", quote_str(&mode));
    root.run(&back, LIMIT).await.unwrap();
}

pub async fn of_the_application(pair: &Pair) {
    let app = App {
        user: "it's`\"\\".to_owned(),
        host: "%".to_owned(),
        password: Secret::new("p'w\\\"`😀"),
        schema: format!("a`'_%{}", "ä".repeat(50)),
    };
    assert!(
        create_app(&pair.b.handle, &app).await.is_err(),
        "never on the reader"
    );
    create_app(&pair.a.handle, &app).await.unwrap();
    create_app(&pair.a.handle, &app).await.unwrap();
    pair.b.until_has(&pair.a.look().await.executed).await;
    let there = "SELECT COUNT(*) FROM mysql.user WHERE User = 'it''s`\"\\\\'";
    assert_eq!(pair.b.value(there).await.unwrap(), "1");
}
