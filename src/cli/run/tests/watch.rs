//! `list --watch`: what it writes while the daemon answers, and after that.

use super::*;

/// Takes so many writes, then its reader has gone.
struct Reader {
    heard: Vec<String>,
    patience: usize,
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.heard.len() == self.patience {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.heard.push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a watch writes while the daemon gives these answers and then goes away.
fn watched(line: &str, live: bool, answers: Vec<Answer>, patience: usize) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let count = answers.len();
    let daemon = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        for answer in answers {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut text = serde_json::to_vec(&answer).unwrap();
            text.push(b'\n');
            reader.get_mut().write_all(&text).unwrap();
        }
    });
    let path = path.to_str().unwrap();
    let words = ["dualmasterctl", "--socket", path].into_iter();
    let ctl = Ctl::parse_from(words.chain(line.split(' ')));
    let mut out = Reader {
        heard: Vec::new(),
        patience,
    };
    let exit = run(
        &ctl,
        &mut Terminal {
            out: &mut out,
            err: &mut Vec::new(),
            input: &mut "".as_bytes(),
            interactive: false,
            color: false,
            live,
        },
    );
    assert_eq!(exit, Exit::Ok, "{count} answers");
    daemon.join().unwrap();
    out.heard
}

#[test]
fn a_watch_writes_lines_of_change_and_outlives_the_daemon() {
    let mut lagging = healthy();
    lagging.members[1].lag_ms = Some(999);
    let mut paused = healthy();
    paused.state = PairState::Paused;
    let answers = [healthy(), lagging, paused].map(|report| Answer::Pairs(vec![report]));
    let said = watched("list --watch=1ms", false, answers.to_vec(), 3);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].contains(" orders: serving; db1 writes; db2 is in sync"),
        "{said:?}"
    );
    assert!(said[1].contains(" orders: paused; "), "{said:?}");
    assert!(said[2].contains("asking the daemon"), "{said:?}");
}

#[test]
fn a_watch_on_a_terminal_writes_over_itself() {
    let answers = vec![Answer::Pairs(vec![healthy()]); 2];
    let said = watched("list --watch=1ms", true, answers, 2);
    assert_eq!(said.len(), 2, "{said:?}");
    for frame in said {
        assert!(
            frame.starts_with("\x1b[H") && frame.ends_with("\x1b[J"),
            "{frame:?}"
        );
        assert!(frame.contains("db2") && !frame.contains("\x1b[2J"));
    }
}
