//! Hours, slots and explanations against known dates and against an oracle that walks minute by minute.

mod booking;
mod closing;
mod directory;
mod explanations;
mod groups;
mod moving;
mod offered;
mod offering;
mod office;
mod oracle;
mod own_window;
mod participants;
mod properties;
mod stored;
mod vectors;
mod walks;
mod windows;

use std::time::Duration;

use jiff::civil::Date;

use super::*;
use crate::units::{UnixTime, rfc3339};

fn at(text: &str) -> UnixTime {
    rfc3339::parse(text).unwrap()
}

fn span(from: &str, to: &str) -> Interval {
    Interval::new(at(from), at(to))
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// `"9:15"` as minutes of the day.
fn min(clock: &str) -> u16 {
    let (hours, minutes) = clock.split_once(':').unwrap();
    hours.parse::<u16>().unwrap() * 60 + minutes.parse::<u16>().unwrap()
}

/// Hours of one weekday, 1 being Monday.
fn rule(weekday: u8, from: &str, to: &str, tz: &str) -> WeeklyRule {
    WeeklyRule { weekday, from_min: min(from), to_min: min(to), tz: tz.into(), valid_from: None, valid_to: None }
}

/// The same hours on every day of the week.
fn daily(from: &str, to: &str, tz: &str) -> Vec<WeeklyRule> {
    (1..=7).map(|weekday| rule(weekday, from, to, tz)).collect()
}

fn exception(kind: ExceptionKind, date: &str, from: &str, to: &str, tz: &str) -> DateException {
    let date: Date = date.parse().unwrap();
    DateException { date, kind, from_min: min(from), to_min: min(to), tz: tz.into(), note: None }
}

fn opened(date: &str, from: &str, to: &str, tz: &str) -> DateException {
    exception(ExceptionKind::Open, date, from, to, tz)
}

fn closed(date: &str, from: &str, to: &str, tz: &str) -> DateException {
    exception(ExceptionKind::Closed, date, from, to, tz)
}

/// Half-hour slots on a half-hour grid without buffers and notice.
fn half_hours() -> ServiceRules {
    ServiceRules { min_notice: Duration::ZERO, horizon: MAX_HORIZON, ..ServiceRules::default() }
}

/// All slots of a range, long before it, with nothing booked.
fn all_slots(schedule: &Schedule, rules: &ServiceRules, range: Interval) -> Vec<Slot> {
    let busy = Intervals::default();
    let offer = Offer { schedule, rules, busy: &busy, shared: &[] };
    offer.slots(range, range.from.minus(minutes(7 * 24 * 60)))
}

/// Starts as UTC hours and minutes.
fn starts(slots: &[Slot]) -> Vec<String> {
    slots.iter().map(|slot| Zone::UTC.civil(slot.starts_at).strftime("%H:%M").to_string()).collect()
}
