//! The daemon's own life: the loop, and what only it may touch.

pub mod clock;
