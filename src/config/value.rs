//! Values with their ranges: what cannot be right is refused where it is read, with its line.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A whole number of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<const MIN: i64, const MAX: i64>(i64);

/// A port.
pub(super) type Port = Whole<1, 65_535>;
/// A number of 32 bits, 0 included.
pub(super) type Word = Whole<0, 4_294_967_295>;

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// The number, as the type that its range fits in; `T::default()` never occurs there.
    pub(super) fn get<T: TryFrom<i64> + Default>(self) -> T {
        T::try_from(self.0).unwrap_or_default()
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read<const MIN: i64, const MAX: i64>;
        impl<const MIN: i64, const MAX: i64> Visitor<'_> for Read<MIN, MAX> {
            type Value = Whole<MIN, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                if (MIN..=MAX).contains(&number) {
                    Ok(Whole(number))
                } else {
                    Err(E::invalid_value(de::Unexpected::Signed(number), &self))
                }
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let unexpected = de::Unexpected::Unsigned(number);
                let number =
                    i64::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))?;
                self.visit_i64(number)
            }
        }
        from.deserialize_i64(Read)
    }
}

/// A duration, written with its unit, from `MIN` to `MAX` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span<const MIN: u64, const MAX: u64>(Duration);

impl<const MIN: u64, const MAX: u64> Span<MIN, MAX> {
    /// The duration.
    pub(super) const fn get(self) -> Duration {
        self.0
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Span<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read<const MIN: u64, const MAX: u64>;
        impl<const MIN: u64, const MAX: u64> Visitor<'_> for Read<MIN, MAX> {
            type Value = Span<MIN, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (min, max) = (in_words(MIN), in_words(MAX));
                write!(
                    f,
                    "a duration with its unit (ms, s, m, h, d), from \"{min}\" to \"{max}\""
                )
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                days(text)
                    .or_else(|| Duration::try_from(text.parse::<SignedDuration>().ok()?).ok())
                    .filter(|span| (u128::from(MIN)..=u128::from(MAX)).contains(&span.as_millis()))
                    .map(Span)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_str(Read)
    }
}

/// A size, written as my.cnf writes it, from `MIN` to `MAX` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Size<MIN, MAX> {
    /// The size, in bytes.
    pub(super) const fn get(self) -> u64 {
        self.0
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Size<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read<const MIN: u64, const MAX: u64>;
        impl<const MIN: u64, const MAX: u64> Visitor<'_> for Read<MIN, MAX> {
            type Value = Size<MIN, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (min, max) = (MIN >> 20, MAX >> 40);
                write!(
                    f,
                    "a size such as \"4G\" (K, M, G, T), from \"{min}M\" to \"{max}T\""
                )
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                bytes(text)
                    .filter(|bytes| (MIN..=MAX).contains(bytes))
                    .map(Size)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_str(Read)
    }
}

/// A number with one of the units of my.cnf, each 1024 of the one before.
fn bytes(text: &str) -> Option<u64> {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let (unit, shift) = units
        .into_iter()
        .find(|(unit, _)| text.to_ascii_uppercase().ends_with(*unit))?;
    let number = text.strip_suffix([unit, unit.to_ascii_lowercase()])?;
    let number: u64 = number.parse().ok()?;
    number.checked_mul(1 << shift)
}

/// Whole days of 24 hours, which are no unit of an exact span elsewhere.
fn days(text: &str) -> Option<Duration> {
    let days: u64 = text.strip_suffix('d')?.trim_end().parse().ok()?;
    Some(Duration::from_secs(days.checked_mul(86_400)?))
}

/// Milliseconds in the largest unit that divides them.
pub(super) fn in_words(millis: u64) -> String {
    [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ]
    .into_iter()
    .find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit))
    .map_or(format!("{millis}ms"), |(unit, name)| {
        format!("{}{name}", millis / unit)
    })
}

/// An address with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(pub(super) SocketAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Address;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an IP address with a port, such as \"192.0.2.10:3306\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse()
                    .ok()
                    .filter(|address: &SocketAddr| address.port() != 0)
                    .map(Address)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_str(Read)
    }
}

/// A value of the operator's own `[mysqld]` table, as text; `true` is 1 and `false` is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting(pub(super) String);

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Setting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number, true or false")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Setting, E> {
                Ok(Setting(u8::from(value).to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Setting, E> {
                Ok(Setting(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Setting, E> {
                Ok(Setting(value.to_string()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Setting, E> {
                Ok(Setting(value.to_owned()))
            }
        }
        from.deserialize_any(Read)
    }
}
