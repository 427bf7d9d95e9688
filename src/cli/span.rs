//! Durations as people write them: always with a unit.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads `90s`, `5m`, `1h30m`, `2 hours`: positive, and never without a unit.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text
        .trim()
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(format!(
            "a duration needs a unit: `{}s`, `{}m`",
            text.trim(),
            text.trim()
        ));
    }
    let signed: SignedDuration = text.parse().map_err(|e: jiff::Error| e.to_string())?;
    let span =
        Duration::try_from(signed).map_err(|_| "a duration cannot be negative".to_owned())?;
    match span.is_zero() {
        true => Err("a duration of nothing".to_owned()),
        false => Ok(span),
    }
}

/// Milliseconds of a duration, as the socket wants them.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A measured time for people: `8.4 ms`, `1.32 s`, `5 min`.
pub fn show(micros: u64) -> String {
    let ms = Duration::from_micros(micros).as_secs_f64() * 1000.0;
    match micros {
        0..1_000_000 => format!("{ms:.1} ms"),
        1_000_000..120_000_000 => format!("{:.2} s", ms / 1000.0),
        _ => format!("{:.0} min", ms / 60_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["90", "1.5", "", "-5s", "0s", "5 parsecs", "1h 3"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("90").unwrap_err().contains("`90s`"));
    }

    #[test]
    fn measured_times_are_short() {
        assert_eq!(show(8_400), "8.4 ms");
        assert_eq!(show(1_320_000), "1.32 s");
        assert_eq!(show(300_000_000), "5 min");
    }
}
