//! Real sockets, with a loop in place of the daemon's that answers as told.

mod bench;
mod clients;
mod healthy;
mod orders;
mod socket;

pub(crate) use self::healthy::{handle, healthy};
