//! The two members of a pair, told apart by side.

use std::fmt;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// Which of the two members: the first or the second named in the configuration.
///
/// The core speaks of sides; names are for people and stand in the [`Policy`](super::policy::Policy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first member.
    A,
    /// The second member.
    B,
}

impl Side {
    /// Both sides, in the order of the configuration.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other member.
    pub const fn peer(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
        })
    }
}

/// One value for each member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Both<T> {
    /// The first member's.
    pub a: T,
    /// The second member's.
    pub b: T,
}

impl<T> Both<T> {
    /// Builds the value of each side.
    pub fn from_fn(mut make: impl FnMut(Side) -> T) -> Self {
        Self {
            a: make(Side::A),
            b: make(Side::B),
        }
    }

    /// Both values with their sides, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Side, &T)> {
        [(Side::A, &self.a), (Side::B, &self.b)].into_iter()
    }

    /// Turns each value into another.
    pub fn map<U>(self, mut turn: impl FnMut(Side, T) -> U) -> Both<U> {
        Both {
            a: turn(Side::A, self.a),
            b: turn(Side::B, self.b),
        }
    }
}

impl<T> Index<Side> for Both<T> {
    type Output = T;
    fn index(&self, side: Side) -> &T {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

impl<T> IndexMut<Side> for Both<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
