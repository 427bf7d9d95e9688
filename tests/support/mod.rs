//! A real pair, its clients and its faults, for the tests, the benches and the demo.
//!
//! Each pair lives in a network namespace of its own ([`in_namespace`]) and in a folder of its own
//! ([`Host`]); both are gone at the end, however the end came.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each program that includes these modules uses a part of them"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "an answer of any other kind fails the test, shown"
)]

pub mod cgroup;
pub mod check;
pub mod cut;
pub mod delay;
pub mod disk;
pub mod fault;
pub mod folder;
pub mod history;
pub mod host;
pub mod image;
pub mod journald;
pub mod load;
pub mod machine;
pub mod namespace;
pub mod notify;
pub mod outside;
pub mod preload;
pub mod sampler;
pub mod settings;
pub mod severed;
pub mod sql;
pub mod words;

pub use cgroup::Group;
pub use cut::Cut;
pub use delay::Delay;
pub use disk::Disk;
pub use history::History;
pub use host::Host;
pub use image::Image;
pub use load::Load;
pub use namespace::in_namespace;
pub use outside::Outside;
pub use sampler::Sampler;
pub use settings::Setup;
pub use severed::Severed;
