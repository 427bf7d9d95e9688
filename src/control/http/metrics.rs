//! Metrics in the OpenMetrics text format, made of the newest reports each time they are asked for.

mod counts;
mod family;
mod member;
mod pairs;

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::family::{Families, Family, Kind};
use super::Loaded;
use crate::control::meters::Meters;
use crate::control::report::PairReport;

/// The commit that this program was built from, where the build said so.
const REVISION: &str = match option_env!("DUALMASTERD_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// What is measured of one pair.
pub(super) struct Measured {
    /// Its newest report.
    pub(super) report: Arc<PairReport>,
    /// What happens many times a second.
    pub(super) meters: Arc<Meters>,
    /// When its loop last turned, in milliseconds since the boot.
    pub(super) turned_ms: u64,
}

/// The text. `boot_at_ms`: when the host was booted, in milliseconds since 1970.
pub(super) fn text(pairs: &[Measured], boot_at_ms: u64, loaded: &Loaded) -> String {
    let mut families = Families::default();
    of_daemon(&mut families, loaded);
    for pair in pairs {
        pairs::all(&mut families, pair, boot_at_ms);
    }
    let mut registry = Registry::with_prefix("dualmasterd");
    registry.register_collector(Box::new(families));
    let mut text = String::new();
    // Writing to a string fails nowhere.
    let _ = encode(&mut text, &registry);
    text
}

fn of_daemon(families: &mut Families, loaded: &Loaded) {
    let build = Family::new("build", "What runs", Kind::Info);
    let what = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", REVISION),
    ];
    families.put(build, &what, 1.0);
    let good = Family::gauge(
        "config_last_reload_successful",
        "The configuration on disk is in force",
    );
    families.put(good, &[], f64::from(!loaded.refused));
    let at = Family::gauge(
        "config_last_reload_success_timestamp",
        "When a configuration was last taken over",
    );
    families.put(at.seconds(), &[], family::seconds(loaded.at_ms));
    let hash = Family::new(
        "config_hash",
        "The configuration in force, by the digest of its files",
        Kind::Info,
    );
    families.put(hash, &[("hash", &loaded.digest)], 1.0);
}
