//! Names and texts inside statements.
//!
//! Sessions run with a `sql_mode` in which a backslash escapes, see [`super::target`].

/// An identifier in backquotes.
pub fn quote_ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A schema in a GRANT, where `_` and `%` are wildcards unless escaped.
pub fn quote_grant_schema(name: &str) -> String {
    let escaped = name
        .replace('\\', "\\\\")
        .replace('_', "\\_")
        .replace('%', "\\%");
    quote_ident(&escaped)
}

/// A string literal.
pub fn quote_str(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for letter in text.chars() {
        match letter {
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// `'user'@'host'`.
pub fn quote_account(user: &str, host: &str) -> String {
    format!("{}@{}", quote_str(user), quote_str(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        assert_eq!(quote_ident("a`b"), "`a``b`");
        assert_eq!(quote_ident("x'; DROP"), "`x'; DROP`");
        assert_eq!(quote_str("it's \\ \"😀\""), "'it''s \\\\ \"😀\"'");
        assert_eq!(quote_str("\0"), "'\\0'");
        assert_eq!(quote_grant_schema("my_app%"), "`my\\_app\\%`");
        assert_eq!(quote_account("o'b", "%"), "'o''b'@'%'");
        assert_eq!(
            quote_ident(&"ä".repeat(64)),
            format!("`{}`", "ä".repeat(64))
        );
    }
}
