//! Quiet hours: the time of day in which nobody's telephone rings for us.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::units::UnixTime;

/// The earliest time from `due` on that is not between `from` and `to` of the clock in `zone`. Hours that run over
/// midnight are meant when `from` is later than `to`; none when they are equal.
///
/// Where clocks are turned back, the quiet time ends when `to` comes round after `due`; where `to` falls into the hour
/// that is left out, it ends as long after that hour's begin as `to` lies behind it.
pub fn not_before(due: UnixTime, zone: &TimeZone, from: Time, to: Time) -> UnixTime {
    let Ok(stamp) = Timestamp::from_millisecond(due.0) else { return due };
    let local = zone.to_datetime(stamp);
    let time = local.time();
    let today = if from <= to { from <= time && time < to } else { time < to };
    let tomorrow = from > to && time >= from;
    let end_date = match (today, tomorrow) {
        (true, _) => Ok(local.date()),
        (_, true) => local.date().tomorrow(),
        _ => return due,
    };
    let Ok(end) = end_date.map(|date| zone.to_ambiguous_timestamp(date.to_datetime(to))) else { return due };
    let first = end.compatible().ok().filter(|end| *end >= stamp);
    first.or_else(|| end.later().ok()).map_or(due, |end| UnixTime(end.as_millisecond())).max(due)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::{DateTime, time};
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn hours_over_midnight_end_in_the_morning() {
        let rome = zone("Europe/Rome");
        let wait = |due| not_before(at(due), &rome, time(21, 0, 0, 0), time(8, 0, 0, 0));
        assert_eq!(wait("2026-03-03T19:59:59Z"), at("2026-03-03T19:59:59Z"));
        assert_eq!(wait("2026-03-03T20:00:00Z"), at("2026-03-04T07:00:00Z"));
        assert_eq!(wait("2026-03-04T02:00:00Z"), at("2026-03-04T07:00:00Z"));
        assert_eq!(wait("2026-03-04T07:00:00Z"), at("2026-03-04T07:00:00Z"));
    }

    #[test]
    fn hours_within_a_day_and_no_hours_at_all() {
        let rome = zone("Europe/Rome");
        let noon = at("2026-03-03T11:30:00Z");
        assert_eq!(not_before(noon, &rome, time(12, 0, 0, 0), time(14, 0, 0, 0)), at("2026-03-03T13:00:00Z"));
        assert_eq!(not_before(noon, &rome, time(12, 0, 0, 0), time(12, 0, 0, 0)), noon);
    }

    #[test]
    fn the_morning_is_the_right_one_across_dst() {
        let rome = zone("Europe/Rome");
        let wait = |due| not_before(at(due), &rome, time(21, 0, 0, 0), time(8, 0, 0, 0));
        // Clocks go forward on 29 March 2026 and back on 25 October.
        assert_eq!(wait("2026-03-28T22:00:00Z"), at("2026-03-29T06:00:00Z"));
        assert_eq!(wait("2026-10-24T22:00:00Z"), at("2026-10-25T07:00:00Z"));
    }

    #[test]
    fn an_end_in_the_gap_or_in_the_fold() {
        let rome = zone("Europe/Rome");
        let wait = |due| not_before(at(due), &rome, time(22, 0, 0, 0), time(2, 30, 0, 0));
        // 02:30 does not exist: 03:30 summer time stands for it.
        assert_eq!(wait("2026-03-28T23:00:00Z"), at("2026-03-29T01:30:00Z"));
        // 02:30 comes twice: the first one ends the quiet time, and the second what is due between them.
        assert_eq!(wait("2026-10-24T23:00:00Z"), at("2026-10-25T00:30:00Z"));
        assert_eq!(wait("2026-10-25T01:15:00Z"), at("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn times_out_of_range_are_left_alone() {
        let wait = |due| not_before(UnixTime(due), &TimeZone::UTC, time(0, 0, 0, 0), time(23, 59, 59, 0));
        assert_eq!(wait(i64::MAX), UnixTime(i64::MAX));
        assert_eq!(wait(i64::MIN), UnixTime(i64::MIN));
    }

    proptest! {
        #[test]
        fn the_end_is_never_before_what_is_due_and_never_quiet(
            due in 1_600_000_000i64..2_000_000_000,
            name in prop::sample::select(vec!["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
            from in 0..1440i16,
            to in 0..1440i16,
        ) {
            let clock = |minutes: i16| time((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
            let (from, to, zone) = (clock(from), clock(to), zone(name));
            let due = UnixTime(due * 1000);
            let end = not_before(due, &zone, from, to);
            prop_assert!(end >= due);
            prop_assert!(end.0 - due.0 <= 26 * 3_600_000);
            let local: DateTime = zone.to_datetime(Timestamp::from_millisecond(end.0).unwrap());
            let time = local.time();
            let quiet = if from <= to { from <= time && time < to } else { time >= from || time < to };
            prop_assert!(!quiet, "{} is quiet", local);
        }
    }
}
