//! The nouns: what a pair is, what is seen of it, what may be done to it. No verbs, no I/O.

pub mod incarnation;
pub mod member;
pub mod time;
