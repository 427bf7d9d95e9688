//! Metrics in the OpenMetrics text format, made of the newest reports each time they are asked for.

mod family;
mod pairs;

use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::family::{Families, Family, Kind};
use super::Loaded;
use crate::control::report::PairReport;

/// The text. Each pair comes with the moment at which its loop last turned, in milliseconds since 1970.
pub(super) fn text(pairs: &[(Arc<PairReport>, u64)], loaded: &Loaded) -> String {
    let mut families = Families::default();
    of_daemon(&mut families, loaded);
    for (report, turned_ms) in pairs {
        pairs::all(&mut families, report, *turned_ms);
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
    families.put(build, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
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
}
