//! Identifiers with LiveKit's prefixes (livekit/protocol `utils/guid`), and the numbers
//! by which the control plane names things to the media wing.

use std::fmt;
use std::sync::Arc;

use rand::Rng;

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
