//! What a shard tells the control plane.

use crate::ids::{MediaRoomId, MediaTrackId, TransportId};
use crate::media::command::{DataChannelLabel, Quality};
use crate::media::flight::Recording;
use crate::media::stats::TransportStats;
use crate::transport::Path;

/// Something that the control plane must know.
#[derive(Debug)]
pub enum Event {
    /// ICE, DTLS and the fingerprint are good: media and data may flow.
    TransportConnected {
        /// The peer connection.
        id: TransportId,
        /// The selected path.
        path: Path,
    },
    /// The peer connection is lost (no consent for long, DTLS failed or closed); the shard keeps it
    /// until the control plane removes it, so that an ICE restart can revive a lost path.
    TransportFailed {
        /// The peer connection.
        id: TransportId,
        /// Why.
        cause: TransportFailure,
    },
    /// The selected path changed, after an ICE restart or a new nomination.
    PathChanged {
        /// The peer connection.
        id: TransportId,
        /// The new path.
        path: Path,
    },
    /// A data channel is open, whoever opened it.
    DataChannelOpened {
        /// The peer connection.
        id: TransportId,
        /// Which.
        label: DataChannelLabel,
    },
    /// A message from the peer (data tracks are forwarded in the shard and do not appear here).
    Data {
        /// From whom.
        id: TransportId,
        /// On which channel.
        label: DataChannelLabel,
        /// The message.
        payload: Vec<u8>,
    },
    /// The first packet of a track has arrived.
    TrackStarted {
        /// The track.
        track: MediaTrackId,
    },
    /// Who speaks in a room, loudest first; sent when it changed, at most every 400 ms.
    Speakers {
        /// The room.
        room: MediaRoomId,
        /// Publisher's connection and level: 0 silence to 1 loudest, quantised to eighths.
        speakers: Vec<(TransportId, f32)>,
    },
    /// A packet of this track has gone to this subscriber for the first time.
    FirstForward {
        /// The track.
        track: MediaTrackId,
        /// The subscriber's connection.
        subscriber: TransportId,
    },
    /// The quality that a subscriber receives of a track changed.
    LayerChanged {
        /// The track.
        track: MediaTrackId,
        /// The subscriber's connection.
        subscriber: TransportId,
        /// The layer that flows now.
        quality: Quality,
    },
    /// A picture stopped, since the way to its subscriber carries too little for it, or goes on.
    StreamPaused {
        /// The track.
        track: MediaTrackId,
        /// The subscriber's connection.
        subscriber: TransportId,
        /// Stopped, or going on.
        paused: bool,
    },
    /// The answer to [`Command::ReportStats`](super::command::Command::ReportStats).
    Stats {
        /// The peer connection.
        id: TransportId,
        /// Its figures.
        stats: Box<TransportStats>,
    },
    /// What the flight recorder has of a peer connection: the answer to
    /// [`Command::ReportFlight`](super::command::Command::ReportFlight), or the last word of one that ends.
    Flight {
        /// The peer connection.
        id: TransportId,
        /// Its recording; none of a connection that is not there.
        recording: Option<Box<Recording>>,
        /// The connection has ended; nobody asked.
        last: bool,
    },
}

/// Why a transport failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportFailure {
    /// No valid pair within the time allowed.
    IceTimeout,
    /// Consent was not renewed (RFC 7675).
    ConsentExpired,
    /// The DTLS handshake failed.
    Dtls,
    /// The certificate does not match the SDP's fingerprint.
    FingerprintMismatch,
    /// The peer closed DTLS.
    Closed,
}
