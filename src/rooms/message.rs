//! What a room is told, and how it was asked for.

use std::time::Duration;

use visavis_signaling::connect::AuthorizedConnect;
use visavis_signaling::proto;

use crate::media::Event;
use crate::rooms::admin::AdminRequest;
use crate::rooms::link::{ConnectError, SignalIn, SignalLink};
use crate::rooms::participant::{LinkId, ParticipantKey};

/// How many messages may wait for a room. A full room makes its senders wait.
pub const MAILBOX: usize = 4096;

/// What a room is told.
pub enum RoomMessage {
    /// Somebody wants to join or resume.
    Connect {
        /// The verified request.
        request: Box<AuthorizedConnect>,
        /// The answer; dropped by a room that is closing, the caller then tries again.
        reply: tokio::sync::oneshot::Sender<Result<SignalLink, ConnectError>>,
    },
    /// Something came from a WebSocket.
    Signal {
        /// Whose.
        participant: ParticipantKey,
        /// Over which connection.
        link: LinkId,
        /// What.
        message: SignalIn,
    },
    /// Something happened to media.
    Media(Event),
    /// The server's own API.
    Admin(AdminRequest),
    /// The server stops.
    Shutdown,
}

/// How a room was asked for when it was made.
#[derive(Clone, Debug, Default)]
pub struct RoomOptions {
    /// Seconds an unused room stays.
    pub empty_timeout: Duration,
    /// Seconds a left room stays.
    pub departure_timeout: Duration,
    /// Most participants; 0 unlimited.
    pub max_participants: u32,
    /// Metadata.
    pub metadata: String,
    /// Codecs, by MIME type.
    pub enabled_codecs: Vec<proto::Codec>,
}
