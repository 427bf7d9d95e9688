//! How a value is written so that the server reads the same text back.

/// The value, in double quotes where it holds anything that an option file gives a meaning to.
///
/// Both families cut a line at an unquoted `#`, strip blanks and one pair of quotes at the ends, and
/// read `\\`, `\"`, `\n`, `\t`, `\r`, `\b` and `\s` as escapes.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,;+*@%=".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
