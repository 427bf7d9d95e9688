use super::*;
use crate::runtime::testing::{Victim, pause, wait_until};
use nix::sys::signal::{Signal, kill};

fn send(victim: &Victim, signal: Signal) {
    kill(Pid::from_raw(victim.life.pid), signal).unwrap();
}

#[test]
fn a_name_may_contain_anything() {
    let text = "42 (a) b (c) S 1 42 42 0 -1 4194560 9 8 7 6 150 50 1 1 20 0 3 0 777 100 200 300 \
                4096 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 9";
    let stat = parse_stat(text).unwrap();
    assert_eq!(
        (stat.name.as_str(), stat.letter, stat.flags),
        ("a) b (c", 'S', 4_194_560)
    );
    assert_eq!(
        (stat.cpu, stat.threads, stat.started),
        (Duration::from_secs(2), 3, 777)
    );
    assert_eq!((stat.start_code, stat.status), (4096, 9));
    assert_eq!(parse_stat("42 (cut) S 1 42"), None);
}

#[test]
fn a_living_process_is_described() {
    let victim = Victim::threaded(3, 100, "");
    let look = look(&victim.life).unwrap();
    assert_eq!(
        (look.state, look.ended(true)),
        (ProcState::Running, Ended::Unknown)
    );
    assert!(look.cpu > Duration::ZERO);
    assert!(look.readable);
    let pid = victim.life.pid;
    let tasks = tasks(pid).unwrap();
    assert_eq!((tasks.len(), tasks.first()), (4, Some(&pid)));
    assert_eq!(
        command_line(pid).unwrap().first().unwrap(),
        "/usr/bin/python3"
    );
    assert!(name(pid).unwrap().unwrap().starts_with("python3"));
}

#[test]
fn another_life_with_the_same_pid_is_not_ours() {
    let victim = Victim::threaded(0, 1, "");
    let mut later = victim.life.clone();
    later.started += 1;
    assert_eq!(look(&later).unwrap().state, ProcState::Gone);
    let mut rebooted = victim.life.clone();
    rebooted.boot = BootId("another".to_owned());
    assert_eq!(look(&rebooted).unwrap().state, ProcState::Gone);
}

#[test]
fn a_stopped_process_lives() {
    let victim = Victim::threaded(1, 1, "");
    send(&victim, Signal::SIGSTOP);
    wait_until(&victim.life, |state| state == ProcState::Stopped);
    send(&victim, Signal::SIGCONT);
    wait_until(&victim.life, |state| state == ProcState::Running);
}

#[test]
fn a_killed_one_is_exiting_long_before_it_is_over() {
    let mut victim = Victim::threaded(3, 256, "");
    victim.kill();
    let look = wait_until(&victim.life, ProcState::is_dead);
    assert_eq!(
        (look.state, look.ended(true)),
        (ProcState::Exiting, Ended::Signal(9))
    );
    let look = wait_until(&victim.life, ProcState::is_over);
    assert_eq!(
        (look.state, look.ended(true)),
        (ProcState::Zombie, Ended::Signal(9))
    );
    victim.child.wait().unwrap();
    assert_eq!(super::look(&victim.life).unwrap(), Look::GONE);
    assert_eq!(command_line(victim.life.pid).unwrap().len(), 0);
}

#[test]
fn codes_are_told_from_signals_and_zero_only_where_it_may_be_read() {
    for (then, ended) in [
        ("os._exit(3)", Ended::Code(3)),
        ("os._exit(0)", Ended::Code(0)),
        (
            "threading.Thread(target=os._exit, args=(5,)).start()",
            Ended::Code(5),
        ),
        ("os.kill(os.getpid(), 15)", Ended::Signal(15)),
    ] {
        let victim = Victim::threaded(2, 1, then);
        let look = wait_until(&victim.life, ProcState::is_over);
        assert_eq!(look.ended(true), ended, "{then}");
        let unreadable = if ended == Ended::Code(0) {
            Ended::Unknown
        } else {
            ended
        };
        assert_eq!(look.ended(false), unreadable, "{then}");
    }
}

/// A main thread that ended by itself leaves a zombie behind, though the process lives on.
#[test]
fn a_process_without_its_main_thread_lives() {
    let victim = Victim::threaded(2, 1, "ctypes.CDLL(None).syscall(60, 0)");
    for _ in 0..2000 {
        assert_eq!(look(&victim.life).unwrap().state, ProcState::Running);
        let stat = stat(victim.life.pid).unwrap().unwrap();
        if stat.letter == 'Z' && stat.flags & EXITING != 0 {
            return;
        }
        pause();
    }
    panic!("the main thread did not end");
}

/// Whichever thread takes the signal. The dump goes to a temporary directory of its own.
#[test]
fn a_core_dump_is_death_while_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display();
    for abort in ["os.abort()", "threading.Thread(target=os.abort).start()"] {
        let then = format!(
            "import resource; resource.setrlimit(4, (-1, -1)); os.chdir('{place}'); {abort}"
        );
        let victim = Victim::threaded(2, 256, &then);
        let look = wait_until(&victim.life, ProcState::is_dead);
        assert_eq!(
            (look.state, look.ended(true)),
            (ProcState::CoreDumping, Ended::Signal(6))
        );
        let look = wait_until(&victim.life, ProcState::is_over);
        assert_eq!(look.ended(true), Ended::Signal(6));
    }
}
