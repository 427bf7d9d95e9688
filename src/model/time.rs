//! Time as the core sees it: a value that comes in with the facts.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment on `CLOCK_BOOTTIME`: nanoseconds since this boot, suspend included.
///
/// `std::time::Instant` can neither be written in a scenario nor in the state file, and stops while
/// the machine sleeps. A stored timestamp means something only together with the boot it was taken in.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The boot itself.
    pub const BOOT: Self = Self(0);
    /// Later than anything that happens: "no deadline".
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment `millis` milliseconds after boot.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since boot.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time passed from `earlier` until this moment; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Time left until the next whole multiple of `period` since boot, never zero. Whatever is done every
    /// so often is done at these moments: a process that wakes for one of them wakes for all.
    pub fn until_tick(self, period: Duration) -> Duration {
        let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos(period - self.0 % period)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", Duration::from_nanos(self.0).as_secs_f64())
    }
}
