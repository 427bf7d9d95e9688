//! Stories that a random schedule has found, kept by name.
