//! Half-open stretches of time, and sets of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::units::{UnixTime, rfc3339};

/// From `from` up to, but not including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Interval {
    /// The first moment in it.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub from: UnixTime,
    /// The first moment after it.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub to: UnixTime,
}

impl Interval {
    /// `[from, to)`.
    pub const fn new(from: UnixTime, to: UnixTime) -> Self {
        Self { from, to }
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// That moment is in it.
    pub fn has(&self, time: UnixTime) -> bool {
        self.from <= time && time < self.to
    }

    /// All of `other` is in it.
    pub fn contains(&self, other: Interval) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// They share a moment.
    pub fn meets(&self, other: Interval) -> bool {
        self.from < other.to && other.from < self.to && !self.is_empty() && !other.is_empty()
    }

    /// What is in both; may be empty.
    #[must_use]
    pub fn clip(&self, to: Interval) -> Interval {
        Interval { from: self.from.max(to.from), to: self.to.min(to.to) }
    }
}

/// Intervals that do not overlap, in order. Some may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<Interval>);

impl Intervals {
    /// Sorts, joins what overlaps and drops what is empty; what only touches stays apart.
    pub fn separate(intervals: Vec<Interval>) -> Self {
        Self::joined_when(intervals, |next, last| next.from < last.to)
    }

    /// Sorts, joins what overlaps or touches and drops what is empty.
    pub fn union(intervals: Vec<Interval>) -> Self {
        Self::joined_when(intervals, |next, last| next.from <= last.to)
    }

    fn joined_when(mut intervals: Vec<Interval>, join: impl Fn(Interval, Interval) -> bool) -> Self {
        intervals.retain(|interval| !interval.is_empty());
        // What comes from an index is sorted already, and that is noticed in one pass.
        intervals.sort();
        intervals.dedup_by(|next, last| {
            let joins = join(*next, *last);
            if joins {
                last.to = last.to.max(next.to);
            }
            joins
        });
        Self(intervals)
    }

    /// They in order.
    pub fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    /// Those from the first that ends after `time`: all that can matter from then on.
    pub fn after(&self, time: UnixTime) -> &[Interval] {
        &self.0[self.0.partition_point(|interval| interval.to <= time)..]
    }

    /// Those that share a moment with `with`.
    pub fn meeting(&self, with: Interval) -> impl Iterator<Item = Interval> + '_ {
        self.after(with.from)
            .iter()
            .copied()
            .take_while(move |interval| interval.from < with.to)
            .filter(move |interval| interval.meets(with))
    }

    /// One of them has all of `other` in it.
    pub fn contain(&self, other: Interval) -> bool {
        self.after(other.from).first().is_some_and(|interval| interval.contains(other))
    }
}

impl FromIterator<Interval> for Intervals {
    /// As [`Intervals::separate`].
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        Self::separate(intervals.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(from: i64, to: i64) -> Interval {
        Interval::new(UnixTime(from), UnixTime(to))
    }

    #[test]
    fn intervals_that_touch_share_no_moment() {
        assert!(!of(0, 5).meets(of(5, 9)));
        assert!(of(0, 5).meets(of(4, 9)));
        assert!(!of(3, 3).meets(of(0, 9)));
        assert!(of(0, 5).has(UnixTime(0)) && !of(0, 5).has(UnixTime(5)));
        assert!(of(0, 9).contains(of(0, 9)) && !of(0, 9).contains(of(0, 10)));
        assert!(of(0, 3).clip(of(5, 9)).is_empty());
    }

    #[test]
    fn a_set_is_sorted_without_overlaps_and_without_empty_ones() {
        let intervals = vec![of(20, 30), of(5, 9), of(0, 5), of(7, 8), of(25, 40), of(3, 3), of(9, 2)];
        assert_eq!(Intervals::separate(intervals.clone()).as_slice(), [of(0, 5), of(5, 9), of(20, 40)]);
        assert_eq!(Intervals::union(intervals).as_slice(), [of(0, 9), of(20, 40)]);
    }

    #[test]
    fn what_meets_and_what_contains_is_found_by_search() {
        let set: Intervals = [of(0, 5), of(5, 9), of(20, 40)].into_iter().collect();
        assert_eq!(set.after(UnixTime(5)), [of(5, 9), of(20, 40)]);
        assert_eq!(set.meeting(of(4, 20)).collect::<Vec<_>>(), [of(0, 5), of(5, 9)]);
        assert_eq!(set.meeting(of(9, 20)).count(), 0);
        assert_eq!(set.meeting(of(30, 30)).count(), 0);
        assert!(set.contain(of(20, 40)) && !set.contain(of(4, 6)) && !set.contain(of(40, 41)));
    }
}
