use super::*;

#[test]
fn an_unknown_key_shows_the_known_ones() {
    let etc = Etc::usual(&MINIMAL.replace("port = 3307", "prot = 3307"));
    let problem = etc.problem(Code::UnknownKey);
    assert_eq!(marked(&problem), "prot");
    assert!(problem.render().contains("`port`"), "{problem}");
    assert!(
        problem.to_string().contains("dualmasterd.toml:5:1: "),
        "{problem}"
    );
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    let etc = Etc::usual(&MINIMAL.replace("3307", "\"3307\""));
    let problem = etc.problem(Code::BadValue);
    assert_eq!(marked(&problem), "\"3307\"");
    assert_eq!(problem.expected, "expected a whole number from 1 to 65535");
}

#[test]
fn a_slip_is_understood() {
    let etc = Etc::usual(&MINIMAL.replace("family", "famliy"));
    let problem = etc.problem(Code::UnknownKey);
    assert_eq!(problem.help.as_deref(), Some("`family` is meant, perhaps"));
    let etc = Etc::usual(&with("[nonsense]"));
    assert_eq!(etc.problem(Code::UnknownKey).help, None);
}

#[test]
fn a_table_is_expected() {
    for text in [
        "pair = 3",
        "log = \"x\"",
        "log = [\"info\", \"text\"]",
        "[[log]]\nlevel = \"info\"",
    ] {
        let etc = Etc::usual(&format!("{text}\n"));
        let problems = etc.bad();
        let problem = problems.iter().next().expect("one");
        assert_eq!(
            (problem.code, problem.expected.contains("table")),
            (Code::BadValue, true),
            "{problems}"
        );
    }
}

#[test]
fn a_duration_needs_its_unit() {
    for value in ["250", "\"250\"", "\"-1s\"", "\"9h\"", "\"soon\""] {
        let etc = Etc::usual(&with(&format!("[pair.orders.hang]\ninterval = {value}")));
        let problem = etc.problem(Code::BadValue);
        assert_eq!(marked(&problem), value);
        assert!(
            problem
                .expected
                .contains("with its unit (ms, s, m, h, d), from \"20ms\" to \"1m\"")
        );
    }
}

#[test]
fn a_wrong_word_shows_the_right_ones() {
    let etc = Etc::usual(&MINIMAL.replace("mariadb", "postgres"));
    let problem = etc.problem(Code::BadValue);
    assert!(problem.expected.contains("`mariadb`") && problem.expected.contains("`mysql`"));
}

#[test]
fn all_problems_come_at_once() {
    let etc = Etc::usual(&with(
        "nonsense = 1\n[pair.orders.hang]\ninterval = 5\nlimit = \"x\"\n[pair.orders.mysqld]\nsync_binlog = 0\n\
         [pair.crm]\nfamily = \"mysql\"\n[pair.crm.member.a]\nport = 3307",
    ));
    etc.write("conf.d/50.toml", "[log]\nlevel = \"loud\"\n");
    let codes: Vec<_> = etc.bad().iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        [
            Code::UnknownKey,
            Code::BadValue,
            Code::BadValue,
            Code::PromiseKey,
            Code::MemberCount,
            Code::DuplicatePort,
            Code::BadValue,
        ]
    );
}

#[test]
fn the_place_is_in_the_file_that_won() {
    let etc = Etc::usual(MINIMAL);
    etc.write("conf.d/50.toml", "[pair.orders.member.db2]\nport = 3307\n");
    let problems = etc.bad();
    let problem = problems
        .iter()
        .find(|problem| problem.code == Code::DuplicatePort)
        .expect("a duplicate port");
    assert_eq!(file_name(&problem.place.source.path), "50.toml");
    let text = problem.render();
    assert!(
        text.contains("50.toml:2:8") && text.contains("dualmasterd.toml:5:8"),
        "{text}"
    );
}

#[test]
fn keys_that_a_promise_rests_on_are_refused() {
    for key in [
        "sync_binlog",
        "innodb-flush-log-at-trx-commit",
        "read_only",
        "super-read-only",
        "rpl_semi_sync_master_enabled",
        "rpl_semi_sync_replica_enabled",
        "loose-rpl_semi_sync_source_timeout",
        "relay_log_recovery",
        "log_slave_updates",
        "log_replica_updates",
        "replicate-do-db",
        "replicate_wild_ignore_table",
        "binlog-ignore-db",
        "binlog_do_db",
        "event_scheduler",
        "gtid_mode",
        "gtid_strict_mode",
        "Skip-Slave-Start",
        "skip_replica_start",
        "binlog_format",
        "skip-log-bin",
        "log_bin",
        "persisted_globals_load",
        "slave_skip_errors",
    ] {
        let etc = Etc::usual(&with(&format!(
            "[pair.orders.member.db1.mysqld]\n{key} = 0"
        )));
        let problem = etc.problem(Code::PromiseKey);
        assert_eq!(marked(&problem), key);
        assert!(problem.what.contains("promise "), "{problem}");
    }
    for key in [
        "server-id",
        "auto_increment_offset",
        "auto-increment-increment",
        "port",
    ] {
        let etc = Etc::usual(&with(&format!("[pair.orders.mysqld]\n{key} = 1")));
        assert_eq!(marked(&etc.problem(Code::OwnedKey)), key);
    }
}

#[test]
fn server_settings_must_fit_into_an_option_file() {
    for lines in [
        "\"a b\" = 1",
        "x = \"a\\nb\"",
        "max-connections = 1\nloose_max_connections = 2",
    ] {
        let etc = Etc::usual(&with(&format!("[pair.orders.mysqld]\n{lines}")));
        etc.problem(Code::BadServerKey);
    }
    let etc = Etc::usual(&with(
        "[pair.orders.mysqld]\nbinlog_expire_logs_seconds = 3600",
    ));
    etc.problem(Code::OwnedKey);
}

#[test]
fn the_report_is_a_compilers() {
    let etc = Etc::usual(&MINIMAL.replace("3308", "3307"));
    let report = check_report(&etc.load());
    let path = etc.path("dualmasterd.toml");
    let expected = format!(
        "error[DM0112]: port 3307 is used twice: port of member db1 of pair orders and port of member db2 of pair orders
 --> {}:7:8
  |
5 | port = 3307
  |        ---- port of member db1 of pair orders
6 | [pair.orders.member.db2]
7 | port = 3307
  |        ^^^^ port of member db2 of pair orders: expected another one",
        path.display()
    );
    assert!(report.starts_with(&expected), "{report}");
    assert!(
        report.ends_with("1 problem in the configuration; nothing was changed\n"),
        "{report}"
    );
}
