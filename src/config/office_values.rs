//! Small types of the office wing's settings, each read from a text and written back the same way.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A number of bytes: `25MB`, `64KiB`, or a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Units of sizes, largest first.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size such as 25MB or 64KiB");
        let digits = text.trim().find(|c: char| !c.is_ascii_digit()).unwrap_or(text.trim().len());
        let (number, unit) = text.trim().split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = match unit.trim() {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1,
        };
        number.checked_mul(unit).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = UNITS.into_iter().find(|(_, size)| self.0.is_multiple_of(*size)).unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / size)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Hours of a day in which nobody is disturbed (`21:00-08:00`): from the first minute up to the last, which is not
/// part of it; past midnight where the end comes before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// The first minute, counted from midnight.
    pub from: u16,
    /// The first minute that is not quiet any more.
    pub until: u16,
}

impl QuietHours {
    /// Whether a minute of the day is quiet.
    pub fn contains(self, minute: u16) -> bool {
        if self.from <= self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

impl FromStr for QuietHours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` are not hours such as 21:00-08:00");
        let minute = |text: &str| -> Option<u16> {
            let (hour, minute) = text.trim().split_once(':')?;
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        let (from, until) = (minute(from).ok_or_else(wrong)?, minute(until).ok_or_else(wrong)?);
        if from == until { Err(format!("{}; these are none", wrong())) } else { Ok(Self { from, until }) }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.from, self.until);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl Serialize for QuietHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes a duration in the largest unit that it is a whole number of, up to days.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_span<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let seconds = span.as_secs();
    if seconds == 0 || span.subsec_nanos() != 0 {
        return super::values::serialize_duration(span, serializer);
    }
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let (unit, letter) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, 's'));
    serializer.collect_str(&format_args!("{}{letter}", seconds / unit))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_have_units_of_thousands_or_of_1024() {
        for (text, bytes, written) in [
            ("25MB", 25_000_000, "25MB"),
            ("64 kib", 65_536, "64KiB"),
            ("2000000000", 2_000_000_000, "2GB"),
            ("1GiB", 1 << 30, "1GiB"),
            ("7", 7, "7B"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, written));
        }
        for wrong in ["", "MB", "-1", "1.5MB", "5 parsecs", "99999999999GB"] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn quiet_hours_may_go_past_midnight() {
        let night: QuietHours = "21:00-08:00".parse().unwrap();
        assert!(night.contains(21 * 60) && night.contains(0) && night.contains(8 * 60 - 1));
        assert!(!night.contains(8 * 60) && !night.contains(21 * 60 - 1));
        let noon: QuietHours = "12:00 - 14:30".parse().unwrap();
        assert!(noon.contains(13 * 60) && !noon.contains(14 * 60 + 30) && !noon.contains(0));
        assert_eq!(noon.to_string(), "12:00-14:30");
        for wrong in ["", "21-8", "24:00-08:00", "21:60-08:00", "08:00-08:00"] {
            assert!(wrong.parse::<QuietHours>().is_err(), "{wrong}");
        }
    }
}
