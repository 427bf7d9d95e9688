//! Passwords of the three accounts: made at random, kept 0600, shown nowhere.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::target::{Account, ServerTarget};
use crate::files;
use crate::model::secret::Secret;

/// The passwords of one pair; the same at both members.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    monitor: String,
    manage: String,
    replicate: String,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.monitor.zeroize();
        self.manage.zeroize();
        self.replicate.zeroize();
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// Why there are no passwords.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A file or `/dev/urandom` cannot be read or written.
    #[error("{attempted} {}", path.display())]
    File {
        /// What was attempted.
        attempted: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others may read it.
    #[error("{} has mode {mode:04o}: nobody but its owner may read it (chmod 0600)", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A `[client]` file without a password.
    #[error("{} has no password", path.display())]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
    /// It is no file of ours.
    #[error("reading {}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

impl Secrets {
    /// Reads the file, or makes it with new passwords where there is none. The folder must exist.
    ///
    /// # Errors
    /// Unreadable, readable for others, damaged, or not to be written.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretsError> {
        match read_private(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|source| SecretsError::Content {
                path: path.to_owned(),
                source,
            }),
            Err(SecretsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let made = Self {
                    monitor: random_password()?,
                    manage: random_password()?,
                    replicate: random_password()?,
                };
                made.write(path)?;
                Ok(made)
            }
            Err(error) => Err(error),
        }
    }

    /// With these passwords in the place of ours.
    pub fn given(mut self, given: impl IntoIterator<Item = (Account, String)>) -> Self {
        for (account, password) in given {
            match account {
                Account::Monitor => self.monitor = password,
                Account::Manage => self.manage = password,
                Account::Replicate => self.replicate = password,
                Account::Root => {}
            }
        }
        self
    }

    /// The password of one of our accounts; root's is not among them.
    pub fn of(&self, account: Account) -> Option<&str> {
        match account {
            Account::Monitor => Some(&self.monitor),
            Account::Manage => Some(&self.manage),
            Account::Replicate => Some(&self.replicate),
            Account::Root => None,
        }
    }

    fn write(&self, path: &Path) -> Result<(), SecretsError> {
        let text = Zeroizing::new(serde_json::to_vec_pretty(self).map_err(|source| {
            SecretsError::Content {
                path: path.to_owned(),
                source,
            }
        })?);
        write_private(path, &text)
    }
}

/// Reads the password of a `[client]` option file that was made here, or makes the file with a new one.
///
/// # Errors
/// Unreadable, readable for others, damaged, or not to be written.
pub fn client_file(path: &Path, user: &str) -> Result<Secret, SecretsError> {
    match read_private(path) {
        Ok(text) => text
            .lines()
            .find_map(|line| line.strip_prefix("password="))
            .map(Secret::new)
            .ok_or_else(|| SecretsError::NoPassword {
                path: path.to_owned(),
            }),
        Err(SecretsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let password = Secret::new(random_password()?);
            let text = format!("[client]\nuser={user}\npassword={}\n", password.expose());
            let text = Zeroizing::new(text);
            write_private(path, text.as_bytes())?;
            Ok(password)
        }
        Err(error) => Err(error),
    }
}

/// A crash leaves the whole file or none.
fn write_private(path: &Path, text: &[u8]) -> Result<(), SecretsError> {
    files::write(path, text, 0o600, None).map_err(|source| SecretsError::File {
        attempted: "writing",
        path: path.to_owned(),
        source,
    })
}

/// The password to log in with; root's may be empty.
pub fn password(target: &ServerTarget, account: Account) -> Zeroizing<String> {
    match (target.secrets.of(account), &target.root) {
        (Some(password), _) => Zeroizing::new(password.to_owned()),
        (None, Some(password)) => Zeroizing::new(password.expose().to_owned()),
        (None, None) => Zeroizing::default(),
    }
}

/// A statement without its literals where it may carry a password.
pub(super) fn hide(sql: &str) -> String {
    let upper = sql.to_ascii_uppercase();
    if upper.contains("PASSWORD") || upper.contains("IDENTIFIED") {
        let head: Vec<&str> = sql.split_whitespace().take(3).collect();
        return format!("{} ...", head.join(" "));
    }
    match sql.char_indices().nth(200) {
        Some((at, _)) => format!("{} ...", &sql[..at]),
        None => sql.to_owned(),
    }
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, SecretsError> {
    let error = |source| SecretsError::File {
        attempted: "reading",
        path: path.to_owned(),
        source,
    };
    let mut file = fs::File::open(path).map_err(error)?;
    let mode = file.metadata().map_err(error)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretsError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(error)?;
    Ok(text)
}

/// 168 random bits in 28 letters, and four that satisfy whatever a password policy asks for. A link
/// takes 32 characters at most.
fn random_password() -> Result<String, SecretsError> {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut bytes = Zeroizing::new([0_u8; 28]);
    let path = Path::new("/dev/urandom");
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut *bytes))
        .map_err(|source| SecretsError::File {
            attempted: "reading",
            path: path.to_owned(),
            source,
        })?;
    let letters = bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte & 63)));
    let mut password: String = letters.map(|letter| char::from(*letter)).collect();
    password.push_str("aA1-");
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pair.json");
        let made = Secrets::load_or_create(&path).unwrap();
        let again = Secrets::load_or_create(&path).unwrap();
        assert_eq!(made.of(Account::Manage), again.of(Account::Manage));
        assert_ne!(made.of(Account::Manage), made.of(Account::Monitor));
        assert_eq!(made.of(Account::Replicate).unwrap().len(), 32);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Secrets::load_or_create(&path).unwrap_err();
        assert!(error.to_string().contains("0640"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pair.json");
        fs::write(&path, "{").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Secrets::load_or_create(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{");
    }

    #[test]
    fn no_password_in_errors() {
        assert_eq!(
            hide("ALTER USER 'a'@'b' IDENTIFIED BY 'secret'"),
            "ALTER USER 'a'@'b' ..."
        );
        assert_eq!(hide("SELECT 1"), "SELECT 1");
    }
}
