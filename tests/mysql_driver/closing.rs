//! A writer closed and opened, and its sessions ended.

use std::time::{Duration, Instant};

use dualmasterd::act::close::{close, open};
use dualmasterd::act::server::set_events;
use dualmasterd::act::sessions::{Which, close_sessions};
use dualmasterd::model::action::{ActionError, Brought};
use dualmasterd::model::link::Receiver;
use dualmasterd::model::server::Family;
use dualmasterd::mysql::sessions::list;
use mysql_async::prelude::Queryable;

use crate::BUDGET;
use crate::pair::{LIMIT, Pair};

pub async fn close_and_open(pair: &Pair) {
    let a = &pair.a;
    let mut blocker = a.root().await;
    blocker.run("LOCK TABLES t.x WRITE", LIMIT).await.unwrap();
    let began = Instant::now();
    let error = close(&a.handle, BUDGET).await.unwrap_err();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(300), "{took:?}");
    assert!(
        matches!(&error, ActionError::Failed(why) if why.contains("in the way")),
        "{error}"
    );
    if a.target().family == Family::Mysql {
        assert!(
            error
                .to_string()
                .contains(&format!("session {}", blocker.id())),
            "{error}"
        );
    }
    eprintln!("   {error} ({took:?})");
    assert!(a.look().await.writable, "nothing changed");
    blocker.run("UNLOCK TABLES", LIMIT).await.unwrap();
    names_no_statement(pair).await;
    set_events(&a.handle, true).await.unwrap();
    assert!(a.look().await.events_on);
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(close(&a.handle, BUDGET).await.unwrap(), Brought::Nothing);
        eprintln!("   closed in {:?}", began.elapsed());
    }
    assert!(a.look().await.is_closed());
    if a.target().family == Family::Mysql {
        a.root()
            .await
            .run("SET GLOBAL super_read_only=0", LIMIT)
            .await
            .unwrap();
        let fact = a.look().await;
        assert!(!fact.writable && !fact.is_closed(), "administrators get in");
        close(&a.handle, BUDGET).await.unwrap();
        assert!(a.look().await.is_closed());
    }
    open(&a.handle).await.unwrap();
    open(&a.handle).await.unwrap();
    set_events(&a.handle, false).await.unwrap();
    let fact = a.look().await;
    assert!(fact.writable && !fact.events_on);
}

/// What is in the way is told without the client's words: they go to the journal.
async fn names_no_statement(pair: &Pair) {
    let a = &pair.a;
    let mut client = a.root().await;
    let id = client.id();
    let statement = "INSERT INTO t.x SELECT 1 FROM DUAL WHERE SLEEP(0.6) /* geheim */";
    let running = tokio::spawn(async move { client.run(statement, LIMIT).await });
    let runs = format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE ID = {id} AND STATE = 'User sleep'"
    );
    for _ in 0..200 {
        if a.value(&runs).await.unwrap() == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(BUDGET).await;
    let error = close(&a.handle, BUDGET).await.unwrap_err().to_string();
    eprintln!("   {error}");
    assert!(error.contains(&format!("session {id} ")), "{error}");
    assert!(!error.contains("geheim"), "{error}");
    running.await.unwrap().unwrap();
    set_events(&a.handle, true).await.unwrap();
}

pub async fn sessions(pair: &Pair) {
    let a = &pair.a;
    let mut clients = vec![a.root().await, a.root().await];
    let mut root = a.root().await;
    let listed = list(&mut root, LIMIT).await.unwrap();
    let own = listed.iter().find(|one| one.id == u64::from(root.id()));
    let own = own.expect("listed");
    let info = own.info.as_deref().unwrap();
    assert!(
        info.starts_with("SELECT ID, USER") && own.user == "root",
        "{own:?}"
    );
    let dumps = listed
        .iter()
        .filter(|one| one.command.starts_with("Binlog Dump"));
    assert_eq!(dumps.count(), 1, "the server's own threads as well");
    drop(root);
    let began = Instant::now();
    let brought = close_sessions(&a.handle, Which::PassReadOnly)
        .await
        .unwrap();
    let Brought::Closed {
        sessions,
        returned,
        position,
    } = brought
    else {
        panic!()
    };
    eprintln!(
        "   {sessions} ended in {:?}, returned {returned:?}",
        began.elapsed()
    );
    assert!(sessions >= 2);
    for client in &mut clients {
        assert!(client.run("SELECT 1", LIMIT).await.is_err());
    }
    let none = close_sessions(&a.handle, Which::All).await.unwrap();
    let fact = a.look().await;
    assert_eq!(position, fact.executed);
    assert_eq!(
        none,
        Brought::Closed {
            sessions: 0,
            returned: Vec::new(),
            position: fact.executed.clone()
        }
    );
    assert_eq!(fact.semi_sync.clients, 1, "dump threads stay");
    assert_eq!(fact.link.unwrap().receiver, Receiver::Running);
}

/// On MariaDB a routine that runs with an administrator's right writes through `read_only` for whoever
/// calls it: then an ordinary client's session is one of those that have to be ended.
pub async fn definers(pair: &Pair) {
    let a = &pair.a;
    a.sql(
        "CREATE USER plain@localhost IDENTIFIED BY 'p'; GRANT EXECUTE, SELECT ON t.* TO plain@localhost",
    )
    .await;
    let client = || {
        let opts = mysql_async::OptsBuilder::default()
            .socket(
                a.target()
                    .socket
                    .as_ref()
                    .map(|path| path.display().to_string()),
            )
            .user(Some("plain"))
            .pass(Some("p"));
        mysql_async::Conn::new(opts)
    };
    let mut plain = client().await.unwrap();
    close_sessions(&a.handle, Which::PassReadOnly)
        .await
        .unwrap();
    plain
        .query_drop("SELECT 1")
        .await
        .expect("it cannot write through read_only");
    a.sql(
        "CREATE DEFINER=root@localhost PROCEDURE t.p() SQL SECURITY DEFINER \
         INSERT INTO t.x VALUES (1000)",
    )
    .await;
    close(&a.handle, BUDGET).await.unwrap();
    plain
        .query_drop("CALL t.p()")
        .await
        .expect("the routine passes read_only");
    close_sessions(&a.handle, Which::PassReadOnly)
        .await
        .unwrap();
    assert!(plain.query_drop("SELECT 1").await.is_err());
    open(&a.handle).await.unwrap();
    a.sql("DROP PROCEDURE t.p").await;
    pair.b.until_has(&a.look().await.executed).await;
}
