//! A configuration that is not understood is refused before anything is touched.

use std::time::Duration;

use dualmasterd::model::server::Family;

use crate::support::{Host, Setup, in_namespace};

const SOON: Duration = Duration::from_secs(10);

/// Exit code 78, with the file, the line and a caret; nothing was made.
#[test]
fn bad_file_is_refused() {
    in_namespace(async || {
        let mut setup = Setup::new(Family::Mariadb);
        setup.keys = "hang.limit = 1\nfalover = \"manual\"\n".into();
        let mut host = Host::new(setup);
        host.launch();
        let status = host.daemon_ended(SOON).await;
        assert_eq!(status.code(), Some(78), "{}", host.log());
        let log = host.log();
        for part in ["dualmasterd.toml", "falover", "limit", "^"] {
            assert!(log.contains(part), "{part} is not in\n{log}");
        }
        let made = std::fs::read_dir(host.path().join("state"))
            .expect("read")
            .count();
        assert_eq!(made, 0, "something was made");
    });
}

/// A control socket where nobody listens: exit code 69.
#[test]
fn nobody_answers() {
    in_namespace(async || {
        let host = Host::new(Setup::new(Family::Mariadb));
        for verb in ["list", "explain", "history", "switchover", "reload"] {
            let answer = host.ctl(&[verb]).await;
            assert_eq!(answer.code, 69, "{verb}: {answer:?}");
            let failed = &answer.json()["failed"];
            assert_eq!(failed["code"], "unavailable", "{verb}: {answer:?}");
        }
    });
}
