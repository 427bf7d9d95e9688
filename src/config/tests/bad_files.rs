use super::*;

#[test]
fn a_missing_file_is_named() {
    let etc = Etc::new("");
    std::fs::remove_file(etc.path("dualmasterd.toml")).expect("removed");
    let problem = etc.problem(Code::Unreadable);
    assert!(
        problem.render().contains("dualmasterd.toml"),
        "{}",
        problem.render()
    );
    assert!(problem.what.contains("No such file"));
}

#[test]
fn a_folder_is_no_file() {
    let etc = Etc::usual(MINIMAL);
    std::fs::create_dir(etc.path("conf.d/50-x.toml")).expect("a folder");
    assert!(
        etc.problem(Code::Unreadable)
            .what
            .ends_with("it is a directory")
    );
}

#[test]
fn a_loop_of_links_is_named() {
    let etc = Etc::usual(MINIMAL);
    std::os::unix::fs::symlink("b.toml", etc.path("conf.d/a.toml")).expect("a link");
    std::os::unix::fs::symlink("a.toml", etc.path("conf.d/b.toml")).expect("a link");
    let problems = etc.bad();
    assert_eq!(problems.iter().count(), 2, "{problems}");
    assert!(
        problems.to_string().contains("lead in a loop"),
        "{problems}"
    );
}

#[test]
fn a_pipe_is_not_waited_for() {
    let etc = Etc::usual(MINIMAL);
    nix::unistd::mkfifo(&etc.path("conf.d/x.toml"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert!(
        etc.problem(Code::Unreadable)
            .what
            .contains("not a regular file")
    );
}

#[test]
fn a_file_of_0_bytes_says_nothing() {
    let etc = Etc::new("");
    let problem = etc.problem(Code::Empty);
    assert!(
        problem.render().contains("dualmasterd.toml:1:1"),
        "{}",
        problem.render()
    );
    let etc = Etc::usual(MINIMAL);
    etc.write("conf.d/x.toml", "");
    assert_eq!(
        file_name(&etc.problem(Code::Empty).place.source.path),
        "x.toml"
    );
}

#[test]
fn broken_utf8_has_its_line() {
    let etc = Etc::new("");
    etc.write(
        "dualmasterd.toml",
        b"[pair.orders]\nfamily = \"m\xffriadb\"\n",
    );
    let problem = etc.problem(Code::NotUtf8);
    assert_eq!(marked(&problem), "\u{fffd}");
    assert!(
        problem.to_string().contains("dualmasterd.toml:2:12: "),
        "{problem}"
    );
    assert!(problem.what.contains("0xff"));
}

#[test]
fn every_syntax_error_has_its_line() {
    let etc = Etc::new("[pair.orders\nfamily = \n[log]\nlevel = 'x\n");
    let problems = etc.bad();
    assert!(problems.iter().count() >= 2, "{problems}");
    assert!(problems.iter().all(|problem| problem.code == Code::Syntax));
    assert!(
        problems.to_string().contains("dualmasterd.toml:4:"),
        "{problems}"
    );
}

#[test]
fn hidden_and_other_files_are_left_out() {
    let etc = Etc::usual(MINIMAL);
    etc.write("conf.d/.#x.toml", "=");
    etc.write("conf.d/x.toml.dpkg-new", "=");
    etc.good();
}

#[test]
fn no_pair_is_said() {
    let etc = Etc::usual("# nothing yet\n");
    etc.problem(Code::NoPair);
}

#[test]
fn nothing_is_touched() {
    let etc = Etc::usual(MINIMAL);
    etc.good();
    assert!(!etc.path("state").exists());
    assert!(!etc.path("run").exists());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(300))]

    /// A daemon that reads a damaged file on SIGHUP must live on.
    #[test]
    fn no_damage_makes_it_panic(at in 0usize..1700, length in 0usize..40, put in "[ -~\n\u{e9}\u{4e2d}]{0,8}") {
        let text: String = good::uncommented().lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        let clean = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (from, to) = (clean(at), clean(at + length));
        let etc = Etc::new(&format!("{}{put}{}", &text[..from], &text[to..]));
        let report = check_report(&etc.load());
        assert!(!report.is_empty());
    }
}
