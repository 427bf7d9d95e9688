//! One member: its ports, paths and identity, all but the port with a default.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::unique::Claimer;
use super::{Check, access, mysqld, paths, units};
use crate::config::code::Code;
use crate::config::file;
use crate::config::problem::Problem;
use crate::config::settings::{DaemonSettings, MemberSettings, Runtime};
use crate::model::instance::ServerFile;
use crate::model::member::Side;
use crate::model::policy::Durability;
use crate::model::server::Family;

/// What a member takes from its pair.
pub(super) struct Of<'a> {
    pub(super) pair: &'a str,
    pub(super) said: &'a file::Pair,
    pub(super) family: Family,
    pub(super) durability: Durability,
    pub(super) daemon: &'a DaemonSettings,
    /// The pair's own `[mysqld]` settings.
    pub(super) own: &'a BTreeMap<String, String>,
    /// How its servers are run.
    pub(super) runtime: Runtime,
    /// An address of the pair lies outside of this host.
    pub(super) is_seen_outside: bool,
}

/// One member as it is said, with what its position in the pair gives it.
pub(super) fn check(
    check: &mut Check<'_>,
    of: &Of<'_>,
    name: &str,
    said: &file::Member,
    side: Side,
    offset: u8,
) -> MemberSettings {
    let at = |key| ["pair", of.pair, "member", name, key];
    let whose = |what: &str| format!("{what} of member {name} of pair {}", of.pair);
    super::name(check, &["pair", of.pair, "member", name], "member");

    let (port, admin_port) = ports(check, of.pair, name, said);
    let server_id = said.server_id.map_or(u32::from(port), |id| id.get());
    if server_id != 0 {
        let mut claimer = Claimer::new(whose("server_id"), check.value(&at("server_id")));
        claimer.from = said.server_id.is_none().then_some(port);
        check.claims.server_id(server_id, claimer);
    }
    let runtime = of.runtime;
    let (home, run_dir) = folders(of, name, runtime);
    let datadir = said.datadir.clone().unwrap_or_else(|| home.join("data"));
    if runtime == Runtime::Systemd && said.datadir.is_none() {
        units::nothing_left_behind(check, of.pair, name, &of.daemon.state_dir);
    }
    if said.datadir.is_some() {
        paths::folder_to_be(check, &at("datadir"), &datadir);
    }
    let claimer = Claimer::new(whose("datadir"), check.value(&at("datadir")));
    check.claims.datadir(&datadir, claimer);
    let socket = said
        .socket
        .clone()
        .unwrap_or_else(|| run_dir.join("mysqld.sock"));
    paths::socket(check, &at("socket"), &socket);
    let claimer = Claimer::new(whose("socket"), check.value(&at("socket")));
    check.claims.socket(&socket, claimer);

    let account = match runtime {
        Runtime::Process => account(check, of, name, said),
        Runtime::Systemd => units::account(check, of.pair, name, of.said, said),
    };
    let rules = mysqld::Rules {
        family: of.family,
        durability: of.durability,
        tls: of.said.link.tls.is_some(),
    };
    let mut own = of.own.clone();
    own.extend(mysqld::check(check, &at("mysqld"), &said.mysqld, rules));
    certificates(of.said, &mut own);
    let server = ServerFile {
        pair: of.pair.to_owned(),
        member: name.to_owned(),
        family: of.family,
        user: (runtime == Runtime::Process && nix::unistd::geteuid().is_root())
            .then(|| account.name.clone()),
        datadir,
        socket,
        pid_file: run_dir.join("mysqld.pid"),
        log: home.join("error.log"),
        tmpdir: home.join("tmp"),
        bind: if of.is_seen_outside { "*" } else { "127.0.0.1" }.to_owned(),
        port,
        admin_port,
        server_id,
        offset,
        gtid_domain: of.said.gtid_domain.map_or(0, |domain| domain.get()),
        ack_timeout: super::pair::ack_timeout(of.said, of.durability),
        own,
    };
    MemberSettings {
        name: name.to_owned(),
        side,
        runtime,
        unit: units::unit(check, of.pair, name, said, runtime),
        limits: units::limits(check, of.pair, name, of.said, said, runtime),
        host: host(check, &at("host"), said),
        server,
        cnf: of
            .daemon
            .state_dir
            .join(of.pair)
            .join(format!("{name}.cnf")),
        home,
        run_dir,
        binary: binary(check, of, name, said),
        install_db: install_db(check, of, name, said),
        account,
        root: root(check, of, name, said),
    }
}

/// The server's own folders: where its state lies, and where its sockets are.
fn folders(of: &Of<'_>, name: &str, runtime: Runtime) -> (PathBuf, PathBuf) {
    let server = format!("{}.{name}", of.pair);
    match runtime {
        Runtime::Process => (
            of.daemon.state_dir.join(of.pair).join(name),
            of.daemon.run_dir.join(server),
        ),
        Runtime::Systemd => (
            Path::new(units::STATE).join(&server),
            Path::new(units::RUN).join(server),
        ),
    }
}

/// A server shows the link's certificate to its replica, unless the operator gave it another.
fn certificates(pair: &file::Pair, own: &mut BTreeMap<String, String>) {
    let Some(tls) = &pair.link.tls else { return };
    let (Some(ca), Some(cert), Some(key)) = (&tls.ca, &tls.cert, &tls.key) else {
        return;
    };
    for (name, path) in [("ssl_ca", ca), ("ssl_cert", cert), ("ssl_key", key)] {
        own.entry(name.to_owned())
            .or_insert_with(|| path.display().to_string());
    }
}

