//! One module for each neighbour.

mod configuration;
mod daemon;
mod endpoint;
mod instance;
mod tls;
