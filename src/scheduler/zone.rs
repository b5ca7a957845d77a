//! Time zones by their IANA names, and what their clocks show over a stretch of time.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::interval::Interval;
use crate::units::{UnixTime, rfc3339};

/// The longest IANA name has 32 letters.
const MAX_NAME: usize = 64;

/// Milliseconds in a day of 24 hours, as civil time counts them.
pub(super) const DAY: i64 = 86_400_000;
/// Milliseconds in a minute.
pub(super) const MINUTE: i64 = 60_000;

/// A time zone of the IANA database. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A name that the database does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone {0:?}; one like Europe/Rome is expected")]
pub struct UnknownZone(pub String);

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// The zone of that name, in whatever case.
    pub fn named(name: &str) -> Result<Zone, UnknownZone> {
        let unknown = || UnknownZone(name.chars().take(MAX_NAME).collect());
        if name.len() > MAX_NAME {
            return Err(unknown());
        }
        let zone = TimeZone::get(name).map_err(|_| unknown())?;
        // "Etc/Unknown" says that somebody's device did not know.
        if zone.is_unknown() { Err(unknown()) } else { Ok(Zone(zone)) }
    }

    /// Its name, written as the database does.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What its clocks show at that moment.
    pub fn civil(&self, time: UnixTime) -> DateTime {
        self.0.to_datetime(rfc3339::timestamp(time))
    }

    /// When its clocks show that: once, twice in a fold, or never in a gap.
    pub fn instants(&self, civil: DateTime) -> Instants {
        let found = self.0.to_ambiguous_timestamp(civil);
        let with =
            |offset: jiff::tz::Offset| offset.to_timestamp(civil).ok().map(|time| UnixTime(time.as_millisecond()));
        match found.offset() {
            AmbiguousOffset::Unambiguous { offset } => with(offset).map_or(Instants::Beyond, Instants::Once),
            AmbiguousOffset::Fold { before, after } => match (with(before), with(after)) {
                (Some(first), Some(second)) => Instants::Twice(first, second),
                _ => Instants::Beyond,
            },
            AmbiguousOffset::Gap { before, after } => {
                // Read with the later offset, a time in the gap lies before the jump.
                let earlier = with(after).map(rfc3339::timestamp);
                let change = earlier.and_then(|time| self.0.following(time).find(|change| change.offset() == after));
                change.map_or(Instants::Beyond, |change| {
                    let at = change.timestamp();
                    let (from, to) = (before.to_datetime(at), after.to_datetime(at));
                    Instants::Never { at: UnixTime(at.as_millisecond()), from, to }
                })
            }
        }
    }

    /// By how much its clocks are ahead of UTC at that moment.
    pub(super) fn offset(&self, time: UnixTime) -> jiff::tz::Offset {
        self.0.to_offset(rfc3339::timestamp(time))
    }

    /// `range` cut where the clocks change.
    pub(super) fn stretches(&self, range: Interval) -> Vec<Stretch> {
        let mut stretches = Vec::with_capacity(2);
        if range.is_empty() {
            return stretches;
        }
        let start = rfc3339::timestamp(range.from);
        let mut open = Stretch { span: range, offset: millis(self.0.to_offset(start)) };
        for change in self.0.following(start) {
            let (at, offset) = (UnixTime(change.timestamp().as_millisecond()), millis(change.offset()));
            if at >= range.to {
                break;
            }
            // Some changes are of the name only.
            if offset != open.offset {
                stretches.push(Stretch { span: Interval::new(open.span.from, at), ..open });
                open = Stretch { span: Interval::new(at, range.to), offset };
            }
        }
        stretches.push(open);
        stretches
    }
}

/// When a civil time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instants {
    /// As nearly always.
    Once(UnixTime),
    /// The clocks show it, go back and show it again.
    Twice(UnixTime, UnixTime),
    /// The clocks jump over it.
    Never {
        /// When they jump.
        at: UnixTime,
        /// What they would show then.
        from: DateTime,
        /// What they show instead.
        to: DateTime,
    },
    /// At the ends of the calendar.
    Beyond,
}

