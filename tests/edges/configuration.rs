//! What an operator can get wrong in the files, by the real binary: each mistake is shown with file,
//! line, caret and what was expected, and nothing is touched.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use crate::support::host::binary;

/// A sound pair, in fewer than fifteen lines.
const MINIMAL: &str = r#"[daemon]
state_dir = "{dir}/state"
run_dir = "{dir}/run"
control = "{dir}/run/control.sock"
[pair.t]
family = "mariadb"
[pair.t.member.a]
port = 26001
[pair.t.member.b]
port = 26002
[pair.t.endpoint]
redirect = "127.0.0.1:26000"
"#;

/// A mistake: a name, how it is made, and what must be said of it.
struct Case {
    name: &'static str,
    make: fn(&Path),
    said: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "an unknown key",
        make: |dir| main(dir, "port = 26001", "prot = 26001"),
        said: &[
            "dualmasterd.toml:8:1",
            "^^^^",
            "`prot`",
            "expected",
            "`port`",
        ],
    },
    Case {
        name: "a wrong type",
        make: |dir| main(dir, "port = 26001", "port = \"26001\""),
        said: &[
            "dualmasterd.toml:8:8",
            "^^^^^^^",
            "expected a whole number from 1 to 65535",
        ],
    },
    Case {
        name: "a port used twice",
        make: |dir| main(dir, "port = 26002", "port = 26001"),
        said: &[
            "dualmasterd.toml:10:8",
            "^^^^^",
            "port 26001 is used twice",
            "expected another one",
        ],
    },
    Case {
        name: "a datadir used twice",
        make: |dir| {
            let text = "port = 26001\ndatadir = \"{dir}/d\"";
            main(dir, "port = 26001", text);
            main(dir, "port = 26002", "port = 26002\ndatadir = \"{dir}/d\"");
        },
        said: &["dualmasterd.toml:12:11", "^^^^", "datadir", "expected"],
    },
    Case {
        name: "a server_id used twice",
        make: |dir| main(dir, "port = 26002", "port = 26002\nserver_id = 26001"),
        said: &[
            "dualmasterd.toml:11:13",
            "^^^^^",
            "server_id 26001 is used twice",
            "expected",
        ],
    },
    Case {
        name: "the same offset",
        make: |dir| {
            main(
                dir,
                "port = 26001",
                "port = 26001\nauto_increment_offset = 1",
            );
            main(
                dir,
                "port = 26002",
                "port = 26002\nauto_increment_offset = 1",
            );
        },
        said: &[
            "dualmasterd.toml:12:25",
            "^",
            "would hand out the same keys",
            "expected 2",
        ],
    },
    Case {
        name: "a secret that everybody can read",
        make: |dir| {
            write(dir, "app.cnf", b"[client]\npassword = geheim\n", 0o644);
            let app = "[pair.t.app]\npassword_file = \"{dir}/app.cnf\"\ndatabase = \"x\"\n[pair.t.endpoint]";
            main(dir, "[pair.t.endpoint]", app);
        },
        said: &["dualmasterd.toml:12:17", "^^^^", "mode is 0644", "chmod"],
    },
    Case {
        name: "a duration without its unit",
        make: |dir| {
            main(
                dir,
                "[pair.t.endpoint]",
                "[pair.t.hang]\ninterval = 250\n[pair.t.endpoint]",
            )
        },
        said: &[
            "dualmasterd.toml:12:12",
            "^^^",
            "with its unit (ms, s, m, h",
        ],
    },
    Case {
        name: "broken UTF-8",
        make: |dir| {
            write(
                dir,
                "conf.d/50.toml",
                b"[pair.t]\ngtid_domain = \xff\n",
                0o644,
            )
        },
        said: &["50.toml:2:15", "^", "0xff", "UTF-8"],
    },
    Case {
        name: "a file of 0 bytes",
        make: |dir| write(dir, "conf.d/50.toml", b"", 0o644),
        said: &["50.toml:1:1", "^", "expected"],
    },
    Case {
        name: "links in a loop",
        make: |dir| {
            symlink("b.toml", dir.join("conf.d/a.toml")).expect("a link");
            symlink("a.toml", dir.join("conf.d/b.toml")).expect("a link");
        },
        said: &["conf.d/a.toml", "conf.d/b.toml", "lead in a loop"],
    },
    Case {
        name: "a key that a promise rests on",
        make: |dir| {
            main(
                dir,
                "[pair.t.endpoint]",
                "[pair.t.mysqld]\nsync_binlog = 0\n[pair.t.endpoint]",
            )
        },
        said: &[
            "dualmasterd.toml:12:1",
            "^^^^^^^^^^^",
            "sync_binlog",
            "promise",
        ],
    },
    Case {
        name: "all at once, over all files",
        make: |dir| {
            main(dir, "port = 26001", "prot = 1\nport = 26001");
            main(dir, "port = 26002", "port = 26001");
            write(dir, "conf.d/10.toml", b"[pair.t.hang]\nlimit = 1\n", 0o644);
            write(
                dir,
                "conf.d/20.toml",
                b"[pair.t.mysqld]\nread_only = 0\n",
                0o644,
            );
        },
        said: &[
            "dualmasterd.toml:8:1",
            "dualmasterd.toml:11:8",
            "10.toml:2:9",
            "20.toml:2:1",
            "4 problems in the configuration; nothing was changed",
        ],
    },
];

