//! What the rooms need of the media wing, as a trait: tests put a recorder in its place.

use rand::Rng;
use visavis_signaling::proto;

use crate::ids::{ForwarderId, MediaDataTrackId, MediaRoomId, MediaTrackId, TransportId};
use crate::media::{Command, Event};
use crate::transport::sdp::Candidate;
use crate::transport::{Fingerprint, IceCredentials};

/// Number of a shard.
pub type ShardIndex = usize;

/// The shards as the rooms see them.
pub trait MediaPlane: Send + Sync + 'static {
    /// The shard for a new room: the least loaded.
    fn allot(&self) -> ShardIndex;

    /// The least loaded shard that is none of `taken`, for a room that grows; none where there is no other.
    fn allot_beside(&self, taken: &[ShardIndex]) -> Option<ShardIndex>;

    /// Sends a command to a shard, in order. False when its mailbox is full: the caller's participant fails.
    fn send(&self, shard: ShardIndex, command: Command) -> bool;

    /// Where clients reach this shard.
    fn candidates(&self, shard: ShardIndex) -> Vec<Candidate>;

    /// The certificate's fingerprint, the same on every shard.
    fn fingerprint(&self) -> Fingerprint;

    /// New ICE credentials whose ufrag leads to `shard`.
    fn ice_credentials(&self, shard: ShardIndex) -> IceCredentials;
}

/// A media event together with the room that it concerns.
#[derive(Debug)]
pub struct RoomEvent {
    /// The room's number.
    pub room: RoomNumber,
    /// What happened.
    pub event: Event,
}

/// A room's number in this process: the upper bits of every media id of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomNumber(pub u64);

/// One of the shards that a room is on, by the order in which it came to them: the four bits below. What has this id
/// lives there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(pub u8);

const PLACE_SHIFT: u32 = 32;
const ROOM_SHIFT: u32 = 36;

impl Place {
    /// Shards of one room at most.
    pub const MOST: usize = 1 << (ROOM_SHIFT - PLACE_SHIFT);

    /// Where something lives.
    pub fn of(id: u64) -> Self {
        Self((id >> PLACE_SHIFT) as u8 & (Self::MOST as u8 - 1))
    }

    fn bits(self) -> u64 {
        u64::from(self.0) << PLACE_SHIFT
    }
}

impl RoomNumber {
    /// How many numbers there are.
    pub const COUNT: u64 = 1 << (u64::BITS - ROOM_SHIFT);

    /// The room that an event concerns.
    pub fn of(event: &Event) -> Self {
        let id = match event {
            Event::TransportConnected { id, .. }
            | Event::TransportFailed { id, .. }
            | Event::PathChanged { id, .. }
            | Event::DataChannelOpened { id, .. }
            | Event::Data { id, .. }
            | Event::Stats { id, .. }
            | Event::Flight { id, .. } => id.0,
            Event::TrackStarted { track } => track.0,
            Event::FirstForward { track, .. }
            | Event::LayerChanged { track, .. }
            | Event::StreamPaused { track, .. } => track.0,
            Event::Speakers { room, .. } => room.0,
        };
        Self(id >> ROOM_SHIFT)
    }
}

/// Hands out the media ids of one room.
#[derive(Debug)]
pub struct Numbers {
    room: u64,
    next: u32,
}

impl Numbers {
    /// Ids of this room.
    pub fn new(room: RoomNumber) -> Self {
        Self { room: room.0 << ROOM_SHIFT, next: 1 }
    }

    /// The room's own id on one of its shards.
    pub fn room(&self, place: Place) -> MediaRoomId {
        MediaRoomId(self.room | place.bits())
    }

    fn take(&mut self, place: Place) -> u64 {
        let id = self.room | place.bits() | u64::from(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    /// A new peer connection.
    pub fn transport(&mut self, place: Place) -> TransportId {
        TransportId(self.take(place))
    }

    /// A new media track, where its publisher lives.
    pub fn track(&mut self, place: Place) -> MediaTrackId {
        MediaTrackId(self.take(place))
    }

    /// A new forwarder, where its subscriber lives.
    pub fn forwarder(&mut self, place: Place) -> ForwarderId {
        ForwarderId(self.take(place))
    }

    /// A new data track, where its publisher lives.
    pub fn data_track(&mut self, place: Place) -> MediaDataTrackId {
        MediaDataTrackId(self.take(place))
    }
}

/// LiveKit's letters for a track id: kind, then source.
pub fn track_letters(kind: proto::TrackType, source: proto::TrackSource) -> String {
    let kind = match kind {
        proto::TrackType::Audio => "A",
        proto::TrackType::Video => "V",
        proto::TrackType::Data => "D",
    };
    let source = match source {
        proto::TrackSource::Camera => "C",
        proto::TrackSource::Microphone => "M",
        proto::TrackSource::ScreenShare => "S",
        proto::TrackSource::ScreenShareAudio => "s",
        proto::TrackSource::Unknown => "",
    };
    format!("{kind}{source}")
}

/// A random stream number that is not zero.
pub fn random_ssrc(rng: &mut impl Rng) -> crate::units::Ssrc {
    crate::units::Ssrc(rng.next_u32() | 1)
}
