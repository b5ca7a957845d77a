//! What the server's own API asks of a room.

use serde_json::Value;
use tokio::sync::oneshot;
use visavis_signaling::proto::{self, DataPacket, ParticipantInfo, ParticipantPermission, TrackInfo};
use visavis_signaling::session::CloseReason;

use crate::rooms::flight::Sheet;

/// Why an administrative request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// No such room.
    #[error("requested room does not exist")]
    NoRoom,
    /// No such participant.
    #[error("participant does not exist")]
    NoParticipant,
    /// No such track.
    #[error("track is not found")]
    NoTrack,
    /// `room.enable_remote_unmute` is off.
    #[error("remote unmute not enabled")]
    UnmuteDisabled,
    /// A name, metadata or attributes are too long.
    #[error("a size limit is exceeded")]
    TooLong,
}

/// Where the answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, AdminError>>;

/// What a participant update changes; absent fields stay.
#[derive(Debug, Default)]
pub struct ParticipantChange {
    /// New metadata.
    pub metadata: Option<String>,
    /// New name.
    pub name: Option<String>,
    /// Attributes to set; empty values delete.
    pub attributes: std::collections::HashMap<String, String>,
    /// New permissions.
    pub permission: Option<ParticipantPermission>,
}

/// One administrative request.
#[derive(Debug)]
pub enum AdminRequest {
    /// The room as others see it.
    Describe(Reply<proto::Room>),
    /// Everybody in it.
    Participants(Reply<Vec<ParticipantInfo>>),
    /// One participant.
    Participant {
        /// Who.
        identity: String,
        /// The answer.
        reply: Reply<ParticipantInfo>,
    },
    /// Sends a participant away.
    Remove {
        /// Who.
        identity: String,
        /// The answer, once the participant is gone.
        reply: Reply<()>,
    },
    /// Mutes or unmutes a track.
    Mute {
        /// Whose.
        identity: String,
        /// Which.
        track_sid: String,
        /// Muted or not.
        muted: bool,
        /// The track afterwards.
        reply: Reply<TrackInfo>,
    },
    /// Changes a participant.
    Update {
        /// Who.
        identity: String,
        /// What.
        change: Box<ParticipantChange>,
        /// The participant afterwards.
        reply: Reply<ParticipantInfo>,
    },
    /// Subscribes or unsubscribes a participant.
    Subscriptions {
        /// Who.
        identity: String,
        /// Which tracks.
        track_sids: Vec<String>,
        /// Subscribe or unsubscribe.
        subscribe: bool,
        /// The answer.
        reply: Reply<()>,
    },
    /// A message from the server.
    SendData {
        /// The message, with its destinations.
        packet: Box<DataPacket>,
        /// The answer.
        reply: Reply<()>,
    },
    /// New metadata of the room.
    Metadata {
        /// The text.
        metadata: String,
        /// The room afterwards.
        reply: Reply<proto::Room>,
    },
    /// Who is connected how, for the recording of the call.
    Flight(Reply<Sheet>),
    /// Ends the room.
    Delete(Reply<()>),
    /// Ends the room and tells everybody that this is the end.
    Close {
        /// Why.
        reason: CloseReason,
        /// The answer.
        reply: Reply<()>,
    },
    /// Tells everybody something on the topic [`NOTICE_TOPIC`](super::NOTICE_TOPIC).
    Notice {
        /// What.
        payload: Value,
        /// The answer.
        reply: Reply<()>,
    },
}
