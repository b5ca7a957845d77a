//! What customers agree to when they book: the words as they read them, which version of them, and when. Rows are only
//! added; they belong to the customer's seat.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Error, texts};
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::store::{Reader, Tx};
use crate::units::{UnixTime, rfc3339};

/// The longest name of a version, in characters.
pub const MAX_VERSION: usize = 40;
/// The longest words, in characters.
pub const MAX_WORDS: usize = 2_000;

/// What somebody agrees to with a booking.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewConsent {
    /// Which version of the words it is.
    #[schema(max_length = 40, example = "booking-1")]
    version: String,
    /// The words as they were read, in the language that they were read in.
    #[schema(max_length = 2000)]
    text: String,
}

/// What somebody has agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Which version of the words it is.
    pub version: String,
    /// The words as they were read; empty once their reader has been forgotten.
    pub text: String,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub agreed_at: UnixTime,
}

impl NewConsent {
    /// A consent to these words.
    pub fn new(version: impl Into<String>, text: impl Into<String>) -> Self {
        Self { version: version.into(), text: text.into() }
    }

    /// Trimmed, and refused where it says nothing.
    pub(super) fn checked(&self) -> Result<Self, Error> {
        let version = texts::line("consent.version", &self.version, MAX_VERSION)?;
        Ok(Self { version, text: texts::words("consent.text", &self.text, MAX_WORDS)? })
    }

    /// Writes it down for the customer's seat.
    pub(super) fn record(
        &self,
        tx: &Tx<'_>,
        appointment: AppointmentId,
        customer: UserId,
        now: UnixTime,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO consents (seat_id, version, text, agreed_at)
            SELECT id, ?3, ?4, ?5 FROM seats WHERE appointment_id = ?1 AND user_id = ?2";
        tx.prepare_cached(sql)?.execute((appointment, customer, &self.version, &self.text, now.0))?;
        Ok(())
    }
}

/// The latest of each seat, as far as the reader may know.
pub(super) fn consents(reader: &Reader<'_>, id: AppointmentId) -> Result<Vec<(SeatId, Consent)>, Error> {
    let sql = "SELECT seat_id, version, text, max(agreed_at) AS agreed_at FROM my_consents WHERE appointment_id = ?1
        GROUP BY seat_id";
    let mut statement = reader.prepare_cached(sql)?;
    let row = |row: &rusqlite::Row<'_>| {
        let agreed_at = UnixTime(row.get("agreed_at")?);
        Ok((row.get("seat_id")?, Consent { version: row.get("version")?, text: row.get("text")?, agreed_at }))
    };
    Ok(statement.query_map([id], row)?.collect::<Result<_, _>>()?)
}
