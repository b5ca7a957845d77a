//! Dates and times as people read them, in their own zone and language.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use crate::units::{UnixTime, rfc3339};

use super::Locale;

const DAYS_EN: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const DAYS_DE: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_DE: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// Writes times for one reader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates<'a> {
    pub(super) locale: Locale,
    pub(super) zone: &'a TimeZone,
}

impl Dates<'_> {
    /// From when to when, with the zone: `Tuesday, 3 March 2026, 14:00–14:45 (Europe/Rome, UTC+1)`. Where clocks change
    /// in between, each end says its offset.
    pub(super) fn span(&self, starts_at: UnixTime, ends_at: UnixTime) -> String {
        let ((start, before), (end, after)) = (self.local(starts_at), self.local(ends_at));
        let (first, last) = if before == after {
            (clock(start), clock(end))
        } else {
            (format!("{} ({})", clock(start), offset(before)), format!("{} ({})", clock(end), offset(after)))
        };
        let oclock = if self.locale == Locale::De { " Uhr" } else { "" };
        let times = if start.date() == end.date() {
            format!("{}, {first}–{last}{oclock}", self.date(start.date()))
        } else {
            format!("{}, {first}{oclock} – {}, {last}{oclock}", self.date(start.date()), self.date(end.date()))
        };
        match (self.zone.iana_name().filter(|name| *name != "UTC"), before == after) {
            (Some(name), true) => format!("{times} ({name}, {})", offset(before)),
            (Some(name), false) => format!("{times} ({name})"),
            (None, true) => format!("{times} ({})", offset(before)),
            (None, false) => times,
        }
    }

    /// Short, for subjects and SMS: `Tue 3 Mar, 14:00`.
    pub(super) fn short(&self, time: UnixTime) -> String {
        let (local, _) = self.local(time);
        let day = day(local.date());
        match self.locale {
            Locale::En => {
                format!("{} {} {}, {}", &DAYS_EN[day][..3], local.day(), &month(local, &MONTHS_EN)[..3], clock(local))
            }
            Locale::De => format!("{} {}.{}., {}", &DAYS_DE[day][..2], local.day(), local.month(), clock(local)),
        }
    }

    /// When it is, seen from now: `in 15 minutes`, `today at 14:00`, `tomorrow at 14:00`, else `on Tue 3 Mar, 14:00`.
    pub(super) fn relative(&self, now: UnixTime, time: UnixTime) -> String {
        let minutes = (time.0 - now.0 + 30_000).div_euclid(60_000);
        let ((today, _), (local, _)) = (self.local(now), self.local(time));
        let at = clock(local);
        let tomorrow = today.date().tomorrow().is_ok_and(|tomorrow| tomorrow == local.date());
        match (self.locale, minutes) {
            (Locale::En, ..1) => "now".to_owned(),
            (Locale::De, ..1) => "jetzt".to_owned(),
            (Locale::En, 1) => "in one minute".to_owned(),
            (Locale::De, 1) => "in einer Minute".to_owned(),
            (Locale::En, 60) => "in one hour".to_owned(),
            (Locale::De, 60) => "in einer Stunde".to_owned(),
            (Locale::En, ..=90) => format!("in {minutes} minutes"),
            (Locale::De, ..=90) => format!("in {minutes} Minuten"),
            (Locale::En, _) if today.date() == local.date() => format!("today at {at}"),
            (Locale::De, _) if today.date() == local.date() => format!("heute um {at} Uhr"),
            (Locale::En, _) if tomorrow => format!("tomorrow at {at}"),
            (Locale::De, _) if tomorrow => format!("morgen um {at} Uhr"),
            (Locale::En, _) => format!("on {}", self.short(time)),
            (Locale::De, _) => format!("am {} Uhr", self.short(time)),
        }
    }

    /// How long something lasts, in its largest unit: `15 minutes`, `2 days`.
    pub(super) fn duration(&self, duration: Duration) -> String {
        let minutes = duration.as_secs().div_ceil(60).max(1);
        let (count, unit) = match minutes {
            1440.. => (minutes.div_euclid(1440), 2),
            60.. => (minutes.div_euclid(60), 1),
            _ => (minutes, 0),
        };
        let one = count == 1;
        match self.locale {
            Locale::En => {
                let name = ["minute", "hour", "day"][unit];
                format!(
                    "{} {name}{}",
                    if one { "one".to_owned() } else { count.to_string() },
                    if one { "" } else { "s" }
                )
            }
            Locale::De if one => ["eine Minute", "eine Stunde", "einen Tag"][unit].to_owned(),
            Locale::De => format!("{count} {}", ["Minuten", "Stunden", "Tage"][unit]),
        }
    }

    fn date(&self, date: Date) -> String {
        let datetime = date.at(0, 0, 0, 0);
        match self.locale {
            Locale::En => {
                format!("{}, {} {} {}", DAYS_EN[day(date)], date.day(), month(datetime, &MONTHS_EN), date.year())
            }
            Locale::De => {
                format!("{}, {}. {} {}", DAYS_DE[day(date)], date.day(), month(datetime, &MONTHS_DE), date.year())
            }
        }
    }

    fn local(&self, time: UnixTime) -> (DateTime, Offset) {
        let stamp = rfc3339::timestamp(time);
        (self.zone.to_datetime(stamp), self.zone.to_offset(stamp))
    }
}

