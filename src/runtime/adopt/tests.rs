use super::*;
use crate::runtime::testing::{Victim, wait_until};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[test]
fn a_pid_file_that_names_another_life_is_told() {
    let place = Place::new();
    let life = Incarnation {
        boot: Default::default(),
        pid: 4711,
        started: 1,
    };
    let named = || names_another(&place.pid_file, &life);
    assert_eq!(named(), None);
    std::fs::write(&place.pid_file, "4711\n").unwrap();
    assert_eq!(named(), None);
    std::fs::write(&place.pid_file, "4712\n").unwrap();
    assert_eq!(named(), Some(4712));
}

/// A sleeping process with the command line of a server.
fn server(words: &[&str], defaults_file: &Path) -> Victim {
    let (first, rest) = words.split_first().unwrap();
    let child = Command::new("/usr/bin/python3")
        .arg0(first)
        .args(["-c", "import time; print('up', flush=True); time.sleep(60)"])
        .args(rest)
        .arg(defaults_argument(defaults_file))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Victim::ready(child)
}

struct Place {
    _directory: tempfile::TempDir,
    defaults_file: PathBuf,
    pid_file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (defaults_file, pid_file) = (
            directory.path().join("my.cnf"),
            directory.path().join("server.pid"),
        );
        Self {
            _directory: directory,
            defaults_file,
            pid_file,
        }
    }

    fn adopt(&self) -> Result<Option<Incarnation>, AdoptError> {
        adopt(Sought {
            program: OsStr::new("mysqld"),
            defaults_file: &self.defaults_file,
            pid_file: Some(&self.pid_file),
            user: 65_534,
        })
    }
}

#[test]
fn it_is_found_by_its_arguments_with_and_without_a_pid_file() {
    let place = Place::new();
    assert_eq!(place.adopt().unwrap(), None);
    let direct = server(&["/usr/sbin/mysqld"], &place.defaults_file);
    assert_eq!(place.adopt().unwrap(), Some(direct.life.clone()));
    fs::write(&place.pid_file, format!("{}\n", direct.life.pid)).unwrap();
    assert_eq!(place.adopt().unwrap(), Some(direct.life.clone()));
    fs::write(&place.pid_file, "1\n").unwrap();
    assert_eq!(
        place.adopt().unwrap(),
        Some(direct.life.clone()),
        "a stale pid file"
    );
    for garbage in [&b"torn"[..], b"\xff\xfe", b"-1", b"99999999999999999999"] {
        fs::write(&place.pid_file, garbage).unwrap();
        assert_eq!(place.adopt().unwrap(), Some(direct.life.clone()));
    }
    fs::remove_file(&place.pid_file).unwrap();
    nix::unistd::mkfifo(&place.pid_file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(place.adopt().unwrap(), Some(direct.life.clone()), "a pipe");
    fs::remove_file(&place.pid_file).unwrap();
    fs::write(&place.pid_file, "torn").unwrap();
    assert_eq!(
        place.adopt().unwrap(),
        Some(direct.life.clone()),
        "a torn pid file"
    );
}

#[test]
fn a_server_behind_a_loader_is_found() {
    let place = Place::new();
    let loaded = server(
        &["/lib64/ld-linux.so", "/root/usr/sbin/mysqld"],
        &place.defaults_file,
    );
    assert_eq!(place.adopt().unwrap(), Some(loaded.life.clone()));
}

#[test]
fn clients_initialisers_and_other_files_are_not_servers() {
    let place = Place::new();
    let _client = server(&["mysqladmin"], &place.defaults_file);
    let _other = server(&["mysqld"], Path::new("/somewhere/else.cnf"));
    let child = Command::new("/usr/bin/python3")
        .arg0("mysqld")
        .args(["-c", "import time; print('up', flush=True); time.sleep(60)"])
        .arg(defaults_argument(&place.defaults_file))
        .arg("--initialize")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let _initialiser = Victim::ready(child);
    assert_eq!(place.adopt().unwrap(), None);
}

#[test]
fn what_another_user_calls_so_is_no_server() {
    let place = Place::new();
    let real = server(&["mysqld"], &place.defaults_file);
    let child = Command::new("/usr/bin/python3")
        .arg0("mysqld")
        .args(["-c", "import time; print('up', flush=True); time.sleep(60)"])
        .arg(defaults_argument(&place.defaults_file))
        .uid(12_345)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let decoy = Victim::ready(child);
    fs::write(&place.pid_file, decoy.life.pid.to_string()).unwrap();
    assert_eq!(place.adopt().unwrap(), Some(real.life.clone()));
    drop(real);
    assert_eq!(place.adopt().unwrap(), None);
}

#[test]
fn two_of_them_are_an_error_that_names_both() {
    let place = Place::new();
    let one = server(&["mysqld"], &place.defaults_file);
    let two = server(&["mysqld"], &place.defaults_file);
    let error = place.adopt().unwrap_err();
    let AdoptError::Several { pids, .. } = &error else {
        panic!("{error}")
    };
    assert!(pids.len() == 2 && pids.contains(&one.life.pid) && pids.contains(&two.life.pid));
    fs::write(&place.pid_file, two.life.pid.to_string()).unwrap();
    assert_eq!(
        place.adopt().unwrap(),
        Some(two.life.clone()),
        "the pid file settles it"
    );
}

#[test]
fn one_that_still_ends_is_neither_there_nor_gone() {
    let place = Place::new();
    let mut victim = Victim::threaded(3, 512, "");
    fs::write(&place.pid_file, victim.life.pid.to_string()).unwrap();
    let name = proc::name(victim.life.pid).unwrap().unwrap();
    let sought = Sought {
        program: OsStr::new(&name),
        defaults_file: &place.defaults_file,
        pid_file: Some(&place.pid_file),
        user: 65_534,
    };
    assert_eq!(adopt(sought).unwrap(), None);
    victim.kill();
    wait_until(&victim.life, ProcState::is_dead);
    assert!(matches!(
        adopt(sought).unwrap_err(),
        AdoptError::Ending { .. }
    ));
    wait_until(&victim.life, ProcState::is_over);
    assert_eq!(adopt(sought).unwrap(), None);
}