#[test]
fn every_mistake_is_shown_and_nothing_touched() {
    let failed: Vec<_> = CASES.iter().filter_map(|case| wrong(case).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Checked and started, the daemon says the same and leaves everything as it was.
fn wrong(case: &Case) -> Result<(), String> {
    let folder = sound();
    let dir = folder.path();
    (case.make)(dir);
    let before = entries(dir);
    let check = dualmasterd(dir, &["--check"]);
    let start = dualmasterd(dir, &[]);
    for (how, ended) in [("--check", &check), ("start", &start)] {
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        );
        if ended.status.code() != Some(78) {
            return Err(format!("{}, {how}: {}\n{said}", case.name, ended.status));
        }
        if let Some(part) = case.said.iter().find(|part| !said.contains(**part)) {
            return Err(format!("{}, {how}: {part:?} is not in\n{said}", case.name));
        }
        if said.contains("geheim") {
            return Err(format!("{}, {how}: a secret is shown", case.name));
        }
    }
    match entries(dir) == before {
        true => Ok(()),
        false => Err(format!("{}: made {:?}", case.name, entries(dir))),
    }
}

/// `--check` looks for the members' programs as well; a daemon that runs names what it lacks instead.
#[test]
fn a_program_that_cannot_be_run_is_shown() {
    let cases = [
        ("missing", "No such file or directory"),
        ("plain", "Permission denied"),
        ("conf.d", "it is not a file"),
    ];
    for (program, why) in cases {
        let folder = sound();
        let dir = folder.path();
        write(dir, "plain", b"text", 0o644);
        main(
            dir,
            "port = 26002",
            &format!("port = 26002\nbinary = \"{{dir}}/{program}\""),
        );
        let ended = dualmasterd(dir, &["--check"]);
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(78), "{said}");
        for part in [
            "dualmasterd.toml:11:10",
            "^^^^",
            why,
            "expected the path of a program",
        ] {
            assert!(said.contains(part), "{part:?} is not in\n{said}");
        }
    }
}

/// A sound configuration: exit code 0, and nothing is made. Later files win, key by key, in byte order.
#[test]
fn the_last_file_wins() {
    let folder = sound();
    let dir = folder.path();
    let check = |expected: Option<i32>, part: &str| {
        let ended = dualmasterd(dir, &["--check"]);
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), expected, "{said}");
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    };
    check(Some(0), "");
    // Of "10", "9" and "a", "a" comes last.
    write(
        dir,
        "conf.d/9.toml",
        b"[pair.t.member.b]\nport = 26001\n",
        0o644,
    );
    check(Some(78), "9.toml:2:8");
    write(
        dir,
        "conf.d/10.toml",
        b"[pair.t.member.b]\nport = 26003\n",
        0o644,
    );
    check(Some(78), "9.toml:2:8");
    write(
        dir,
        "conf.d/a.toml",
        b"[pair.t.member.b]\nport = 26004\n",
        0o644,
    );
    check(Some(0), "");
    write(dir, "conf.d/b.toml.bak", b"nonsense", 0o644);
    check(Some(0), "");
    assert!(!dir.join("state").exists() && !dir.join("run").exists());
}

fn sound() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("conf.d")).expect("a folder");
    let text = MINIMAL.replace("{dir}", &folder.path().display().to_string());
    assert!(text.lines().count() < 15);
    write(folder.path(), "dualmasterd.toml", text.as_bytes(), 0o644);
    folder
}

/// Replaces a part of the main file.
fn main(dir: &Path, part: &str, by: &str) {
    let path = dir.join("dualmasterd.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    assert!(text.contains(part), "{part}");
    let by = by.replace("{dir}", &dir.display().to_string());
    std::fs::write(path, text.replacen(part, &by, 1)).expect("write");
}

fn write(dir: &Path, name: &str, text: &[u8], mode: u32) {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("write");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

fn dualmasterd(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(binary("dualmasterd"))
        .arg("--config")
        .arg(dir.join("dualmasterd.toml"))
        .args(arguments)
        .output()
        .expect("run dualmasterd")
}

/// Everything below a folder, with sizes.
fn entries(dir: &Path) -> Vec<(String, u64)> {
    let found = Command::new("find")
        .arg(dir)
        .args(["-printf", "%p %s\\n"])
        .output()
        .expect("run find");
    let text = String::from_utf8(found.stdout).expect("paths");
    let mut all: Vec<_> = text
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(path, size)| (path.to_owned(), size.parse().unwrap_or(0)))
        .collect();
    all.sort();
    all
}