fn day(date: Date) -> usize {
    usize::from(date.weekday().to_monday_zero_offset().unsigned_abs()) % 7
}

fn month<'a>(time: DateTime, names: &[&'a str; 12]) -> &'a str {
    names[usize::from(time.month().unsigned_abs() - 1) % 12]
}

fn clock(time: DateTime) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// `UTC+1`, `UTC+5:45`.
fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    match (seconds.unsigned_abs() / 3600, seconds.unsigned_abs() / 60 % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> UnixTime {
        rfc3339::parse(text).unwrap()
    }

    fn span(locale: Locale, name: &str, start: &str, end: &str) -> String {
        Dates { locale, zone: &zone(name) }.span(at(start), at(end))
    }

    #[test]
    fn a_span_is_written_in_the_readers_zone_and_language() {
        let (start, end) = ("2026-03-03T13:00:00Z", "2026-03-03T13:45:00Z");
        assert_eq!(
            span(Locale::En, "Europe/Rome", start, end),
            "Tuesday, 3 March 2026, 14:00–14:45 (Europe/Rome, UTC+1)"
        );
        assert_eq!(
            span(Locale::De, "Asia/Kathmandu", start, end),
            "Dienstag, 3. März 2026, 18:45–19:30 Uhr (Asia/Kathmandu, UTC+5:45)"
        );
        assert_eq!(span(Locale::En, "UTC", start, end), "Tuesday, 3 March 2026, 13:00–13:45 (UTC)");
        assert_eq!(
            span(Locale::En, "America/New_York", start, end),
            "Tuesday, 3 March 2026, 08:00–08:45 (America/New_York, UTC-5)"
        );
    }

    #[test]
    fn midnight_and_changing_clocks_are_told() {
        assert_eq!(
            span(Locale::En, "Europe/Rome", "2026-03-03T22:30:00Z", "2026-03-03T23:15:00Z"),
            "Tuesday, 3 March 2026, 23:30 – Wednesday, 4 March 2026, 00:15 (Europe/Rome, UTC+1)"
        );
        assert_eq!(
            span(Locale::En, "Europe/Rome", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            "Sunday, 25 October 2026, 02:30 (UTC+2)–02:30 (UTC+1) (Europe/Rome)"
        );
    }

    #[test]
    fn what_is_near_is_told_from_now() {
        let rome = zone("Europe/Rome");
        let now = at("2026-03-03T12:00:00Z");
        let tell = |locale, time| Dates { locale, zone: &rome }.relative(now, at(time));
        for (time, english, german) in [
            ("2026-03-03T11:59:00Z", "now", "jetzt"),
            ("2026-03-03T12:14:50Z", "in 15 minutes", "in 15 Minuten"),
            ("2026-03-03T13:00:00Z", "in one hour", "in einer Stunde"),
            ("2026-03-03T17:00:00Z", "today at 18:00", "heute um 18:00 Uhr"),
            ("2026-03-03T23:30:00Z", "tomorrow at 00:30", "morgen um 00:30 Uhr"),
            ("2026-03-04T12:00:00Z", "tomorrow at 13:00", "morgen um 13:00 Uhr"),
            ("2026-03-09T12:00:00Z", "on Mon 9 Mar, 13:00", "am Mo 9.3., 13:00 Uhr"),
        ] {
            assert_eq!((tell(Locale::En, time).as_str(), tell(Locale::De, time).as_str()), (english, german));
        }
    }

    #[test]
    fn durations_are_told_in_their_largest_unit() {
        let rome = zone("Europe/Rome");
        for (seconds, english, german) in [
            (0, "one minute", "eine Minute"),
            (899, "15 minutes", "15 Minuten"),
            (3600, "one hour", "eine Stunde"),
            (2 * 86_400, "2 days", "2 Tage"),
        ] {
            let tell = |locale| Dates { locale, zone: &rome }.duration(Duration::from_secs(seconds));
            assert_eq!((tell(Locale::En).as_str(), tell(Locale::De).as_str()), (english, german));
        }
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        let dates = Dates { locale: Locale::De, zone: &zone("Pacific/Apia") };
        for time in [UnixTime(i64::MIN), UnixTime(i64::MAX)] {
            assert!(!dates.span(time, time).is_empty() && !dates.short(time).is_empty());
        }
        assert!(!dates.relative(UnixTime(0), UnixTime(i64::MAX - 60_000)).is_empty());
    }
}
