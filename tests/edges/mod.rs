//! One module for each neighbour.

mod configuration;
mod daemon;
mod endpoint;
mod instance;
mod named;
mod one_disk;
mod several;
mod tls;
