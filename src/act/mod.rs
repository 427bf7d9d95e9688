//! What is done to the outside.

pub mod hook;
