//! The configuration: whatever stands in the file, it is read or every problem has its place.

use dualmasterd::config::{Sources, SystemdSeen, check_report, load};

use crate::harness::fuzz;

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("dualmasterd.toml");
    let sources = Sources {
        main: main.clone(),
        search: Vec::new(),
        credentials: None,
        programs: false,
        drop_ins: None,
        systemd: SystemdSeen::Absent,
    };
    let shipped = std::fs::read("etc/dualmasterd/dualmasterd.toml").unwrap();
    let small = b"[pair.main]\nfamily = \"mariadb\"\n[pair.main.member.a]\nport = 3306\n[pair.main.member.b]\nport = 3307\n\
        [pair.main.endpoint]\nredirect = \"127.0.0.1:3300\"\n[pair.main.hang]\nlimit = \"1s\"\n";
    let examples = [small.to_vec(), small.to_vec(), shipped];
    fuzz("configuration", 3_000, &examples, |input, _| {
        std::fs::write(&main, input).unwrap();
        let loaded = load(&sources);
        let report = check_report(&loaded);
        assert!(loaded.is_ok() || !report.is_empty());
    });
}
