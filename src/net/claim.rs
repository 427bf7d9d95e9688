//! One pair of a name for each network namespace: its nftables table is named after it, and two daemons
//! that lead the same table would each undo what the other did.

use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Why a pair's name was not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Somebody else has it.
    #[error(
        "another dualmasterd keeps the redirect of a pair of this name here: rename one of the two"
    )]
    Taken,
    /// The system refused.
    #[error("cannot claim the name")]
    Io(#[from] io::Error),
}

/// A claimed name, until it is dropped or the process ends in whatever way: an abstract socket, which lives
/// in the network namespace as the table does.
#[derive(Debug)]
pub struct Claim {
    _socket: UnixListener,
}

impl Claim {
    /// Claims a pair's name.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub fn take(pair: &str) -> Result<Self, ClaimError> {
        let name = SocketAddr::from_abstract_name(format!("dualmasterd/pair/{pair}"))?;
        match UnixListener::bind_addr(&name) {
            Ok(socket) => Ok(Self { _socket: socket }),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(ClaimError::Taken),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_claimed_once_at_a_time() {
        let pair = format!("claim-test-{}", std::process::id());
        let claim = Claim::take(&pair).unwrap();
        assert!(matches!(Claim::take(&pair), Err(ClaimError::Taken)));
        drop(claim);
        Claim::take(&pair).unwrap();
    }
}
