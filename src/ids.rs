//! Identifiers: LiveKit's with their prefixes (livekit/protocol `utils/guid`), the numbers by which the control plane
//! names things to the media wing, and the UUIDs of the office wing's records (RFC 9562, version 7: they sort by the
//! time they were made at).

use std::fmt;
use std::sync::Arc;

use rand::Rng;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::units::UnixTime;

/// Letters without look-alikes, as LiveKit's ids are made of.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RANDOM_LEN: usize = 12;

/// `prefix` followed by twelve random letters.
pub fn random_id(rng: &mut impl Rng, prefix: &str) -> String {
    let mut id = String::with_capacity(prefix.len() + RANDOM_LEN);
    id.push_str(prefix);
    for _ in 0..RANDOM_LEN {
        let n = rng.next_u32() as usize % ALPHABET.len();
        id.push(ALPHABET[n] as char);
    }
    id
}

macro_rules! sid {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Prefix of every such id.
            pub const PREFIX: &'static str = $prefix;

            /// A new random id.
            pub fn random(rng: &mut impl Rng) -> Self {
                Self(random_id(rng, Self::PREFIX).into())
            }

            /// An id that came from elsewhere; not checked.
            pub fn from_text(text: &str) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

sid!(
    /// A room's session.
    RoomSid, "RM_"
);
sid!(
    /// A participant's session.
    ParticipantSid, "PA_"
);
sid!(
    /// A published audio or video track; further letters say kind and source.
    TrackSid, "TR_"
);
sid!(
    /// A published data track.
    DataTrackSid, "DTR_"
);
sid!(
    /// This server process.
    NodeId, "ND_"
);

impl TrackSid {
    /// A new id with LiveKit's letters for kind (`A`, `V`) and source (`C`, `M`, `S`, `s`).
    pub fn random_with_letters(rng: &mut impl Rng, letters: &str) -> Self {
        Self(random_id(rng, &format!("{}{letters}", Self::PREFIX)).into())
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);
    };
}

number!(
    /// One peer connection, named by the control plane, unique in the process.
    TransportId
);
/// A shard's number, from zero up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardIndex(pub u16);

number!(
    /// A room as the media wing knows it (the scope of active speakers).
    MediaRoomId
);
number!(
    /// One published audio or video track (all its layers, one codec).
    MediaTrackId
);
number!(
    /// One track's way to one subscriber.
    ForwarderId
);
number!(
    /// One published data track.
    MediaDataTrackId
);

macro_rules! record {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id made at `now`.
            pub fn new(now: UnixTime, rng: &mut impl Rng) -> Self {
                let mut random = [0; 10];
                rng.fill_bytes(&mut random);
                let millis = u64::try_from(now.as_millis()).unwrap_or_default();
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The id as the database holds it.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::Object::builder()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::Custom("uuid".into())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

record!(
    /// A person with an account.
    UserId
);
record!(
    /// What an expert offers.
    ServiceId
);
record!(
    /// One consultation, from the hold on its slot to its end.
    AppointmentId
);
record!(
    /// Somebody's seat in an appointment; also the identity in its room.
    SeatId
);
record!(
    /// A signed-in device.
    SessionId
);
record!(
    /// One participant's stay in a room.
    CallLogId
);
record!(
    /// A chat message.
    MessageId
);
record!(
    /// A file of an appointment.
    FileId
);
record!(
    /// A note of an appointment.
    NoteId
);
record!(
    /// Something that is to be sent.
    OutboxId
);
record!(
    /// A subscriber of our own webhooks.
    WebhookId
);
record!(
    /// One event on its way to one webhook.
    DeliveryId
);
record!(
    /// Any other record.
    RecordId
);

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn ids_of_records_sort_by_the_time_they_were_made_at_and_survive_their_text() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let early = UserId::new(UnixTime(1_000), &mut rng);
        let late = UserId::new(UnixTime(2_000), &mut rng);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(serde_json::to_string(&early).ok(), Some(format!("\"{early}\"")));
    }
}
