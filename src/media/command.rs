//! What the control plane tells a shard. Every command is an owned value; none is answered directly,
//! what follows from it arrives as an [`Event`](super::event::Event).

use std::sync::Arc;

use crate::ids::{ForwarderId, MediaDataTrackId, MediaRoomId, MediaTrackId, ShardIndex, TransportId};
use crate::rtp::CodecParams;
use crate::transport::{IceCredentials, ReceiverSection, RemoteTransport, SenderSection};
use crate::units::{MediaKind, Mid, Rid};

/// One instruction to the shard that owns the transport concerned.
#[derive(Debug)]
pub enum Command {
    /// A new peer connection, waiting for the peer's first STUN check.
    AddTransport {
        /// Its name from now on.
        id: TransportId,
        /// The room whose speakers it belongs to.
        room: MediaRoomId,
        /// Our ICE credentials; the ufrag is unique in the process.
        ice: IceCredentials,
    },
    /// The peer connection is gone, with its tracks, forwarders and data channels.
    RemoveTransport(TransportId),
    /// New ICE credentials of ours: an ICE restart. The old pair keeps carrying media until the new one is valid.
    RestartIce {
        /// The peer connection.
        id: TransportId,
        /// Our new credentials.
        ice: IceCredentials,
    },
    /// The remote description as far as the transport goes; repeated ones change nothing.
    SetRemote {
        /// The peer connection.
        id: TransportId,
        /// What the peer's SDP says.
        remote: Box<RemoteTransport>,
    },
    /// Opens a data channel from our side (v0's subscriber connection).
    OpenDataChannel {
        /// The peer connection.
        id: TransportId,
        /// Label and reliability.
        channel: DataChannelSpec,
    },
    /// The complete list of sections on which the peer sends. Streams bound to a section that stays
    /// (same mid) keep their rid and SSRC bindings.
    SetReceivers {
        /// The peer connection.
        id: TransportId,
        /// All of them, in the order of the description.
        receivers: Vec<ReceiverSection>,
    },
    /// Binds a section that [`Command::SetReceivers`] named to a published track: from now on packets count.
    AddTrack {
        /// The publisher's connection.
        transport: TransportId,
        /// Name of the track.
        track: MediaTrackId,
        /// Its section.
        mid: Mid,
        /// What it publishes.
        spec: TrackSpec,
    },
    /// The publisher muted or unmuted: nothing is forwarded while muted.
    SetTrackMuted {
        /// The track.
        track: MediaTrackId,
        /// Muted or not.
        muted: bool,
    },
    /// The publication has ended; its forwarders go with it.
    RemoveTrack(MediaTrackId),
    /// A subscription: packets of `track` go to `transport` as soon as a [`SenderSection`] names this forwarder.
    AddForwarder {
        /// Name of the forwarder.
        id: ForwarderId,
        /// Source.
        track: MediaTrackId,
        /// Destination.
        transport: TransportId,
        /// Which layer, and whether at all.
        target: LayerTarget,
    },
    /// The complete list of sections on which we send to the peer, forwarders not named send nothing.
    SetSenders {
        /// The peer connection.
        id: TransportId,
        /// All of them.
        senders: Vec<SenderSection>,
    },
    /// The subscriber's track settings.
    SetTarget {
        /// The forwarder.
        id: ForwarderId,
        /// Which layer, and whether at all.
        target: LayerTarget,
    },
    /// The subscription is fed by another track from now on, the same picture in another codec; its stream goes on.
    MoveForwarder {
        /// The forwarder.
        id: ForwarderId,
        /// Its new source.
        track: MediaTrackId,
    },
    /// How much a subscription matters beside the subscriber's others; higher ones come first. It is 1 until then.
    SetPriority {
        /// The forwarder.
        id: ForwarderId,
        /// How much.
        priority: u8,
    },
    /// The peer knows what a paused stream is: where the way to it carries too little for all pictures, some may stop.
    AllowPause(TransportId),
    /// The subscription has ended.
    RemoveForwarder(ForwarderId),
    /// A message on a data channel, by label. Waits (bounded) for the channel to open when `hold` is set.
    SendData {
        /// To whom.
        transports: Vec<TransportId>,
        /// On which channel.
        channel: DataChannelLabel,
        /// The message.
        payload: Arc<[u8]>,
        /// Keep it until the channel opens, instead of dropping it.
        hold: bool,
    },
    /// A published data track: packets with `handle` on its publisher's `_data_track` channel.
    AddDataTrack {
        /// Name of the data track.
        track: MediaDataTrackId,
        /// Publisher's connection.
        transport: TransportId,
        /// The publisher's handle.
        handle: u16,
    },
    /// The data track has ended, its subscriptions with it.
    RemoveDataTrack(MediaDataTrackId),
    /// A subscription to a data track: packets go out with the subscriber's own handle.
    SubscribeDataTrack {
        /// The data track.
        track: MediaDataTrackId,
        /// The subscriber's connection.
        transport: TransportId,
        /// The subscriber's handle.
        handle: u16,
    },
    /// The subscription to a data track has ended.
    UnsubscribeDataTrack {
        /// The data track.
        track: MediaDataTrackId,
        /// The subscriber's connection.
        transport: TransportId,
    },
    /// A track that is published on another shard is to be had here as well: forwarders take it as any other's. That
    /// shard is told by [`Command::RelayTrack`]; mute, end and sections are told to both.
    MirrorTrack(Box<MirroredTrack>),
    /// Packets of a track go to another shard too, which mirrors it, and says itself which layers it wants.
    RelayTrack {
        /// The track.
        track: MediaTrackId,
        /// The other shard.
        to: ShardIndex,
    },
    /// The other shard no longer mirrors the track.
    StopRelay {
        /// The track.
        track: MediaTrackId,
        /// The other shard.
        to: ShardIndex,
    },
    /// A data track that is published on another shard is to be had here as well.
    MirrorDataTrack(MediaDataTrackId),
    /// Packets of a data track go to another shard too, until it ends.
    RelayDataTrack {
        /// The data track.
        track: MediaDataTrackId,
        /// The other shard.
        to: ShardIndex,
    },
    /// A room has ended; its speakers are forgotten.
    RemoveRoom(MediaRoomId),
    /// Asks for an [`Event::Stats`](super::event::Event::Stats) of a peer connection.
    ReportStats(TransportId),
    /// Asks for an [`Event::Flight`](super::event::Event::Flight) of a peer connection.
    ReportFlight(TransportId),
    /// Finish everything and return from the loop.
    Shutdown,
}

