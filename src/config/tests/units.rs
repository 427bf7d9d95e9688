//! How servers are run, by what is there.

use super::*;
use crate::runtime::systemd::take_over;

fn under(systemd: SystemdSeen, main: &str) -> Result<Settings, Problems> {
    let etc = Etc::new(main);
    let folder = etc.0.path();
    let text = format!(
        "[daemon]\nstate_dir = {:?}\nrun_dir = {:?}\n",
        folder.join("state"),
        folder.join("run")
    );
    etc.write("conf.d/00-machine.toml", text);
    load(&Sources {
        systemd,
        ..etc.sources()
    })
}

fn with(key: &str) -> String {
    MINIMAL.replace("family = ", &format!("{key}\nfamily = "))
}

fn codes(loaded: Result<Settings, Problems>) -> Vec<Code> {
    let problems = loaded.err();
    problems.map_or_else(Vec::new, |found| {
        found.iter().map(|problem| problem.code).collect()
    })
}

#[test]
fn units_are_the_default_where_they_can_be() {
    let units = under(SystemdSeen::Ready, MINIMAL).expect("good");
    let member = &units.pairs["orders"].members.a;
    assert_eq!(member.runtime, Runtime::Systemd);
    assert_eq!(member.account.name, "mysql");
    assert_eq!(member.server.user, None);
    assert_eq!(
        member.server.socket,
        Path::new("/run/dualmasterd-mysqld/orders.db1/mysqld.sock")
    );
    for elsewhere in [SystemdSeen::Absent, SystemdSeen::WithoutUnits] {
        let settings = under(elsewhere, MINIMAL).expect("good");
        assert_eq!(settings.pairs["orders"].members.a.runtime, Runtime::Process);
    }
}

#[test]
fn a_unit_of_the_distribution_is_taken_over_first() {
    let named = |unit: &str| {
        MINIMAL.replace(
            "port = 3307\n",
            &format!("port = 3307\nunit = \"{unit}\"\n"),
        )
    };
    let settings = under(SystemdSeen::Ready, &named("mariadb.service")).expect("good");
    let members = &settings.pairs["orders"].members;
    assert_eq!(members.a.unit, "mariadb.service");
    assert_eq!(members.b.unit, "dualmasterd-mysqld@orders.db2.service");
    let bad = under(SystemdSeen::Ready, &named("mariadb.socket"));
    assert_eq!(codes(bad), [Code::NotTakenOver]);
    let process = under(SystemdSeen::Absent, &named("mariadb.service"));
    assert_eq!(codes(process), [Code::FixedByUnit]);

    let etc = Etc::new(&named("mariadb.service"));
    let folder = etc.0.path();
    let sources = Sources {
        systemd: SystemdSeen::Ready,
        drop_ins: Some(folder.to_owned()),
        ..etc.sources()
    };
    let problems = load(&sources).expect_err("not taken over").to_string();
    assert!(
        problems.contains("as root: dualmasterd take-over mariadb.service"),
        "{problems}"
    );
    let places = take_over::Places {
        units: folder.to_owned(),
        rules: folder.join("rules.d"),
        control: folder.join("control"),
    };
    places
        .write("mariadb.service", "orders.db1")
        .expect("written");
    load(&sources).expect("good");
    // For another member it was not.
    places
        .write("mariadb.service", "orders.db2")
        .expect("written");
    assert_eq!(codes(load(&sources)), [Code::NotTakenOver]);
}

#[test]
fn units_need_systemd_and_their_files() {
    let wanted = with("runtime = \"systemd\"");
    for (seen, help) in [
        (SystemdSeen::Absent, "runtime = \"process\""),
        (SystemdSeen::WithoutUnits, "the packages bring it"),
    ] {
        let problems = under(seen, &wanted).expect_err("no units");
        assert!(problems.to_string().contains("DM0127"), "{problems}");
        assert!(problems.to_string().contains(help), "{problems}");
    }
    under(SystemdSeen::Ready, &wanted).expect("good");
}

#[test]
fn what_the_units_fix_is_refused() {
    let other = with("user = \"nobody\"");
    assert_eq!(
        codes(under(SystemdSeen::Ready, &other)),
        [Code::FixedByUnit, Code::FixedByUnit]
    );
    under(SystemdSeen::Ready, &with("user = \"mysql\"")).expect("the same account");
    for limit in ["memory_max = \"1G\"", "open_files = 4096"] {
        let found = codes(under(SystemdSeen::Absent, &with(limit)));
        assert_eq!(found, [Code::FixedByUnit, Code::FixedByUnit], "{limit}");
    }
}

#[test]
fn limits_are_a_members_own_or_its_pairs() {
    let text = with("memory_max = \"2g\"\nopen_files = 4096")
        .replace("port = 3307", "port = 3307\nmemory_max = \"512M\"");
    let settings = under(SystemdSeen::Ready, &text).expect("good");
    let members = &settings.pairs["orders"].members;
    assert_eq!(members.a.limits.memory, Some(512 << 20));
    assert_eq!(members.b.limits.memory, Some(2 << 30));
    assert_eq!(members.a.limits.open_files, Some(4096));
    for wrong in ["\"2\"", "\"2X\"", "\"1M\"", "2000000000", "\"99999T\""] {
        let found = codes(under(
            SystemdSeen::Ready,
            &with(&format!("memory_max = {wrong}")),
        ));
        assert_eq!(found, [Code::BadValue], "{wrong}");
    }
}

#[test]
fn data_of_a_process_is_not_left_behind() {
    let etc = Etc::new(MINIMAL);
    let state = etc.0.path().join("state");
    std::fs::create_dir_all(state.join("orders/db1/data")).expect("a folder");
    etc.write(
        "conf.d/00-machine.toml",
        format!("[daemon]\nstate_dir = {state:?}\n"),
    );
    let sources = Sources {
        systemd: SystemdSeen::Ready,
        ..etc.sources()
    };
    assert_eq!(codes(load(&sources)), [Code::FixedByUnit]);
}
