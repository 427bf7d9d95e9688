use std::time::Duration;

use super::*;
use crate::model::member::Side;
use crate::model::policy::{Automation, Durability};

#[test]
fn the_minimal_file_is_short_and_enough() {
    assert!(MINIMAL.trim().lines().count() < 15);
    let etc = Etc::usual(MINIMAL);
    let settings = etc.good();
    let pair = &settings.pairs["orders"];
    assert_eq!(pair.policy.durability, Durability::Lossless);
    assert_eq!(pair.policy.automation, Automation::Automatic);
    assert_eq!(pair.policy.prefer, None);
    let (a, b) = (&pair.members.a, &pair.members.b);
    assert_eq!((a.name.as_str(), a.side), ("db1", Side::A));
    assert_eq!(
        (a.server.server_id, a.server.offset, a.server.admin_port),
        (3307, 1, 13307)
    );
    assert_eq!(
        (b.server.server_id, b.server.offset, b.server.admin_port),
        (3308, 2, 13308)
    );
    assert_eq!(a.server.datadir, etc.path("state/orders/db1/data"));
    assert_eq!(a.cnf, etc.path("state/orders/db1.cnf"));
    assert_eq!(a.server.socket, etc.path("run/orders.db1/mysqld.sock"));
    assert_eq!(a.server.bind, "127.0.0.1");
    assert_eq!(a.server.ack_timeout, None);
    assert_eq!(a.account.name, Etc::me());
    assert_eq!(settings.daemon.control, etc.path("run/control.sock"));
    assert!(check_report(&Ok(settings)).starts_with("pair orders: MariaDB, lossless\n"));
}

#[test]
fn a_frozen_writer_is_known_in_time_and_a_short_stall_is_none() {
    let settings = Etc::usual(MINIMAL).good();
    let hang = &settings.pairs["orders"].policy.hang;
    assert!(hang.interval + hang.limit <= Duration::from_millis(1300));
    assert!(hang.limit > Duration::from_millis(300) + hang.interval);
}

#[test]
fn later_files_win_key_by_key() {
    let etc = Etc::usual(&with(
        "[pair.orders.mysqld]\nmax_connections = 100\nsort_buffer_size = \"1M\"",
    ));
    etc.write(
        "conf.d/10.toml",
        "[pair.orders.mysqld]\nmax_connections = 200\n",
    );
    etc.write(
        "conf.d/9.toml",
        "[pair.orders.mysqld]\nmax_connections = 300\n[log]\nlevel = \"debug\"\n",
    );
    let settings = etc.good();
    let own = &settings.pairs["orders"].members.a.server.own;
    assert_eq!(own["max_connections"], "300");
    assert_eq!(own["sort_buffer_size"], "1M");
    assert_eq!(settings.log.level, LogLevel::Debug);
}

#[test]
fn a_members_own_setting_beats_the_pairs() {
    let etc = Etc::usual(&with(
        "[pair.orders.mysqld]\nMax-Connections = 100\n[pair.orders.member.db2.mysqld]\nmax_connections = 50\nlog_output = \"TABLE\"",
    ));
    let pair = &etc.good().pairs["orders"];
    assert_eq!(pair.members.a.server.own["max_connections"], "100");
    assert_eq!(pair.members.b.server.own["max_connections"], "50");
    assert_eq!(pair.members.b.server.own["log_output"], "TABLE");
}

#[test]
fn an_address_of_the_host_opens_the_members() {
    let etc =
        Etc::usual(&with("interface = \"eth0\"").replace("127.0.0.1:3306", "192.0.2.10:3306"));
    let settings = etc.good();
    let pair = &settings.pairs["orders"];
    assert_eq!(pair.members.a.server.bind, "*");
    let address = pair
        .endpoint
        .as_ref()
        .and_then(|endpoint| endpoint.address.as_ref());
    assert_eq!(address.map(|address| address.prefix), Some(32));
}

#[test]
fn available_has_a_timeout() {
    let text = MINIMAL.replace(
        "family = \"mariadb\"",
        "family = \"mysql\"\ndurability = \"available\"",
    );
    let pair = &Etc::usual(&text).good().pairs["orders"];
    assert_eq!(
        pair.members.a.server.ack_timeout,
        Some(Duration::from_secs(1))
    );
    assert_eq!(pair.members.a.install_db, None);
}

#[test]
fn the_highest_port_has_an_admin_port() {
    for (port, admin) in [("65535", 65534), ("60000", 60001)] {
        let etc = Etc::usual(&MINIMAL.replace("3307", port));
        assert_eq!(
            etc.good().pairs["orders"].members.a.server.admin_port,
            admin
        );
    }
}

/// The installed example: as shipped it configures nothing.
const SHIPPED: &str = include_str!("../../../etc/dualmasterd/dualmasterd.toml");

/// Takes away the sign in front of every default.
pub(super) fn uncommented() -> String {
    SHIPPED
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => rest,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_shipped_example_configures_nothing() {
    Etc::new(SHIPPED).problem(Code::NoPair);
}

#[test]
fn the_shipped_example_shows_the_defaults() {
    let minimal = Etc::usual(MINIMAL);
    let full = Etc::usual(MINIMAL);
    full.write("dualmasterd.toml", uncommented());
    let machine = std::fs::read_to_string(minimal.path("conf.d/00-machine.toml")).expect("a file");
    let control = minimal.path("run/control.sock");
    let machine = machine.replace(
        "[pair.orders]",
        &format!("control = {control:?}\n[pair.orders]"),
    );
    full.write("conf.d/00-machine.toml", machine);
    let but_for_the_files = |etc: &Etc| Settings {
        digest: String::new(),
        ..etc.good()
    };
    assert_eq!(but_for_the_files(&full), but_for_the_files(&minimal));
    assert_ne!(full.good().digest, minimal.good().digest);
}

#[test]
fn the_shipped_example_names_every_key() {
    let with_samples = SHIPPED.replace("\n## ", "\n#");
    for key in [
        "prefer",
        "runtime",
        "memory_max",
        "open_files",
        "binary",
        "install_db",
        "user",
        "root_password_file",
        "datadir",
        "socket",
        "unit",
        "reader",
        "interface",
        "prefix",
        "password_file",
        "database",
        "monitor_file",
        "manage_file",
        "replicate_file",
        "tls",
    ] {
        assert!(with_samples.contains(&format!("\n#{key} = ")), "{key}");
    }
}

#[test]
fn the_examples_are_accepted_and_short() {
    let examples = [
        (
            "MariaDB",
            include_str!("../../../packaging/examples/mariadb.toml"),
        ),
        (
            "MySQL",
            include_str!("../../../packaging/examples/mysql.toml"),
        ),
    ];
    for (family, text) in examples {
        let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
        assert!(text.lines().filter(says).count() < 15, "{family}");
        let settings = Etc::usual(text).good();
        let report = check_report(&Ok(settings));
        let expected = format!("pair orders: {family}, lossless\n");
        assert!(report.starts_with(&expected), "{report}");
    }
}