/// A track of a publisher on another shard.
#[derive(Clone, Debug)]
pub struct MirroredTrack {
    /// The shard where it is published.
    pub from: ShardIndex,
    /// The shard that mirrors it.
    pub here: ShardIndex,
    /// The publisher's connection there.
    pub publisher: TransportId,
    /// All sections on which that one sends; [`Command::SetReceivers`] replaces them.
    pub receivers: Vec<ReceiverSection>,
    /// Name of the track, the same on both shards.
    pub track: MediaTrackId,
    /// Its section.
    pub mid: Mid,
    /// What it publishes.
    pub spec: TrackSpec,
}

/// What a publication is.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackSpec {
    /// Audio or video.
    pub kind: MediaKind,
    /// Spatial layers in rising quality, as the publisher announced them; empty for audio.
    pub layers: Vec<LayerSpec>,
    /// The publisher muted it before it began.
    pub muted: bool,
    /// It is end-to-end encrypted: payloads are opaque beyond the codec's clear header bytes.
    pub encrypted: bool,
    /// The codec that the subscribers were told about (others that the section allows still forward by payload type).
    pub codecs: Vec<CodecParams>,
}

/// One spatial layer of a publication.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// LiveKit's quality of it.
    pub quality: Quality,
    /// Simulcast stream id, where simulcast is by rid.
    pub rid: Option<Rid>,
    /// Width in pixels; 0 unknown.
    pub width: u32,
    /// Height in pixels; 0 unknown.
    pub height: u32,
}

/// LiveKit's video quality, the index of a spatial layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Quality {
    /// `q`.
    Low = 0,
    /// `h`.
    Medium = 1,
    /// `f`.
    #[default]
    High = 2,
}

/// What a subscriber wants of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerTarget {
    /// The subscriber (or the publisher's permission) stops the stream.
    pub disabled: bool,
    /// The best layer wanted; a lower one serves while it is missing.
    pub quality: Quality,
    /// Pictures a second that suffice, where there are temporal layers to leave out; 0 for all.
    pub pictures: u8,
}

/// The well-known data channels of LiveKit, and everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataChannelLabel {
    /// `_reliable`: ordered, reliable.
    Reliable,
    /// `_lossy`: unordered, no retransmission.
    Lossy,
    /// `_data_track`: unordered, no retransmission.
    DataTrack,
    /// Any other label.
    Other,
}

impl DataChannelLabel {
    /// Reads a label.
    pub fn parse(label: &str) -> Self {
        match label {
            "_reliable" => Self::Reliable,
            "_lossy" => Self::Lossy,
            "_data_track" => Self::DataTrack,
            _ => Self::Other,
        }
    }
}

/// A data channel that we open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelSpec {
    /// Label.
    pub label: String,
    /// Messages arrive in order.
    pub ordered: bool,
    /// Retransmissions of one message at most; unlimited when absent.
    pub max_retransmits: Option<u16>,
}
