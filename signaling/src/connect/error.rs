//! Refusals before the WebSocket is up.

use thiserror::Error;

use crate::token::TokenError;

/// Why a connect request is refused. [`Self::status`] is the HTTP status, the
/// display text the body (LiveKit's `service/rtcservice.go`, `auth.go` and
/// `errors.go`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// The token was refused: 401.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No token, or one without video grants: 401.
    #[error("no permissions to access the room")]
    NoGrants,
    /// A token without `roomJoin`: 401.
    #[error("permissions denied")]
    JoinNotGranted,
    /// Metadata or attributes given at connecting without
    /// `canUpdateOwnMetadata`, or `publish` without `canPublish`: 401.
    #[error("no permissions to access the room")]
    NotPermitted,
    /// The v1 endpoint without `join_request`: 400.
    #[error("join_request is required")]
    JoinRequestMissing,
    /// `join_request` is not base64: 400.
    #[error("cannot base64 decode wrapped join request")]
    JoinRequestBase64,
    /// `join_request` holds no `WrappedJoinRequest`: 400.
    #[error("cannot unmarshal wrapped join request")]
    WrappedJoinRequest,
    /// The wrapped bytes are no `JoinRequest`: 400.
    #[error("cannot unmarshal join request")]
    JoinRequest,
    /// The gzip stream is damaged: 400.
    #[error("cannot read decompressed join request")]
    JoinRequestGzip,
    /// More than [`super::MAX_JOIN_REQUEST_SIZE`] bytes: 400.
    #[error("join request too large")]
    JoinRequestTooLarge,
    /// `attributes` is not base64 of a JSON object of strings: 400, and only
    /// when validating; a connection proceeds without them.
    #[error("cannot decode attributes")]
    Attributes,
    /// The token names nobody: 400.
    #[error("identity cannot be empty")]
    NoIdentity,
    /// The identity is too long: 400.
    #[error("participant identity length exceeds limits: max length {0}")]
    IdentityTooLong(usize),
    /// The token names no room: 400.
    #[error("no room name")]
    NoRoomName,
    /// The room's name is too long: 400.
    #[error("room name length exceeds limits: max length {0}")]
    RoomNameTooLong(usize),
    /// The metadata is too large: 400.
    #[error("metadata size exceeds limits")]
    MetadataTooLarge,
    /// The attributes are too large: 400.
    #[error("attribute size exceeds limits")]
    AttributesTooLarge,
    /// A plain request to a WebSocket endpoint: 404 with an empty body.
    #[error("")]
    NotWebSocket,
    /// The room does not exist and may not be created: 404. The text tells
    /// clients that it is not the endpoint that is missing.
    #[error("requested room does not exist")]
    RoomNotFound,
    /// The server takes no more: 503.
    #[error("node has exceeded its configured limit")]
    LimitReached,
    /// The room is full: 500, as LiveKit answers it.
    #[error("room has exceeded its max participants")]
    MaxParticipants,
    /// Refused by the server's own rules: 403 and the text given.
    #[error("{0}")]
    Forbidden(String),
    /// Anything that is the server's fault: 500 and the text given.
    #[error("{0}")]
    Internal(String),
}

impl ConnectError {
    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Token(_) | Self::NoGrants | Self::JoinNotGranted | Self::NotPermitted => 401,
            Self::JoinRequestMissing
            | Self::JoinRequestBase64
            | Self::WrappedJoinRequest
            | Self::JoinRequest
            | Self::JoinRequestGzip
            | Self::JoinRequestTooLarge
            | Self::Attributes
            | Self::NoIdentity
            | Self::IdentityTooLong(_)
            | Self::NoRoomName
            | Self::RoomNameTooLong(_)
            | Self::MetadataTooLarge
            | Self::AttributesTooLarge => 400,
            Self::Forbidden(_) => 403,
            Self::NotWebSocket | Self::RoomNotFound => 404,
            Self::MaxParticipants | Self::Internal(_) => 500,
            Self::LimitReached => 503,
        }
    }
}
