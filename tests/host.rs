//! The installed daemon in a machine with a real systemd: its unit, and servers as units.

#[path = "support/mod.rs"]
mod support;

#[path = "host/mod.rs"]
mod host;
