use super::*;

/// A second pair that would be good beside the minimal one.
const CRM: &str = r#"
[pair.crm]
family = "mysql"
[pair.crm.member.a]
port = 4407
[pair.crm.member.b]
port = 4408
"#;

fn two(crm: &str) -> Etc {
    Etc::usual(&format!("{MINIMAL}{crm}"))
}

#[test]
fn a_pair_has_two_members() {
    let etc = Etc::usual("[pair.orders]\nfamily = \"mysql\"\n");
    etc.problem(Code::MemberCount);
    let etc = Etc::usual(&with("[pair.orders.member.db3]\nport = 3309"));
    assert!(
        etc.problem(Code::MemberCount)
            .what
            .contains("has 3 member(s)")
    );
}

#[test]
fn names_are_narrow() {
    for name in [
        "Orders",
        "-x",
        "\"a b\"",
        "\"\"",
        "a2345678901234567890123456789012",
    ] {
        let etc = Etc::usual(&format!("{MINIMAL}{}", CRM.replace("crm", name)));
        let problems = etc.bad();
        assert!(
            problems.iter().any(|p| p.code == Code::BadName),
            "{name}: {problems}"
        );
    }
    let etc = Etc::usual(&MINIMAL.replace("db1", "dB1"));
    etc.problem(Code::BadName);
}

#[test]
fn ports_are_used_once_over_all_pairs() {
    let problem = two(&CRM.replace("4407", "3308\nserver_id = 9")).problem(Code::DuplicatePort);
    assert_eq!(marked(&problem), "3308");
    let problem = two(&CRM.replace("4407", "13307")).problem(Code::DuplicatePort);
    assert!(
        problem.what.contains("admin_port of member db1"),
        "{problem}"
    );
    let crm = CRM.replace("4407", "4407\nadmin_port = 4408");
    two(&crm).problem(Code::DuplicatePort);
}

#[test]
fn server_ids_are_used_once_over_all_pairs() {
    let problem =
        two(&CRM.replace("4407", "4407\nserver_id = 3307")).problem(Code::DuplicateServerId);
    assert!(problem.what.contains("db1"), "{problem}");
}

#[test]
fn datadirs_are_used_once_and_lie_beside_each_other() {
    for (a, b) in [("data", "data"), ("data", "data/b"), ("link", "data")] {
        let etc = Etc::usual(MINIMAL);
        std::fs::create_dir(etc.path("data")).expect("a folder");
        std::os::unix::fs::symlink("data", etc.path("link")).expect("a link");
        let crm = CRM
            .replace("4407", &format!("4407\ndatadir = {:?}", etc.path(a)))
            .replace("4408", &format!("4408\ndatadir = {:?}", etc.path(b)));
        etc.write("dualmasterd.toml", format!("{MINIMAL}{crm}"));
        etc.write(
            "conf.d/10.toml",
            format!("[pair.crm]\nuser = \"{}\"\n", Etc::me()),
        );
        etc.problem(Code::DuplicatePath);
    }
}

#[test]
fn members_hand_out_different_keys() {
    let offset = "\nauto_increment_offset = 2";
    let text = MINIMAL
        .replace("3307", &format!("3307{offset}"))
        .replace("3308", &format!("3308{offset}"));
    let problem = Etc::usual(&text).problem(Code::SameOffset);
    assert!(problem.also.is_some());
    let good = Etc::usual(&MINIMAL.replace("3307", &format!("3307{offset}"))).good();
    let members = &good.pairs["orders"].members;
    assert_eq!((members.a.server.offset, members.b.server.offset), (2, 1));
}

#[test]
fn endpoints_are_used_once_and_hide_no_member() {
    let crm = format!("{CRM}[pair.crm.endpoint]\nredirect = \"127.0.0.1:3306\"\n");
    two(&crm).problem(Code::EndpointTaken);
    for port in ["3307", "4408", "13308"] {
        let crm = format!("{CRM}[pair.crm.endpoint]\nredirect = \"127.0.0.1:{port}\"\n");
        assert!(two(&crm).problem(Code::EndpointTaken).what.contains(port));
    }
    let crm = format!("{CRM}[pair.crm.endpoint]\nredirect = \"127.0.0.1:3400\"\nreader = 3400\n");
    two(&crm).problem(Code::EndpointTaken);
    for (wrong, code) in [
        ("nowhere", Code::BadValue),
        ("0.0.0.0:3306", Code::BadValue),
    ] {
        let text = MINIMAL.replace("127.0.0.1:3306", wrong);
        Etc::usual(&text).problem(code);
    }
    Etc::usual(&with("prefix = 24")).problem(Code::Contradiction);
    Etc::usual(&with("interface = \"eth0\"\nprefix = 64")).problem(Code::BadValue);
}

