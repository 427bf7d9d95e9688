//! The operator's socket: lines of bytes, then commands.

use std::time::Duration;

use dualmasterd::control::commands::{Answer, Frame};
use dualmasterd::control::frame::read_line;
use tokio::io::BufReader;

use crate::harness::fuzz;

const LIMIT: usize = 200;

#[test]
fn lines_and_commands() {
    let examples = [
        r#"{"version":1,"command":{"list":{"pair":null}}}"#,
        r#"{"version":1,"command":{"switchover":{"pair":"main","to":"b","accept_own_rows":false,"dry_run":true}}}"#,
        r#"{"version":1,"command":{"hold":{"pair":null,"member":"a","thread":"applier","for_ms":1000,"reason":"x"}}}"#,
        r#"{"version":1,"command":{"reload":{}}}"#,
    ];
    for good in examples {
        assert!(serde_json::from_str::<Frame>(good).is_ok(), "{good}");
    }
    let examples = examples.map(|line| format!("{line}\n{line}\n").into_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    fuzz("control protocol", 30_000, &examples, |input, chance| {
        let chunk = 1 + chance.below(40);
        let mut reader = BufReader::with_capacity(chunk, input);
        runtime.block_on(async {
            let mut whole = input;
            // No more lines than newlines, each as it stands in the input.
            while let Ok(Some(line)) = read_line(&mut reader, LIMIT, Duration::from_secs(5)).await {
                assert!(line.len() <= LIMIT);
                assert!(whole.starts_with(&line) && whole.get(line.len()) == Some(&b'\n'));
                whole = &whole[line.len() + 1..];
                understood(&line);
            }
        });
    });
}

fn understood(line: &[u8]) {
    if let Ok(frame) = serde_json::from_slice::<Frame>(line) {
        let text = serde_json::to_vec(&frame).unwrap();
        assert_eq!(serde_json::from_slice::<Frame>(&text).unwrap(), frame);
    }
    let _ = serde_json::from_slice::<Answer>(line);
}
