//! Why a pair cannot be kept.

use std::path::PathBuf;

use crate::daemon::pair::PairError;
use crate::net::claim::ClaimError;

/// Why a pair cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon) enum KeepError {
    /// Its state or the system.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// Its state is about other servers than the configuration.
    #[error("pair `{pair}`: {what}")]
    OtherMembers {
        /// The pair.
        pair: String,
        /// What differs, and what to do.
        what: String,
    },
    /// Its passwords.
    #[error("the passwords of pair `{pair}`")]
    Secrets {
        /// The pair.
        pair: String,
        /// Why.
        source: crate::mysql::secrets::SecretsError,
    },
    /// A folder of its own.
    #[error("cannot make the folder {folder}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its endpoint needs nftables.
    #[error("pair `{pair}` has an endpoint, and nftables cannot be used")]
    Nft {
        /// The pair.
        pair: String,
    },
    /// Somebody else leads an endpoint of its name.
    #[error("pair `{pair}` has an endpoint, and {source}")]
    Claim {
        /// The pair.
        pair: String,
        /// Why.
        source: ClaimError,
    },
    /// Its endpoint has an address of its own.
    #[error("pair `{pair}` has an address, and the host's addresses cannot be managed")]
    Addresses {
        /// The pair.
        pair: String,
    },
}
