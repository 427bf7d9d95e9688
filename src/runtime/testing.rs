//! Real processes for the tests of this folder: Python, because it has threads and memory at will.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::proc;
use crate::model::incarnation::Incarnation;

/// A process of ours that is killed and collected at the latest when the test ends.
pub(super) struct Victim {
    pub(super) child: Child,
    pub(super) life: Incarnation,
}

impl Victim {
    /// Starts Python on a script, and waits for the line that it prints when it is ready.
    pub(super) fn python(script: &str) -> Self {
        let child = Command::new("/usr/bin/python3")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self::ready(child)
    }

    /// Waits until a child says that it is up.
    pub(super) fn ready(mut child: Child) -> Self {
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "up\n");
        let pid = i32::try_from(child.id()).unwrap();
        let life = proc::incarnation(pid).unwrap().unwrap();
        Self { child, life }
    }

    /// A process with so many sleeping threads beside its main one, and so much memory in pages of
    /// 4 KiB, which are the slow ones to free.
    pub(super) fn threaded(threads: usize, megabytes: usize, then: &str) -> Self {
        Self::python(&format!(
            "import ctypes, os, threading, time\n\
             ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)\n\
             memory = bytearray(b'x') * ({megabytes} << 20)\n\
             for _ in range({threads}):\n    \
                 threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n\
             print('up', flush=True)\n\
             {then}\n\
             time.sleep(60)"
        ))
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks at a life until its state is as wished, for five seconds at most.
pub(super) fn wait_until(life: &Incarnation, wish: impl Fn(proc::ProcState) -> bool) -> proc::Look {
    for _ in 0..5000 {
        let look = proc::look(life).unwrap();
        if wish(look.state) {
            return look;
        }
        pause();
    }
    panic!("{life} is still {:?}", proc::look(life).unwrap());
}

#[expect(clippy::disallowed_methods, reason = "a test waits for the kernel")]
pub(super) fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(1));
}
