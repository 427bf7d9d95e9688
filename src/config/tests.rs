//! Whole configurations, good and bad, from files on disk.

mod bad_files;
mod bad_pairs;
mod bad_settings;
mod good;
mod units;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

/// `/etc/dualmasterd` in a folder of its own; the last lines name its state folders.
struct Etc(tempfile::TempDir);

const MINIMAL: &str = r#"
[pair.orders]
family = "mariadb"
[pair.orders.member.db1]
port = 3307
[pair.orders.member.db2]
port = 3308
[pair.orders.endpoint]
redirect = "127.0.0.1:3306"
"#;

impl Etc {
    fn new(main: &str) -> Self {
        let etc = Self(tempfile::tempdir().expect("a folder"));
        etc.write("dualmasterd.toml", main);
        std::fs::create_dir(etc.path("conf.d")).expect("conf.d");
        etc
    }

    /// With the system accounts and folders of this machine, so that nothing else is wrong.
    fn usual(main: &str) -> Self {
        let etc = Self::new(main);
        let (state, user) = (etc.0.path().join("state"), Self::me());
        let pairs: Vec<_> = main
            .lines()
            .filter_map(|line| line.strip_prefix("[pair.")?.strip_suffix(']'))
            .filter(|name| !name.contains('.'))
            .map(|name| format!("[pair.{name}]\nuser = \"{user}\"\n"))
            .collect();
        let run = state.with_file_name("run");
        let text = format!(
            "[daemon]\nstate_dir = {:?}\nrun_dir = {:?}\n{}",
            state,
            run,
            pairs.concat()
        );
        etc.write("conf.d/00-machine.toml", &text);
        etc
    }

    /// An account that servers may run as here: ours, or nobody's where we are root.
    fn me() -> String {
        let me = nix::unistd::geteuid();
        if me.is_root() {
            return "nobody".to_owned();
        }
        let user = nix::unistd::User::from_uid(me);
        user.expect("users").expect("this user").name
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    fn mode(&self, name: &str, mode: u32) -> String {
        let path = self.path(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        path.display().to_string()
    }

    fn sources(&self) -> Sources {
        Sources {
            main: self.path("dualmasterd.toml"),
            search: vec![PathBuf::from("/nowhere")],
            credentials: Some(self.path("credentials")),
            programs: false,
            drop_ins: None,
            systemd: SystemdSeen::Absent,
        }
    }

    fn load(&self) -> Result<Settings, Problems> {
        load(&self.sources())
    }

    fn good(&self) -> Settings {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn bad(&self) -> Problems {
        match self.load() {
            Ok(_) => panic!("this was accepted"),
            Err(problems) => problems,
        }
    }

    /// The only problem, with its code.
    fn problem(&self, code: Code) -> Problem {
        let problems = self.bad();
        let all: Vec<_> = problems.iter().collect();
        assert_eq!(all.len(), 1, "{problems}");
        assert_eq!(all[0].code, code, "{problems}");
        all[0].clone()
    }
}

/// The text that the caret stands under.
fn marked(problem: &Problem) -> &str {
    let span = problem.place.span.clone().expect("a span");
    &problem.place.source.text[span]
}

fn with(line: &str) -> String {
    format!("{MINIMAL}{line}\n")
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .expect("a name")
}
