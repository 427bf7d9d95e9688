//! Sorted, merged intervals of transaction numbers, both ends included.

use std::collections::BTreeMap;

/// The numbers of one origin: first of each interval to its last. Intervals neither overlap nor
/// touch, so that equal sets are equal values.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Intervals(BTreeMap<u64, u64>);

impl Intervals {
    /// The intervals as (first, last), rising.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }

    /// True without a number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers, at most `u64::MAX`.
    pub fn count(&self) -> u64 {
        let sizes = self
            .iter()
            .map(|(first, last)| (last - first).saturating_add(1));
        sizes.fold(0, u64::saturating_add)
    }

    /// The highest number.
    pub fn last(&self) -> Option<u64> {
        self.0.last_key_value().map(|(_, last)| *last)
    }

    /// True when the number lies in an interval.
    pub fn contains(&self, number: u64) -> bool {
        self.0
            .range(..=number)
            .next_back()
            .is_some_and(|(_, last)| number <= *last)
    }

    /// Adds `first` to `last`, where `first <= last`, and merges what touches.
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        while let Some((f, l)) = self.0.range(..=last.saturating_add(1)).next_back() {
            let (f, l) = (*f, *l);
            if l.saturating_add(1) < first {
                break;
            }
            first = first.min(f);
            last = last.max(l);
            self.0.remove(&f);
        }
        self.0.insert(first, last);
    }

    /// What is here and not in `other`. Takes time linear in the intervals of both.
    pub(super) fn subtract(&self, other: &Self) -> Self {
        let mut left = BTreeMap::new();
        let mut theirs = other.iter().peekable();
        for (first, last) in self.iter() {
            let mut from = Some(first);
            while let Some((f, l)) = theirs.peek().copied() {
                let Some(start) = from else { break };
                if l < start {
                    theirs.next();
                    continue;
                }
                if f > last {
                    break;
                }
                if f > start {
                    left.insert(start, f - 1);
                }
                from = if l >= last { None } else { Some(l + 1) };
            }
            if let Some(start) = from {
                left.insert(start, last);
            }
        }
        Self(left)
    }
}
