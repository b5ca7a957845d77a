//! When an expert can be booked: weekly hours in the expert's own zone, and dates on which it is otherwise.
//!
//! Hours are what the clocks of their zone show. 9:00 to 17:00 stays so when the clocks change; hours that the
//! clocks jump over are not there, and those that they show twice are there twice.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::zone::{UnknownZone, Zone};

/// The most weekly rules of one expert.
pub const MAX_RULES: usize = 200;
/// The most exceptions of one expert; those of the past can be forgotten.
pub const MAX_EXCEPTIONS: usize = 1000;
/// The longest note on an exception, in characters.
pub const MAX_NOTE: usize = 200;
/// Minutes in a civil day; a day's last moment is just before.
pub const DAY_END: u16 = 1440;

/// Hours of one day of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeeklyRule {
    /// 1 is Monday, 7 Sunday (ISO 8601).
    #[schema(minimum = 1, maximum = 7)]
    pub weekday: u8,
    /// First minute of the day in them.
    #[schema(maximum = 1439)]
    pub from_min: u16,
    /// First minute after them; 1440 is midnight, where the next day's hours may join up.
    #[schema(maximum = 1440)]
    pub to_min: u16,
    /// The IANA name of the zone whose clocks are meant.
    #[schema(example = "Europe/Rome")]
    pub tz: String,
    /// The first date on which they hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub valid_from: Option<Date>,
    /// The last date on which they hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub valid_to: Option<Date>,
}

/// A date, or hours of it, that are not as the week has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DateException {
    /// The date, as the calendars of the zone have it.
    #[schema(value_type = String, format = Date)]
    pub date: Date,
    /// Open or closed.
    pub kind: ExceptionKind,
    /// First minute of the day in it; midnight if left out.
    #[serde(default)]
    #[schema(maximum = 1439)]
    pub from_min: u16,
    /// First minute after it; the day's end if left out.
    #[serde(default = "day_end")]
    #[schema(maximum = 1440)]
    pub to_min: u16,
    /// The IANA name of the zone whose clocks are meant.
    #[schema(example = "Europe/Rome")]
    pub tz: String,
    /// What the expert wrote to it, for the expert's own eyes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub note: Option<String>,
}

/// What an exception does to its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// These hours too, besides the week's.
    Open,
    /// Nothing in these hours, whatever opens them. A date has other hours by a closing and an opening.
    Closed,
}

const fn day_end() -> u16 {
    DAY_END
}

/// Hours that can be expanded into instants, with their zones looked up.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    pub(super) zones: Vec<ZoneHours>,
}

/// What a schedule has in one zone.
#[derive(Clone, Debug)]
pub(super) struct ZoneHours {
    pub(super) zone: Zone,
    /// By day of the week, Monday first; each day's in the order of their beginnings.
    pub(super) weekly: [Vec<DayHours>; 7],
    /// In the order of dates and beginnings.
    pub(super) opened: Vec<DateHours>,
    /// In the order of dates.
    pub(super) closed: Vec<DateHours>,
}

/// Minutes of a weekday, and the days since 1970 on which they hold.
#[derive(Clone, Debug)]
pub(super) struct DayHours {
    pub(super) from_min: u16,
    pub(super) to_min: u16,
    pub(super) first_day: i64,
    pub(super) last_day: i64,
}

/// Minutes of a date.
#[derive(Clone, Debug)]
pub(super) struct DateHours {
    /// Days since 1970-01-01.
    pub(super) day: i64,
    pub(super) date: Date,
    pub(super) from_min: u16,
    pub(super) to_min: u16,
    pub(super) note: Option<String>,
}

impl Schedule {
    /// Checks rules and exceptions. Overlapping hours are not an error: together they are one stretch.
    pub fn new(weekly: &[WeeklyRule], exceptions: &[DateException]) -> Result<Schedule, ScheduleError> {
        if weekly.len() > MAX_RULES {
            return Err(ScheduleError::TooManyRules);
        }
        if exceptions.len() > MAX_EXCEPTIONS {
            return Err(ScheduleError::TooManyExceptions);
        }
        let mut schedule = Schedule::default();
        for (i, rule) in weekly.iter().enumerate() {
            schedule.add_rule(rule, Entry::Rule(i))?;
        }
        for (i, exception) in exceptions.iter().enumerate() {
            schedule.add_exception(exception, Entry::Exception(i))?;
        }
        for hours in &mut schedule.zones {
            hours.weekly.iter_mut().for_each(|day| day.sort_by_key(|rule| rule.from_min));
            hours.opened.sort_by_key(|opened| (opened.day, opened.from_min));
            hours.closed.sort_by_key(|closed| closed.day);
        }
        Ok(schedule)
    }