#[test]
fn a_secret_is_for_nobody_else() {
    let etc = Etc::usual(MINIMAL);
    etc.write("app.cnf", "[client]\nuser=shop\npassword='geheim'\n");
    let path = etc.mode("app.cnf", 0o644);
    let app = format!("[pair.orders.app]\ndatabase = \"shop\"\npassword_file = {path:?}");
    etc.write("dualmasterd.toml", with(&app));
    let problems = etc.bad();
    let problem = problems.iter().next().expect("one");
    assert_eq!(problem.code, Code::SecretExposed);
    assert!(problem.what.contains("mode is 0644") && !problems.to_string().contains("geheim"));
    for mode in [0o600, 0o400] {
        etc.mode("app.cnf", mode);
        let app = etc.good().pairs["orders"].app.clone().expect("an app");
        assert_eq!((app.user.as_str(), app.host.as_str()), ("shop", "%"));
        assert_eq!(app.password.expect("a password").expose(), "geheim");
    }
    etc.write("app.cnf", "[client]\nuser=shop\n");
    assert!(
        etc.bad()
            .iter()
            .any(|problem| problem.code == Code::SecretUnusable)
    );
}

#[test]
fn names_that_a_server_would_refuse_later_are_refused_now() {
    let app = |user: &str, database: &str| {
        with(&format!(
            "[pair.orders.app]\nuser = {user:?}\ndatabase = {database:?}"
        ))
    };
    let (longest, with_one) = ("a".repeat(64), format!("{}_", "a".repeat(62)));
    for database in [longest.as_str(), &with_one, "my app", "gemüse"] {
        Etc::usual(&app("shop", database)).good();
    }
    let too_long = format!("{}_", "a".repeat(63));
    for database in [too_long.as_str(), "shop🙂", "shop "] {
        Etc::usual(&app("shop", database)).problem(Code::BadName);
    }
    for user in ["shop🙂", "shop "] {
        Etc::usual(&app(user, "shop")).problem(Code::BadName);
    }
}

#[test]
fn a_server_that_demands_tls_needs_it_on_the_links() {
    for value in ["\"ON\"", "1", "true"] {
        let set = format!("[pair.orders.mysqld]\nrequire_secure_transport = {value}");
        Etc::usual(&with(&set)).problem(Code::Contradiction);
    }
    Etc::usual(&with(
        "[pair.orders.mysqld]\nrequire_secure_transport = \"OFF\"",
    ))
    .good();
}

#[test]
fn a_credential_comes_from_systemd() {
    let app = "[pair.orders.app]\nuser = \"shop\"\ndatabase = \"shop\"\n";
    let etc = Etc::usual(&with(&format!(
        "{app}password_file = \"$CREDENTIALS_DIRECTORY/app\""
    )));
    etc.problem(Code::SecretUnusable);
    std::fs::create_dir(etc.path("credentials")).expect("a folder");
    etc.write("credentials/app", "[client]\npassword=x\n");
    etc.mode("credentials/app", 0o440);
    etc.good();
    let climb = with(&format!(
        "{app}password_file = \"$CREDENTIALS_DIRECTORY/../app\""
    ));
    Etc::usual(&climb).problem(Code::SecretUnusable);
}

#[test]
fn accounts_must_exist() {
    let etc = Etc::usual(MINIMAL);
    etc.write(
        "conf.d/99.toml",
        "[pair.orders.member.db1]\nuser = \"no-such-user\"\n",
    );
    let problem = etc.problem(Code::UnknownUser);
    assert_eq!(marked(&problem), "\"no-such-user\"");
}

#[test]
fn no_server_runs_as_root() {
    let etc = Etc::usual(MINIMAL);
    etc.write(
        "conf.d/99.toml",
        "[pair.orders.member.db1]\nuser = \"root\"\n",
    );
    etc.problem(Code::UnknownUser);
}