/// A stretch of time in which a zone's clocks do not change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) span: Interval,
    /// How far its clocks are ahead of UTC, in milliseconds.
    pub(super) offset: i64,
}

impl Stretch {
    /// The civil days that begin or end in it, counted from 1970-01-01.
    pub(super) fn days(&self) -> std::ops::RangeInclusive<i64> {
        let first = (self.span.from.0 + self.offset).div_euclid(DAY);
        let last = (self.span.to.0 - 1 + self.offset).div_euclid(DAY);
        first..=last
    }

    /// When in it the clocks show a time of `[from, to)`, in milliseconds of civil time since 1970.
    pub(super) fn showing(&self, from: i64, to: i64) -> Interval {
        let shown = Interval::new(UnixTime(from - self.offset), UnixTime(to - self.offset));
        shown.clip(self.span)
    }
}

fn millis(offset: jiff::tz::Offset) -> i64 {
    i64::from(offset.seconds()) * 1_000
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixTime {
        rfc3339::parse(text).unwrap()
    }

    fn civil(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    #[test]
    fn zones_are_found_by_name_and_others_refused() {
        assert_eq!(Zone::named("europe/rome").unwrap().name(), "Europe/Rome");
        assert_eq!(Zone::named("UTC").unwrap(), Zone::UTC);
        assert_eq!(Zone::named("Asia/Calcutta").unwrap().name(), "Asia/Calcutta");
        for name in ["", "Europe", "Mars/Olympus", "Etc/Unknown", "+02:00", "EST5EDT,M3.2.0,M11.1.0", "../etc/passwd"] {
            assert_eq!(Zone::named(name), Err(UnknownZone(name.into())));
        }
        let UnknownZone(told) = Zone::named(&"x".repeat(100_000)).unwrap_err();
        assert_eq!(told.len(), MAX_NAME);
    }

    #[test]
    fn a_civil_time_is_once_twice_or_never() {
        let new_york = Zone::named("America/New_York").unwrap();
        assert_eq!(new_york.instants(civil("2026-03-08T13:00")), Instants::Once(at("2026-03-08T17:00:00Z")));
        assert_eq!(
            new_york.instants(civil("2026-11-01T01:30")),
            Instants::Twice(at("2026-11-01T05:30:00Z"), at("2026-11-01T06:30:00Z"))
        );
        for skipped in ["2026-03-08T02:00", "2026-03-08T02:30", "2026-03-08T02:59:59.999"] {
            let jump = Instants::Never {
                at: at("2026-03-08T07:00:00Z"),
                from: civil("2026-03-08T02:00"),
                to: civil("2026-03-08T03:00"),
            };
            assert_eq!(new_york.instants(civil(skipped)), jump, "{skipped}");
        }
        let apia = Zone::named("Pacific/Apia").unwrap();
        let a_day = Instants::Never {
            at: at("2011-12-30T10:00:00Z"),
            from: civil("2011-12-30T00:00"),
            to: civil("2011-12-31T00:00"),
        };
        assert_eq!(apia.instants(civil("2011-12-30T15:00")), a_day);
        assert_eq!(Zone::UTC.instants(DateTime::MAX), Instants::Beyond);
    }

    #[test]
    fn stretches_cover_the_range_and_are_cut_where_the_clocks_change() {
        let rome = Zone::named("Europe/Rome").unwrap();
        let range = Interval::new(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        let cut: Vec<_> = rome.stretches(range).iter().map(|stretch| (stretch.span.from, stretch.offset)).collect();
        let hour = 60 * MINUTE;
        let expected = [(range.from, hour), (at("2026-03-29T01:00:00Z"), 2 * hour), (at("2026-10-25T01:00:00Z"), hour)];
        assert_eq!(cut, expected);
        // A range that begins with the change itself begins with the new offset.
        let from_change = Interval::new(at("2026-03-29T01:00:00Z"), at("2026-03-30T00:00:00Z"));
        assert_eq!(rome.stretches(from_change).len(), 1);
        assert_eq!(rome.stretches(from_change)[0].offset, 2 * hour);
        assert!(rome.stretches(Interval::new(range.to, range.from)).is_empty());
    }
}