    fn add_rule(&mut self, rule: &WeeklyRule, entry: Entry) -> Result<(), ScheduleError> {
        if !(1..=7).contains(&rule.weekday) {
            return Err(ScheduleError::Weekday { entry, weekday: rule.weekday });
        }
        check_hours(rule.from_min, rule.to_min, entry)?;
        let first_day = rule.valid_from.map_or(i64::MIN, day_number);
        let last_day = rule.valid_to.map_or(i64::MAX, day_number);
        if first_day > last_day {
            return Err(ScheduleError::Validity { entry });
        }
        let hours = DayHours { from_min: rule.from_min, to_min: rule.to_min, first_day, last_day };
        self.zone(&rule.tz, entry)?.weekly[usize::from(rule.weekday) - 1].push(hours);
        Ok(())
    }

    fn add_exception(&mut self, exception: &DateException, entry: Entry) -> Result<(), ScheduleError> {
        check_hours(exception.from_min, exception.to_min, entry)?;
        if exception.note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE) {
            return Err(ScheduleError::Note { entry });
        }
        let hours = DateHours {
            day: day_number(exception.date),
            date: exception.date,
            from_min: exception.from_min,
            to_min: exception.to_min,
            note: exception.note.clone(),
        };
        let zone = self.zone(&exception.tz, entry)?;
        match exception.kind {
            ExceptionKind::Open => zone.opened.push(hours),
            ExceptionKind::Closed => zone.closed.push(hours),
        }
        Ok(())
    }

    /// The hours of a zone; nearly every schedule has one zone only.
    fn zone(&mut self, name: &str, entry: Entry) -> Result<&mut ZoneHours, ScheduleError> {
        let known = self.zones.iter().position(|hours| hours.zone.name() == name);
        let at = match known {
            Some(at) => at,
            None => {
                let zone = Zone::named(name).map_err(|source| ScheduleError::Zone { entry, source })?;
                // Written in another case, it may be known after all.
                let known = self.zones.iter().position(|hours| hours.zone == zone);
                known.unwrap_or_else(|| {
                    self.zones.push(ZoneHours {
                        zone,
                        weekly: Default::default(),
                        opened: Vec::new(),
                        closed: Vec::new(),
                    });
                    self.zones.len() - 1
                })
            }
        };
        Ok(&mut self.zones[at])
    }
}

fn check_hours(from_min: u16, to_min: u16, entry: Entry) -> Result<(), ScheduleError> {
    if from_min < to_min && to_min <= DAY_END { Ok(()) } else { Err(ScheduleError::Hours { entry, from_min, to_min }) }
}

/// Days since 1970-01-01.
fn day_number(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

/// Which of the lists' entries is meant, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A weekly rule.
    Rule(usize),
    /// An exception.
    Exception(usize),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Rule(i) => write!(f, "weekly rule {}", i + 1),
            Entry::Exception(i) => write!(f, "exception {}", i + 1),
        }
    }
}

