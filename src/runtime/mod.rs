//! The operating system's side of a local server.

pub mod prepare;
