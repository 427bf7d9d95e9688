use super::{Event, Name, TABLE, next, picture};

/// Every pair of the table, written out a second time: `-` is no edge.
const EXPECTED: &str = "
           Known    WriterLost  NoSafeMove  SwitchBegun  Undone   Opened   PauseSet  PauseLifted
Settling   Serving  -           Holding     -            -        -        Paused    -
Serving    -        Promoting   Holding     Switching    -        -        Paused    -
Switching  -        -           -           -            Serving  Serving  -         -
Promoting  -        -           -           -            Serving  Serving  -         -
Holding    Serving  Promoting   -           -            -        -        Paused    -
Paused     -        Promoting   Holding     Switching    -        -        -         Serving
";

#[test]
fn every_state_and_event() {
    let mut lines = EXPECTED.trim().lines();
    let events: Vec<&str> = lines.next().expect("a head").split_whitespace().collect();
    assert_eq!(events, Event::ALL.map(|event| format!("{event:?}")));
    for (from, line) in Name::ALL.into_iter().zip(lines) {
        let mut cells = line.split_whitespace();
        assert_eq!(cells.next(), Some(format!("{from:?}").as_str()));
        for (event, expected) in Event::ALL.into_iter().zip(cells) {
            let to = next(from, event).map_or_else(|| "-".into(), |row| format!("{:?}", row.to));
            assert_eq!(to, expected, "{from:?} by {event:?}");
        }
    }
}

#[test]
fn no_edge_twice() {
    for row in &TABLE {
        let same = TABLE
            .iter()
            .filter(|other| other.from == row.from && other.event == row.event);
        assert_eq!(same.count(), 1, "{row:?}");
    }
}

#[test]
fn the_picture_shows_every_edge() {
    let picture = picture();
    assert!(picture.starts_with("stateDiagram-v2\n"));
    assert_eq!(picture.lines().count(), TABLE.len() + 2);
    assert!(picture.contains("Serving --> Promoting: WriterLost"));
}
