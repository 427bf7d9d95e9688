//! Drivers for the network: the redirect, connections, addresses and announcements.
//!
//! They read and write the kernel of one network namespace and decide nothing. What needs which
//! capability: [`nft`], [`sockets`] and [`address`] need CAP_NET_ADMIN, [`announce`] CAP_NET_RAW.

pub mod address;
pub mod announce;
pub mod claim;
mod netlink;
pub mod nft;
pub mod sockets;

#[cfg(test)]
mod namespace;
