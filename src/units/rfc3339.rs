//! Points in time as the REST API, mails and calendars write them: RFC 3339, in UTC.
//!
//! A field says `#[serde(with = "rfc3339")]`, or `rfc3339::option`, and
//! `#[schema(value_type = String, format = DateTime)]` to the OpenAPI document.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::UnixTime;

/// `2026-03-08T17:00:00Z`, with as much of a fraction as there is.
pub fn format(time: UnixTime) -> String {
    timestamp(time).to_string()
}

/// Reads a time with any offset, `None` where there is none or it is no time. What is finer than a millisecond is cut.
pub fn parse(text: &str) -> Option<UnixTime> {
    // `Z` or a number; a zone's name in brackets is not of RFC 3339.
    if text.len() > 40 || text.contains('[') {
        return None;
    }
    let time: Timestamp = text.parse().ok()?;
    // The library rounds towards 1970, which would be forwards for what lies before.
    Some(UnixTime(time.as_nanosecond().div_euclid(1_000_000) as i64))
}

/// The nearest time that calendars know, which end with the year 9999.
pub fn timestamp(time: UnixTime) -> Timestamp {
    let end = if time.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(time.0).unwrap_or(end)
}

/// For serde.
pub fn serialize<S: Serializer>(time: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&timestamp(*time))
}

/// For serde.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixTime, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom("a time like 2026-03-08T17:00:00Z is expected"))
}

/// For fields that may be absent or null.
pub mod option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::units::UnixTime;

    /// For serde.
    pub fn serialize<S: Serializer>(time: &Option<UnixTime>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    /// For serde; the field needs `#[serde(default)]` to be left out.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixTime>, D::Error> {
        let Some(text) = Option::<std::borrow::Cow<str>>::deserialize(from)? else { return Ok(None) };
        let time = super::parse(&text);
        time.map(Some).ok_or_else(|| D::Error::custom("a time like 2026-03-08T17:00:00Z is expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Event {
        #[serde(with = "super")]
        at: UnixTime,
        #[serde(with = "super::option", default)]
        end: Option<UnixTime>,
    }

    #[test]
    fn times_are_written_in_utc_and_read_with_any_offset() {
        assert_eq!(format(UnixTime(1_772_989_200_000)), "2026-03-08T17:00:00Z");
        assert_eq!(format(UnixTime(1)), "1970-01-01T00:00:00.001Z");
        for text in ["2026-03-08T17:00:00Z", "2026-03-08T13:00:00-04:00", "2026-03-08t17:00:00.0009z"] {
            assert_eq!(parse(text), Some(UnixTime(1_772_989_200_000)), "{text}");
        }
        assert_eq!(parse("1969-12-31T23:59:59.9999Z"), Some(UnixTime(-1)));
    }

    #[test]
    fn what_is_no_point_in_time_is_refused() {
        for text in [
            "",
            "2026-03-08",
            "2026-03-08T17:00:00",
            "2026-02-30T17:00:00Z",
            "2026-03-08T25:00:00Z",
            "2026-03-08T13:00:00-04:00[America/New_York]",
            "1772989200000",
            "99999-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_beyond_the_calendar_is_written_as_its_end() {
        assert!(format(UnixTime(i64::MAX)).starts_with("9999-12-30"));
        assert!(format(UnixTime(i64::MIN)).starts_with("-009999-01-02"));
    }

    #[test]
    fn fields_survive_json_and_may_be_absent() {
        let event = Event { at: UnixTime(5_000), end: Some(UnixTime(6_000)) };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(text, r#"{"at":"1970-01-01T00:00:05Z","end":"1970-01-01T00:00:06Z"}"#);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        let open: Event = serde_json::from_str(r#"{"at":"1970-01-01T00:00:05Z"}"#).unwrap();
        assert_eq!(open.end, None);
        assert!(serde_json::from_str::<Event>(r#"{"at":"yesterday"}"#).is_err());
    }
}
