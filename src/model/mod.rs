//! The nouns: what a pair is, what is seen of it, what may be done to it. No verbs, no I/O.

pub mod action;
pub mod causes;
pub mod facts;
pub mod finding;
pub mod gtid;
pub mod hook;
pub mod incarnation;
pub mod instance;
pub mod link;
pub mod member;
pub mod memory;
pub mod policy;
pub mod probe;
pub mod process;
pub mod register;
pub mod request;
pub mod secret;
pub mod server;
pub mod session;
pub mod time;
