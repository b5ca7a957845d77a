//! Quiet hours: the time of day in which nobody's telephone rings for us.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::config::QuietHours;
use crate::units::UnixTime;

/// The earliest time from `due` on that is not quiet by the clock in `zone`.
///
/// Where clocks are turned back, the quiet time ends when its last hour comes round after `due`; where its end falls
/// into the hour that is left out, it ends as long after that hour's begin as it should have.
pub fn not_before(due: UnixTime, zone: &TimeZone, hours: QuietHours) -> UnixTime {
    let Ok(stamp) = Timestamp::from_millisecond(due.0) else { return due };
    let local = zone.to_datetime(stamp);
    let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or_default();
    if !hours.contains(minute) {
        return due;
    }
    let date = if minute < hours.until { Ok(local.date()) } else { local.date().tomorrow() };
    let end = date.ok().zip(clock(hours.until)).map(|(date, time)| zone.to_ambiguous_timestamp(date.to_datetime(time)));
    let Some(end) = end else { return due };
    let first = end.compatible().ok().filter(|end| *end >= stamp);
    first.or_else(|| end.later().ok()).map_or(due, |end| UnixTime(end.as_millisecond())).max(due)
}

/// A minute of the day on the clock.
fn clock(minute: u16) -> Option<Time> {
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    Time::new(hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn hours(text: &str) -> QuietHours {
        text.parse().unwrap()
    }

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn hours_over_midnight_end_in_the_morning() {
        let rome = zone("Europe/Rome");
        let wait = |due| not_before(at(due), &rome, hours("21:00-08:00"));
        assert_eq!(wait("2026-03-03T19:59:59Z"), at("2026-03-03T19:59:59Z"));
        assert_eq!(wait("2026-03-03T20:00:00Z"), at("2026-03-04T07:00:00Z"));
        assert_eq!(wait("2026-03-04T02:00:00Z"), at("2026-03-04T07:00:00Z"));
        assert_eq!(wait("2026-03-04T07:00:00Z"), at("2026-03-04T07:00:00Z"));
    }

    #[test]
    fn hours_within_a_day() {
        let rome = zone("Europe/Rome");
        let noon = at("2026-03-03T11:30:00Z");
        assert_eq!(not_before(noon, &rome, hours("12:00-14:00")), at("2026-03-03T13:00:00Z"));
    }

    #[test]
    fn the_morning_is_the_right_one_across_dst() {
        let rome = zone("Europe/Rome");
        let wait = |due| not_before(at(due), &rome, hours("21:00-08:00"));
        // Clocks go forward on 29 March 2026 and back on 25 October.
        assert_eq!(wait("2026-03-28T22:00:00Z"), at("2026-03-29T06:00:00Z"));
        assert_eq!(wait("2026-10-24T22:00:00Z"), at("2026-10-25T07:00:00Z"));
    }

    #[test]
    fn an_end_in_the_gap_or_in_the_fold() {
        let rome = zone("Europe/Rome");
        let wait = |due| not_before(at(due), &rome, hours("22:00-02:30"));
        // 02:30 does not exist: 03:30 summer time stands for it.
        assert_eq!(wait("2026-03-28T23:00:00Z"), at("2026-03-29T01:30:00Z"));
        // 02:30 comes twice: the first one ends the quiet time, and the second what is due between them.
        assert_eq!(wait("2026-10-24T23:00:00Z"), at("2026-10-25T00:30:00Z"));
        assert_eq!(wait("2026-10-25T01:15:00Z"), at("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn times_out_of_range_are_left_alone() {
        let wait = |due| not_before(UnixTime(due), &TimeZone::UTC, hours("00:00-23:59"));
        assert_eq!(wait(i64::MAX), UnixTime(i64::MAX));
        assert_eq!(wait(i64::MIN), UnixTime(i64::MIN));
    }

    proptest! {
        #[test]
        fn the_end_is_never_before_what_is_due_and_never_quiet(
            due in 1_600_000_000i64..2_000_000_000,
            name in prop::sample::select(vec!["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
            from in 0..1440u16,
            until in 0..1440u16,
        ) {
            let (hours, zone) = (QuietHours { from, until }, zone(name));
            let due = UnixTime(due * 1000);
            let end = not_before(due, &zone, hours);
            prop_assert!(end >= due);
            prop_assert!(end.0 - due.0 <= 26 * 3_600_000);
            let local: DateTime = zone.to_datetime(Timestamp::from_millisecond(end.0).unwrap());
            let quiet = hours.contains(u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap());
            prop_assert!(!quiet, "{} is quiet", local);
        }
    }
}
