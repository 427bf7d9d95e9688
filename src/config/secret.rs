//! Secrets: `[client]` option files that nobody else can read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::sources::{open_regular, read_all};
pub use crate::model::secret::Secret;

/// A secret is never this large (64 KiB).
const LARGEST: u64 = 64 << 10;

/// A user with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user, where the file names one.
    pub user: Option<String>,
    /// The password; may be empty.
    pub password: Secret,
}

/// Why a secret is not used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// Others can read it, or it belongs to somebody else.
    #[error("{0}")]
    Exposed(String),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A line is not understood.
    #[error("line {line}: {why}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It has no password.
    #[error("it has no `password` in a section [client]")]
    NoPassword,
}

/// Who may read a secret file beside its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nobody: mode 0600 or less.
    Owner,
    /// systemd's folder guards it; the bits of the group stand for its access list.
    Credential,
}

/// Reads a `[client]` option file.
///
/// # Errors
/// Others can read it, it cannot be read, or it holds no password.
pub fn read(path: &Path, guard: Guard) -> Result<Login, SecretError> {
    let (file, kind) = open_regular(path).map_err(SecretError::Unreadable)?;
    let forbidden = match guard {
        Guard::Owner => 0o077,
        Guard::Credential => 0o007,
    };
    let mode = kind.mode() & 0o7777;
    if mode & forbidden != 0 {
        return Err(SecretError::Exposed(format!(
            "its mode is {mode:04o}: others may read or change it"
        )));
    }
    let me = nix::unistd::geteuid().as_raw();
    if kind.uid() != 0 && kind.uid() != me {
        let uid = kind.uid();
        return Err(SecretError::Exposed(format!(
            "it belongs to user id {uid}, neither to root nor to us"
        )));
    }
    let bytes = Zeroizing::new(read_all(file, LARGEST).map_err(SecretError::Unreadable)?);
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| SecretError::Unreadable("it is not UTF-8".to_owned()))?;
    parse(text)
}

/// Reads the `[client]` section of an option file, as the client programs do.
///
/// # Errors
/// A line is not understood, or there is no password.
pub fn parse(text: &str) -> Result<Login, SecretError> {
    let (mut user, mut password) = (None, None);
    let mut in_client = false;
    for (index, line) in text.lines().enumerate() {
        let wrong = |why| SecretError::Line {
            line: index + 1,
            why,
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with('!') {
            return Err(wrong("`!include` is not followed in a secret"));
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name
                .strip_suffix(']')
                .ok_or_else(|| wrong("a section ends with `]`"))?;
            in_client = name.trim() == "client";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| in_client) else {
            continue;
        };
        match key.trim() {
            "user" => user = Some(unquote(value).ok_or_else(|| wrong("the quotes do not end"))?),
            "password" => {
                let text = unquote(value).ok_or_else(|| wrong("the quotes do not end"))?;
                password = Some(Secret::new(text));
            }
            _ => {}
        }
    }
    let password = password.ok_or(SecretError::NoPassword)?;
    Ok(Login { user, password })
}

/// A value without its quotes, its comment and its escapes; `None` where a quote does not end.
///
/// The client programs cut at a `#` outside of quotes and read `\n`, `\t`, `\r`, `\b`, `\s`, `\\`,
/// `\"` and `\'` everywhere; a backslash before anything else stays.
fn unquote(raw: &str) -> Option<String> {
    let raw = raw.trim();
    let quote = raw.chars().next().filter(|c| ['"', '\''].contains(c));
    let mut chars = raw.chars().skip(usize::from(quote.is_some()));
    let mut out = String::with_capacity(raw.len());
    while let Some(c) = chars.next() {
        match c {
            '\\' => unescape(chars.next(), &mut out),
            c if Some(c) == quote => return Some(out),
            '#' if quote.is_none() => break,
            c => out.push(c),
        }
    }
    match quote {
        Some(_) => None,
        None => Some(out.trim_end().to_owned()),
    }
}

fn unescape(c: Option<char>, out: &mut String) {
    match c {
        Some('n') => out.push('\n'),
        Some('t') => out.push('\t'),
        Some('r') => out.push('\r'),
        Some('b') => out.push('\u{8}'),
        Some('s') => out.push(' '),
        Some(c @ ('\\' | '"' | '\'')) => out.push(c),
        Some(c) => out.extend(['\\', c]),
        None => out.push('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> String {
        let login = parse(&format!("[client]\npassword={text}\n")).expect("a login");
        login.password.expose().to_owned()
    }

    #[test]
    fn quoting_is_that_of_the_client_programs() {
        assert_eq!(password("plain"), "plain");
        assert_eq!(password(" spaced  # comment"), "spaced");
        assert_eq!(password("\"a # b\""), "a # b");
        assert_eq!(password("'it\\'s'"), "it's");
        assert_eq!(password(r"a\sb\\c\d"), r"a b\c\d");
        assert_eq!(password(""), "");
    }

    #[test]
    fn only_the_client_section_counts() {
        let text = "# x\n[mysqld]\npassword=no\n[client]\nuser = \"shop\"\nport=1\npassword=yes\n[x]\npassword=no";
        let login = parse(text).expect("a login");
        assert_eq!(login.user.as_deref(), Some("shop"));
        assert_eq!(login.password.expose(), "yes");
        assert_eq!(parse("[mysqld]\npassword=x"), Err(SecretError::NoPassword));
    }

    #[test]
    fn mistakes_have_their_line() {
        for text in ["\n[client", "\n!include /etc/x", "[client]\npassword='x"] {
            assert!(
                matches!(parse(text), Err(SecretError::Line { line: 2, .. })),
                "{text}"
            );
        }
    }
}
