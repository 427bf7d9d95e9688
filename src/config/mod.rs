//! The configuration: what the files say, laid over each other, checked, and turned into [`Settings`].
//!
//! Loading only reads. All problems are reported together, each with its place; where there is one,
//! there are no settings.

mod check;
mod code;
mod file;
mod layer;
pub mod problem;
mod schema;
pub mod secret;
mod settings;
mod sources;
mod strict;
#[cfg(test)]
mod tests;
mod value;

pub use code::Code;
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use settings::*;
pub use sources::{Sources, SystemdSeen};

use layer::Layers;

/// The exit code of a program that was given a bad configuration (`EX_CONFIG` of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;

/// Reads and checks the whole configuration, and touches nothing.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(sources: &Sources) -> Result<Settings, Problems> {
    let mut problems = Problems::default();
    let layers = Layers::read(sources, &mut problems);
    let settings = if layers.broken {
        None
    } else {
        match layers.merged() {
            Ok(file) => check::settings(&file, &layers, sources, &mut problems),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    };
    problems.sort();
    settings.filter(|_| problems.is_empty()).ok_or(problems)
}

/// What `--check` prints: the problems, or what is configured in a few lines.
pub fn check_report(loaded: &Result<Settings, Problems>) -> String {
    match loaded {
        Err(problems) => format!("{problems}\n"),
        Ok(settings) => settings.pairs.values().map(summary).collect(),
    }
}

fn summary(pair: &PairSettings) -> String {
    let policy = &pair.policy;
    let durability = match policy.durability {
        crate::model::policy::Durability::Lossless => "lossless",
        crate::model::policy::Durability::Available => "available",
    };
    let mut out = format!("pair {}: {}, {durability}\n", policy.pair, policy.family);
    for (_, member) in pair.members.iter() {
        out += &format!(
            "  member {}: port {}, server_id {}, {}\n",
            member.name,
            member.server.port,
            member.server.server_id,
            member.server.datadir.display()
        );
    }
    if let Some(endpoint) = &pair.endpoint {
        out += &format!("  endpoint: {} leads to the writer\n", endpoint.writer);
    }
    out
}
