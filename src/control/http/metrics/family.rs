//! Families of series, collected first and encoded at once, as the format wants the series of a family
//! together.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::control::report::Spread;

/// Names and values of labels.
type Labels = Vec<(&'static str, String)>;

/// What the values of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only rises.
    Counter,
    /// Its labels are what it says.
    Info,
    /// How durations spread.
    Histogram,
}

/// A family's name, without the daemon's prefix and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    seconds: bool,
}

impl Family {
    /// A family.
    pub(super) const fn new(name: &'static str, help: &'static str, kind: Kind) -> Self {
        Self {
            name,
            help,
            kind,
            seconds: false,
        }
    }

    /// A family of gauges.
    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Gauge)
    }

    /// A family of counters.
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Counter)
    }

    /// The same in seconds.
    pub(super) const fn seconds(self) -> Self {
        Self {
            seconds: true,
            ..self
        }
    }
}

#[derive(Debug)]
enum Sample {
    Number(f64),
    Spread(Spread),
}

/// Everything that was collected.
#[derive(Debug, Default)]
pub(super) struct Families {
    all: Vec<(Family, Vec<(Labels, Sample)>)>,
}

impl Families {
    /// Adds one series.
    pub(super) fn put(&mut self, family: Family, labels: &[(&'static str, &str)], value: f64) {
        self.add(family, labels, Sample::Number(value));
    }

    /// Adds the series of a histogram.
    pub(super) fn spread(
        &mut self,
        family: Family,
        labels: &[(&'static str, &str)],
        spread: &Spread,
    ) {
        self.add(family, labels, Sample::Spread(spread.clone()));
    }

    fn add(&mut self, family: Family, labels: &[(&'static str, &str)], sample: Sample) {
        let labels = labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let series = (labels.collect(), sample);
        match self.all.iter_mut().find(|(known, _)| *known == family) {
            Some((_, all)) => all.push(series),
            None => self.all.push((family, vec![series])),
        }
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (family, all) in &self.all {
            let kind = match family.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
                Kind::Info => MetricType::Info,
                Kind::Histogram => MetricType::Histogram,
            };
            let unit = family.seconds.then_some(Unit::Seconds);
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
            for (labels, sample) in all {
                if family.kind == Kind::Info {
                    metric.encode_info(labels)?;
                    continue;
                }
                if labels.is_empty() {
                    sample.encode(family.kind, &mut metric)?;
                } else {
                    sample.encode(family.kind, &mut metric.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    fn encode(&self, kind: Kind, to: &mut MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        match (self, kind) {
            (Self::Spread(spread), _) => {
                let within: u64 = spread.buckets.iter().map(|(_, count)| count).sum();
                let rest = (f64::INFINITY, spread.count.saturating_sub(within));
                let limits = spread.buckets.iter();
                let buckets: Vec<_> = limits
                    .map(|(limit_us, count)| (seconds_of_us(*limit_us), *count))
                    .chain([rest])
                    .collect();
                let sum = seconds_of_us(spread.sum_us);
                to.encode_histogram::<NoLabelSet>(sum, spread.count, &buckets, None)
            }
            (Self::Number(value), Kind::Counter) => {
                to.encode_counter::<NoLabelSet, _, f64>(value, None)
            }
            (Self::Number(value), Kind::Gauge | Kind::Info | Kind::Histogram) => {
                to.encode_gauge(value)
            }
        }
    }
}

/// Milliseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285,000 years")]
pub(super) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
fn seconds_of_us(us: u64) -> f64 {
    us as f64 / 1e6
}

/// What is or is not.
pub(super) fn flag(is: bool) -> f64 {
    f64::from(is)
}

/// A number of things.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}