/// The two ports; 0 where none is said.
fn ports(check: &mut Check<'_>, pair: &str, name: &str, said: &file::Member) -> (u16, u16) {
    let at = |key| ["pair", pair, "member", name, key];
    let Some(port) = said.port.map(|port| port.get::<u16>()) else {
        check.missing(&at("port"), "port = 3307");
        return (0, 0);
    };
    let beside = || {
        port.checked_add(10_000)
            .or(port.checked_add(1))
            .unwrap_or(port - 1)
    };
    let admin_port = said.admin_port.map_or_else(beside, |port| port.get());
    let derived = said.admin_port.is_none().then_some(port);
    for (key, claimed, from) in [("port", port, None), ("admin_port", admin_port, derived)] {
        let whose = format!("{key} of member {name} of pair {pair}");
        let place = check.value(&at(key));
        check.claims.port(claimed, Claimer { whose, place, from });
    }
    (port, admin_port)
}

fn host(check: &mut Check<'_>, at: &[&str], said: &file::Member) -> String {
    let host = said.host.clone().unwrap_or_else(|| "127.0.0.1".to_owned());
    let part = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    if host.is_empty() || host.len() > 255 || !host.chars().all(part) {
        let what = format!("{host:?} cannot be a host");
        let expected = "expected an address or a name, without a port";
        check.report(Problem::new(
            Code::BadValue,
            check.value(at),
            what,
            expected,
        ));
    }
    // Where it listens is no address that the peer can reach.
    let nowhere = |ip: IpAddr| {
        ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255, 255, 255, 255])
    };
    if host.parse().is_ok_and(nowhere) {
        let what = format!("`{host}` is no address that the peer connects to");
        let expected = "expected this host's own address, or its name";
        check.report(Problem::new(
            Code::BadValue,
            check.value(at),
            what,
            expected,
        ));
    }
    host
}

/// The member's own value, else the pair's, with its place.
fn either<'a, T>(
    of: &Of<'a>,
    name: &'a str,
    key: &'a str,
    own: Option<&'a T>,
    pairs: Option<&'a T>,
) -> Option<(&'a T, Vec<&'a str>)> {
    match (own, pairs) {
        (Some(value), _) => Some((value, vec!["pair", of.pair, "member", name, key])),
        (None, Some(value)) => Some((value, vec!["pair", of.pair, key])),
        (None, None) => None,
    }
}

fn account(
    check: &mut Check<'_>,
    of: &Of<'_>,
    name: &str,
    said: &file::Member,
) -> crate::config::settings::Account {
    match either(of, name, "user", said.user.as_ref(), of.said.user.as_ref()) {
        Some((user, at)) => access::account(check, &at, Some(user)),
        None => access::account(check, &["pair", of.pair, "member", name], None),
    }
}

/// The server's binary: as said, else the first of its name on the search path.
fn binary(check: &mut Check<'_>, of: &Of<'_>, name: &str, said: &file::Member) -> PathBuf {
    if let Some((path, at)) = either(
        of,
        name,
        "binary",
        said.binary.as_ref(),
        of.said.binary.as_ref(),
    ) {
        if paths::absolute(check, &at, path) {
            paths::program(check, &at, path);
        }
        return path.clone();
    }
    let program = match of.family {
        Family::Mariadb => "mariadbd",
        Family::Mysql => "mysqld",
    };
    found(check, &["pair", of.pair, "member", name, "binary"], program)
}

fn install_db(
    check: &mut Check<'_>,
    of: &Of<'_>,
    name: &str,
    said: &file::Member,
) -> Option<PathBuf> {
    let pairs = of.said.install_db.as_ref();
    let found_said = either(of, name, "install_db", said.install_db.as_ref(), pairs);
    match (of.family, found_said) {
        (Family::Mariadb, Some((path, at))) => {
            if paths::absolute(check, &at, path) {
                paths::program(check, &at, path);
            }
            Some(path.clone())
        }
        (Family::Mariadb, None) => {
            let at = ["pair", of.pair, "member", name, "install_db"];
            Some(found(check, &at, "mariadb-install-db"))
        }
        (Family::Mysql, Some((_, at))) => {
            let what = "MySQL's server initialises a datadir itself";
            let expected = "expected no `install_db`";
            check.report(Problem::new(
                Code::Contradiction,
                check.key(&at),
                what,
                expected,
            ));
            None
        }
        (Family::Mysql, None) => None,
    }
}

/// The first on the search path, else where packages put it.
fn found(check: &mut Check<'_>, at: &[&str], program: &str) -> PathBuf {
    let mut paths = check
        .sources
        .search
        .iter()
        .map(|folder| folder.join(program));
    let path = paths
        .find(|path| path.is_file())
        .unwrap_or_else(|| Path::new("/usr/sbin").join(program));
    paths::program(check, at, &path);
    path
}

fn root(
    check: &mut Check<'_>,
    of: &Of<'_>,
    name: &str,
    said: &file::Member,
) -> Option<crate::config::secret::Login> {
    let key = "root_password_file";
    let pairs = of.said.root_password_file.as_ref();
    let (path, at) = either(of, name, key, said.root_password_file.as_ref(), pairs)?;
    access::login(check, &at, path)
}