#[test]
fn a_member_is_where_its_peer_can_reach_it() {
    for host in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1"] {
        let etc = Etc::usual(&MINIMAL.replace("3307", &format!("3307\nhost = \"{host}\"")));
        etc.problem(Code::BadValue);
    }
}

#[test]
fn paths_are_absolute_and_stand_on_something() {
    let etc = Etc::usual(
        &with("[pair.orders.member.db1]\ndatadir = \"data\"").replace(
            "[pair.orders.member.db1]\nport = 3307\n",
            "[pair.orders.member]\ndb1.port = 3307\n",
        ),
    );
    assert!(
        etc.bad()
            .iter()
            .any(|p| p.code == Code::Syntax || p.code == Code::BadPath)
    );
    let etc = Etc::usual(&MINIMAL.replace("3307", "3307\ndatadir = \"data\""));
    assert_eq!(marked(&etc.problem(Code::BadPath)), "\"data\"");
    for odd in ["a\\u0000b", "a\\nb", "a\\u001b[31mb"] {
        let odd = format!("3307\ndatadir = \"/tmp/{odd}\"");
        Etc::usual(&MINIMAL.replace("3307", &odd)).problem(Code::BadPath);
    }
    let etc = Etc::usual(&MINIMAL.replace("3307", "3307\ndatadir = \"/no/such/folder\""));
    etc.problem(Code::NoSuchFile);
    let etc = Etc::usual(MINIMAL);
    etc.write(
        "conf.d/50.toml",
        "[daemon]\nstate_dir = \"/no/such/folder\"\n",
    );
    assert_eq!(
        marked(&etc.problem(Code::NoSuchFile)),
        "\"/no/such/folder\""
    );
    let long = format!("3307\nsocket = \"/run/{}\"", "x".repeat(100));
    Etc::usual(&MINIMAL.replace("3307", &long)).problem(Code::BadPath);
}

#[test]
fn hooks_can_be_executed_and_gates_closed() {
    let etc = Etc::usual(MINIMAL);
    etc.write("hook", "#!/bin/sh\n");
    for (mode, code) in [
        (0o644, Some(Code::BadHook)),
        (0o777, Some(Code::BadHook)),
        (0o775, Some(Code::BadHook)),
        (0o755, None),
    ] {
        let path = etc.mode("hook", mode);
        let hooks = format!(
            "[pair.orders.hooks]\npre_switchover = [{path:?}]\ngating = [\"pre_switchover\"]"
        );
        etc.write("dualmasterd.toml", with(&hooks));
        match code {
            Some(code) => assert_eq!(marked(&etc.problem(code)), format!("[{path:?}]")),
            None => assert_eq!(etc.good().pairs["orders"].hooks.programs.len(), 1),
        }
    }
    for event in ["post_switchover", "pre_failover"] {
        let hooks = format!("[pair.orders.hooks]\ngating = [\"{event}\"]");
        Etc::usual(&with(&hooks)).problem(Code::Contradiction);
    }
}

#[test]
fn contradictions_are_refused() {
    let pair = |line: &str| {
        MINIMAL.replace(
            "family = \"mariadb\"",
            &format!("family = \"mariadb\"\n{line}"),
        )
    };
    for (line, code) in [
        ("prefer = \"db1\"", Code::Contradiction),
        ("failback = \"prefer\"", Code::Missing),
        (
            "failback = \"prefer\"\nprefer = \"db9\"",
            Code::UnknownMember,
        ),
        ("hang.limit = \"300ms\"", Code::Contradiction),
        (
            "switchover.deadline = \"100ms\"\nswitchover.close_budget = \"1s\"",
            Code::Contradiction,
        ),
        (
            "link.tls = { cert = \"/etc/passwd\", ca = \"/etc/passwd\" }",
            Code::Missing,
        ),
        ("app.user = \"root\"\napp.database = \"x\"", Code::BadName),
        ("app.user = \"mysql\"\napp.database = \"x\"", Code::BadName),
        (
            "app.user = \"mariadb.sys\"\napp.database = \"x\"",
            Code::BadName,
        ),
        ("app.user = \"x\"", Code::Missing),
    ] {
        Etc::usual(&pair(line)).problem(code);
    }
    let etc = Etc::usual(&MINIMAL.replace("family = \"mariadb\"\n", ""));
    etc.problem(Code::Missing);
    let etc = Etc::usual(&MINIMAL.replace("port = 3307", ""));
    etc.problem(Code::Missing);
}