/// Why rules and exceptions are no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// More than [`MAX_RULES`].
    #[error("an expert can have at most {MAX_RULES} weekly rules")]
    TooManyRules,
    /// More than [`MAX_EXCEPTIONS`].
    #[error("an expert can have at most {MAX_EXCEPTIONS} exceptions")]
    TooManyExceptions,
    /// No such day.
    #[error("{entry}: weekdays are 1 (Monday) to 7 (Sunday), not {weekday}")]
    Weekday {
        /// Where.
        entry: Entry,
        /// What stood there.
        weekday: u8,
    },
    /// Hours that end before they begin, or after the day.
    #[error(
        "{entry}: hours go from a minute of the day to a later one, at most {DAY_END}, not from {from_min} to {to_min}"
    )]
    Hours {
        /// Where.
        entry: Entry,
        /// What stood there.
        from_min: u16,
        /// What stood there.
        to_min: u16,
    },
    /// Valid until before it is valid.
    #[error("{entry}: it would end before it begins")]
    Validity {
        /// Where.
        entry: Entry,
    },
    /// No such zone.
    #[error("{entry}: {source}")]
    Zone {
        /// Where.
        entry: Entry,
        /// Its name.
        source: UnknownZone,
    },
    /// Longer than [`MAX_NOTE`].
    #[error("{entry}: a note has at most {MAX_NOTE} characters")]
    Note {
        /// Where.
        entry: Entry,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> WeeklyRule {
        WeeklyRule {
            weekday: 1,
            from_min: 540,
            to_min: 1020,
            tz: "Europe/Rome".into(),
            valid_from: None,
            valid_to: None,
        }
    }

    fn exception() -> DateException {
        serde_json::from_str(r#"{"date":"2026-12-24","kind":"closed","tz":"Europe/Rome"}"#).unwrap()
    }

    fn refusal(rules: &[WeeklyRule], exceptions: &[DateException]) -> ScheduleError {
        Schedule::new(rules, exceptions).unwrap_err()
    }

    #[test]
    fn bad_rules_are_refused_and_named() {
        let good = rule();
        let entry = Entry::Rule(1);
        for weekday in [0, 8, 255] {
            let bad = WeeklyRule { weekday, ..rule() };
            assert_eq!(refusal(&[good.clone(), bad], &[]), ScheduleError::Weekday { entry, weekday });
        }
        for (from_min, to_min) in [(600, 600), (601, 600), (0, 1441), (1440, 1440), (u16::MAX, 0)] {
            let bad = WeeklyRule { from_min, to_min, ..rule() };
            assert_eq!(refusal(&[good.clone(), bad], &[]), ScheduleError::Hours { entry, from_min, to_min });
        }
        let bad = WeeklyRule { tz: "Europe/Atlantis".into(), ..rule() };
        assert_eq!(
            refusal(&[good.clone(), bad], &[]).to_string(),
            "weekly rule 2: there is no time zone \"Europe/Atlantis\"; one like Europe/Rome is expected"
        );
        let (first, last) = (Date::constant(2026, 5, 2), Date::constant(2026, 5, 1));
        let bad = WeeklyRule { valid_from: Some(first), valid_to: Some(last), ..rule() };
        assert_eq!(refusal(&[good, bad], &[]), ScheduleError::Validity { entry });
    }

    #[test]
    fn bad_exceptions_are_refused_and_named() {
        let entry = Entry::Exception(0);
        let bad = DateException { from_min: 700, to_min: 600, ..exception() };
        assert_eq!(refusal(&[], &[bad]), ScheduleError::Hours { entry, from_min: 700, to_min: 600 });
        let bad = DateException { note: Some("é".repeat(MAX_NOTE + 1)), ..exception() };
        assert_eq!(refusal(&[], &[bad]), ScheduleError::Note { entry });
        let bad = DateException { tz: "CEST".into(), ..exception() };
        assert!(matches!(refusal(&[], &[bad]), ScheduleError::Zone { entry: Entry::Exception(0), .. }));
    }

    #[test]
    fn there_are_bounds() {
        assert!(Schedule::new(&vec![rule(); MAX_RULES], &vec![exception(); MAX_EXCEPTIONS]).is_ok());
        assert_eq!(refusal(&vec![rule(); MAX_RULES + 1], &[]), ScheduleError::TooManyRules);
        assert_eq!(refusal(&[], &vec![exception(); MAX_EXCEPTIONS + 1]), ScheduleError::TooManyExceptions);
    }

    #[test]
    fn a_zone_is_looked_up_once_however_it_is_written() {
        let other = WeeklyRule { tz: "europe/rome".into(), ..rule() };
        assert_eq!(Schedule::new(&[rule(), other], &[exception()]).unwrap().zones.len(), 1);
    }

    #[test]
    fn exceptions_in_json_are_whole_days_unless_they_name_hours() {
        assert_eq!((exception().from_min, exception().to_min), (0, DAY_END));
        let text =
            r#"{"date":"2026-12-24","kind":"open","fromMin":540,"toMin":720,"tz":"Europe/Rome","note":"half day"}"#;
        let half: DateException = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&half).unwrap(), text);
        for bad in [
            r#"{"date":"2026-02-30","kind":"closed","tz":"UTC"}"#,
            r#"{"date":"2026-02-03","kind":"shut","tz":"UTC"}"#,
            r#"{"date":"2026-02-03","kind":"closed","tz":"UTC","role":"admin"}"#,
            r#"{"date":"2026-02-03","kind":"closed","tz":"UTC","fromMin":-1}"#,
        ] {
            assert!(serde_json::from_str::<DateException>(bad).is_err(), "{bad}");
        }
    }
}
