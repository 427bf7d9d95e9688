//! Servers as units of systemd: whether that can be, and what their unit files fix.

use std::path::Path;

use nix::unistd::User;

use super::Check;
use crate::config::code::Code;
use crate::config::file::{Member, Pair};
use crate::config::problem::Problem;
use crate::config::settings::{Account, Limits, Runtime};
use crate::config::sources::SystemdSeen;
use crate::runtime::systemd::{names, take_over};

/// `StateDirectory=` of the units.
pub(super) const STATE: &str = "/var/lib/dualmasterd-mysqld";
/// `RuntimeDirectory=` of the units.
pub(super) const RUN: &str = "/run/dualmasterd-mysqld";
/// `User=` of the units.
const USER: &str = "mysql";

/// How the servers of a pair are run: as said, else as units where that can be.
pub(super) fn runtime(check: &mut Check<'_>, pair: &str, said: &Pair) -> Runtime {
    let seen = check.sources.systemd;
    let runtime = said.runtime.unwrap_or(match seen {
        SystemdSeen::Ready => Runtime::Systemd,
        SystemdSeen::Absent | SystemdSeen::WithoutUnits => Runtime::Process,
    });
    let (what, help) = match (runtime, seen) {
        (Runtime::Process, _) | (Runtime::Systemd, SystemdSeen::Ready) => return runtime,
        (Runtime::Systemd, SystemdSeen::Absent) => (
            "systemd is not this host's PID 1",
            "without systemd the daemon starts the servers itself: `runtime = \"process\"`",
        ),
        (Runtime::Systemd, SystemdSeen::WithoutUnits) => (
            "the unit `dualmasterd-mysqld@.service` is not installed",
            "the packages bring it; else copy it from `systemd/` and run `systemctl daemon-reload`",
        ),
    };
    let place = check.value(&["pair", pair, "runtime"]);
    let expected = "expected a host with systemd and our units";
    check.report(Problem::new(Code::NoSystemd, place, what, expected).help(help));
    runtime
}

/// The unit that runs the member's server: as said, which must have been taken over for it, else ours.
pub(super) fn unit(
    check: &mut Check<'_>,
    pair: &str,
    name: &str,
    said: &Member,
    runtime: Runtime,
) -> String {
    let server = format!("{pair}.{name}");
    let Some(unit) = &said.unit else {
        return names::server_unit(&server);
    };
    let place = check.value(&["pair", pair, "member", name, "unit"]);
    if runtime == Runtime::Process {
        let what = "a unit is named, and this server is a process of ours";
        let expected = "expected `runtime = \"systemd\"` as well";
        check.report(Problem::new(Code::FixedByUnit, place, what, expected));
    } else if !take_over::is_name(unit) {
        let what = format!("{unit:?} cannot be the unit of a server");
        let expected = "expected a service of the distribution, as `mariadb.service`";
        check.report(Problem::new(Code::NotTakenOver, place, what, expected));
    } else if let Some(folder) = &check.sources.drop_ins
        && take_over::owner(folder, unit).as_ref() != Some(&server)
    {
        let what = format!("`{unit}` was not taken over for `{server}`");
        let expected = "expected a unit that does not restart by itself";
        let problem = Problem::new(Code::NotTakenOver, place, what, expected);
        check.report(problem.help(format!(
            "as root: dualmasterd take-over {unit} --as {server}"
        )));
    }
    unit.clone()
}

/// A server that was a process of ours has its data elsewhere: an empty one is not made in its place.
pub(super) fn nothing_left_behind(check: &mut Check<'_>, pair: &str, name: &str, state: &Path) {
    let data = state.join(pair).join(name).join("data");
    if !data.is_dir() {
        return;
    }
    let at = ["pair", pair, "member", name];
    let what = format!(
        "`{}` holds data of this member from `runtime = \"process\"`",
        data.display()
    );
    let problem = Problem::new(
        Code::FixedByUnit,
        check.key(&at),
        what,
        "expected `datadir`, or that folder at its new place",
    );
    check.report(problem.help(format!(
        "stop the server, then move it to {STATE}/{pair}.{name}/data, owned by {USER}; or say \
         `runtime = \"process\"`"
    )));
}

/// The account of the units, which nothing in our files can change.
pub(super) fn account(
    check: &mut Check<'_>,
    pair: &str,
    name: &str,
    of_pair: &Pair,
    said: &Member,
) -> Account {
    let at = match (&said.user, &of_pair.user) {
        (Some(_), _) => vec!["pair", pair, "member", name, "user"],
        (None, _) => vec!["pair", pair, "user"],
    };
    if let Some(user) = said.user.as_ref().or(of_pair.user.as_ref())
        && user != USER
    {
        let what = format!("the units run servers as `{USER}`, not as `{user}`");
        let place = check.value(&at);
        let problem = Problem::new(Code::FixedByUnit, place, what, "expected no `user` here");
        check.report(problem.help("`runtime = \"process\"` takes any account"));
    }
    let Some(user) = User::from_name(USER).ok().flatten() else {
        let what = format!("the system has no account `{USER}`, which the units run servers as");
        let place = check.key(&["pair", pair]);
        let problem = Problem::new(
            Code::UnknownUser,
            place,
            what,
            "expected a server's package",
        );
        check.report(problem.help("install the server's package, or: useradd --system mysql"));
        return Account {
            name: USER.to_owned(),
            uid: 0,
            gid: 0,
        };
    };
    Account {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
    }
}

/// What a server may use, by its own word, else its pair's. Processes of ours have no such limits.
pub(super) fn limits(
    check: &mut Check<'_>,
    pair: &str,
    name: &str,
    of_pair: &Pair,
    said: &Member,
    runtime: Runtime,
) -> Limits {
    let limits = Limits {
        memory: said
            .memory_max
            .or(of_pair.memory_max)
            .map(|size| size.get()),
        open_files: said
            .open_files
            .or(of_pair.open_files)
            .map(|files| files.get()),
    };
    if runtime == Runtime::Process {
        let there = [
            (
                "memory_max",
                said.memory_max.is_some(),
                of_pair.memory_max.is_some(),
            ),
            (
                "open_files",
                said.open_files.is_some(),
                of_pair.open_files.is_some(),
            ),
        ];
        for (key, in_member, in_pair) in there {
            let at = match (in_member, in_pair) {
                (true, _) => vec!["pair", pair, "member", name, key],
                (false, true) => vec!["pair", pair, key],
                (false, false) => continue,
            };
            let place = check.key(&at);
            let what = format!("`{key}` limits a unit, and this server is a process of ours");
            let expected = "expected `runtime = \"systemd\"` as well";
            check.report(Problem::new(Code::FixedByUnit, place, what, expected));
        }
    }
    limits
}
