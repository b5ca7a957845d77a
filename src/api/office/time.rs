//! Times as the API writes them.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::units::UnixTime;

/// A moment, written as RFC 3339 in UTC. One that is read lies between 1970 and 2200, so that arithmetic on it has
/// room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiTime(pub UnixTime);

/// 2200-01-01T00:00:00Z.
const END: i64 = 7_258_118_400_000;

impl ApiTime {
    /// The time as it is written.
    pub fn to_text(self) -> String {
        // Nothing that the server holds lies outside of jiff's thousands of years.
        jiff::Timestamp::from_millisecond(self.0.as_millis()).unwrap_or_default().to_string()
    }
}

impl From<UnixTime> for ApiTime {
    fn from(time: UnixTime) -> Self {
        Self(time)
    }
}

impl Serialize for ApiTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for ApiTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let time: jiff::Timestamp =
            text.parse().map_err(|_| D::Error::custom("is no time such as 2026-11-22T09:00:00Z"))?;
        let millis = time.as_millisecond();
        if (0..END).contains(&millis) {
            Ok(Self(UnixTime(millis)))
        } else {
            Err(D::Error::custom("lies outside of the years 1970 to 2199"))
        }
    }
}

impl PartialSchema for ApiTime {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for ApiTime {
    fn name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<ApiTime, String> {
        serde_json::from_str(&format!("\"{text}\"")).map_err(|error| error.to_string())
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let time = ApiTime(UnixTime(1_795_338_000_500));
        assert_eq!(time.to_text(), "2026-11-22T09:00:00.5Z");
        assert_eq!(read("2026-11-22T10:00:00.500+01:00"), Ok(time));
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-11-22T09:00:00.5Z\"");
    }

    #[test]
    fn impossible_dates_are_none() {
        for wrong in [
            "",
            "soon",
            "2026-02-30T00:00:00Z",
            "2026-11-22",
            "2026-11-22T25:00:00Z",
            "1969-12-31T23:59:59Z",
            "2200-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2026-11-22T09:00:00",
            "+010000-01-01T00:00:00Z",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
