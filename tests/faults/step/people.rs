//! What somebody with all rights does by hand.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::LONG;
use crate::faults::case::{File, Who, Words};
use crate::faults::ground::Ground;
use crate::support::settings::PAIR;
use crate::support::sql;
use dualmasterd::model::server::Family;

/// How long root tries, where the daemon undoes what it does.
const TRIES: Duration = Duration::from_secs(10);

/// Statements of root, in the words of the family. The daemon may get between two of them: they are tried
/// again from the first.
pub(super) async fn root(ground: &Ground, who: Who, mariadb: Words, mysql: Words) {
    let words = match ground.host.setup.family {
        Family::Mariadb => mariadb,
        Family::Mysql => mysql,
    };
    retried(ground, who, words, &[]).await;
}

/// Changes of root that no binary log has.
pub(super) async fn quiet(ground: &Ground, who: Who, words: Words) {
    let open: Words = match ground.host.setup.family {
        Family::Mariadb => &["SET sql_log_bin=0"],
        // It closes to root as well, and the daemon closes it again.
        Family::Mysql => &["SET sql_log_bin=0", "SET GLOBAL super_read_only=0"],
    };
    retried(ground, who, words, open).await;
}

async fn retried(ground: &Ground, who: Who, words: Words, before: Words) {
    let member = ground.member(who).await;
    let deadline = Instant::now() + TRIES;
    loop {
        let Err(why) = once(ground, &member, before.iter().chain(words)).await else {
            return;
        };
        assert!(Instant::now() < deadline, "root at {member}: {why}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn once<'a>(
    ground: &Ground,
    member: &str,
    words: impl Iterator<Item = &'a &'static str>,
) -> Result<(), String> {
    let opts = sql::local(&ground.host.socket(member), "root");
    let mut conn = sql::connect(&opts).await?;
    for statement in words {
        let statement = statement.replace("{t}", &ground.table);
        let ran = sql::run(&mut conn, &statement, LONG).await;
        ran.map_err(|why| format!("{statement}: {why}"))?;
    }
    let _ = conn.disconnect().await;
    Ok(())
}

/// Deletes the daemon's table.
pub(super) fn delete_nft_table() {
    let listed = Command::new("nft").args(["list", "tables"]).output();
    let listed = listed.expect("run nft").stdout;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let named = listed.lines().find_map(|line| line.strip_prefix("table "));
    let table = named.unwrap_or_else(|| panic!("no table in {listed:?}"));
    nft(&format!("delete table {table}"));
}

/// Runs `nft`.
pub(super) fn nft(words: &str) {
    let ran = Command::new("nft").args(words.split(' ')).status();
    assert!(ran.expect("run nft").success(), "nft {words}");
}

/// Deletes a link's files, but for their list.
pub(super) async fn lose_relay_logs(ground: &Ground, who: Who) {
    let data = ground.host.path().join(format!("state/{PAIR}"));
    let data = data.join(ground.member(who).await).join("data");
    let files = std::fs::read_dir(data).expect("the datadir").flatten();
    let is_relay = |name: &str| {
        name.strip_prefix("relay.")
            .is_some_and(|end| end != "index")
    };
    let mut lost = 0;
    for file in files.filter(|file| is_relay(&file.file_name().to_string_lossy())) {
        std::fs::remove_file(file.path()).expect("delete a relay log");
        lost += 1;
    }
    assert!(lost > 0, "there was none");
}

/// Appends lines to a server's file.
pub(super) async fn edit_config(ground: &Ground, who: Who, lines: &str) {
    let path = ground.host.my_cnf(&ground.member(who).await);
    let file = OpenOptions::new().append(true).open(path);
    let written = file.expect("my.cnf").write_all(lines.as_bytes());
    written.expect("append to my.cnf");
}

/// Deletes a server's file.
pub(super) async fn delete_config(ground: &Ground, who: Who) {
    let path = ground.host.my_cnf(&ground.member(who).await);
    // It is written again at the next start.
    if let Err(why) = std::fs::remove_file(&path) {
        assert!(!path.exists(), "{}: {why}", path.display());
    }
}

/// Changes the daemon's state file.
pub(super) fn state(ground: &mut Ground, change: File) {
    let path = ground.state_file();
    let done = match change {
        File::Keep => std::fs::read(&path).map(|bytes| ground.kept = bytes),
        File::Delete => std::fs::remove_file(&path),
        File::Truncate => OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(0)),
        File::PutBack => std::fs::write(&path, &ground.kept),
    };
    done.unwrap_or_else(|why| panic!("{change:?} of {}: {why}", path.display()));
}
