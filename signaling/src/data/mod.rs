//! What may travel over data channels, and how it is labelled on the way
//! (LiveKit's `participant.go` and `room.go`).
//!
//! A packet's way: [`Packet::decode`] from the channel, [`Sequence::accept`]
//! against repeats, [`Packet::accept`] for the sender's rights and name,
//! [`NonceFilter`] and [`ReliableCache`] in the room, [`Packet::destinations`]
//! for the receivers, and each receiver's [`ReliableGate`] while it is joining.
//! Rooms that keep their chat have a [`ChatTap`] at each sender.

mod cache;
mod chat;
mod packet;
mod sequence;
mod wire;

pub use cache::{CACHE_BYTES, CACHE_TTL, CachedMessage, GateVerdict, ReliableCache, ReliableGate};
pub use chat::{
    CHAT_STREAM_TIMEOUT, CHAT_TOPIC, ChatFault, ChatOperation, ChatTap, ChatText, LEGACY_CHAT_TOPIC, MAX_CHAT_STREAMS,
    MAX_CHAT_TEXT,
};
pub use packet::{DataError, Destinations, MAX_PACKET_SIZE, Packet, Sender, Verdict, wrap_raw};
pub use sequence::{NonceFilter, Sequence};

/// A data channel by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `_reliable`: ordered, `DataPacket`s.
    Reliable,
    /// `_lossy`: unordered, never retransmitted, `DataPacket`s.
    Lossy,
    /// `_data_track`: unordered, never retransmitted, data-track packets.
    DataTrack,
    /// Any other label: raw bytes.
    Unlabelled,
}

impl Channel {
    /// The channel that bears `label`.
    pub fn from_label(label: &str) -> Self {
        match label {
            "_reliable" => Self::Reliable,
            "_lossy" => Self::Lossy,
            "_data_track" => Self::DataTrack,
            _ => Self::Unlabelled,
        }
    }

    /// The label, for the channels the server opens.
    pub fn label(self) -> Option<&'static str> {
        match self {
            Self::Reliable => Some("_reliable"),
            Self::Lossy => Some("_lossy"),
            Self::DataTrack => Some("_data_track"),
            Self::Unlabelled => None,
        }
    }

    /// Whether messages arrive in order and all of them.
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Reliable | Self::Unlabelled)
    }
}
