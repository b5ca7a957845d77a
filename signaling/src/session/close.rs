//! Why sessions end and what the client is told to do about it.

use livekit_protocol::{DisconnectReason, leave_request};

/// Why the server ends, or the client ended, a session (LiveKit's
/// `types.ParticipantCloseReason`). Ordered as there; reasons of LiveKit's that
/// cannot arise here are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client said it leaves.
    ClientRequestLeave,
    /// The server shuts down.
    ServerShutdown,
    /// Joining failed on the way.
    JoinFailed,
    /// Media did not connect in time.
    JoinTimeout,
    /// Media was lost and did not come back.
    PeerConnectionDisconnected,
    /// The same identity joined again.
    DuplicateIdentity,
    /// A newer session of the same identity exists.
    Stale,
    /// Removed by the server API.
    ParticipantRemoved,
    /// The room was deleted by the server API.
    RoomDeleted,
    /// The time allotted to the room has run out.
    WindowClosed,
    /// What the room was for has been called off.
    Cancelled,
    /// A client asked for a simulated migration.
    SimulateMigration,
    /// A client asked for a simulated node failure.
    SimulateNodeFailure,
    /// A client asked for a simulated leave by the server.
    SimulateServerLeave,
    /// Offer and answer did not come to an end.
    NegotiateFailed,
    /// What a client says it publishes is unknown here.
    PublicationError,
    /// A subscription failed for good.
    SubscriptionError,
    /// A data channel failed.
    DataChannelError,
    /// The WebSocket closed before media ever connected.
    SignalSourceClose,
    /// The room closed because its time or its people had gone.
    RoomClosed,
    /// A called party did not answer.
    UserUnavailable,
    /// A called party declined.
    UserRejected,
    /// The participant could not be moved to another room.
    MoveFailed,
    /// An agent gave up.
    AgentError,
}

impl CloseReason {
    /// The reason as clients and webhooks know it.
    pub fn disconnect_reason(self) -> DisconnectReason {
        match self {
            Self::ClientRequestLeave => DisconnectReason::ClientInitiated,
            Self::ServerShutdown | Self::SimulateNodeFailure | Self::SimulateServerLeave => {
                DisconnectReason::ServerShutdown
            }
            Self::JoinFailed | Self::JoinTimeout => DisconnectReason::JoinFailure,
            Self::PeerConnectionDisconnected => DisconnectReason::ConnectionTimeout,
            Self::DuplicateIdentity | Self::Stale => DisconnectReason::DuplicateIdentity,
            Self::SimulateMigration => DisconnectReason::Migration,
            Self::ParticipantRemoved => DisconnectReason::ParticipantRemoved,
            // Every client knows this one, and that it need not come back.
            Self::RoomDeleted | Self::WindowClosed | Self::Cancelled => DisconnectReason::RoomDeleted,
            Self::NegotiateFailed
            | Self::PublicationError
            | Self::SubscriptionError
            | Self::DataChannelError
            | Self::MoveFailed => DisconnectReason::StateMismatch,
            Self::SignalSourceClose => DisconnectReason::SignalClose,
            Self::RoomClosed => DisconnectReason::RoomClosed,
            Self::UserUnavailable => DisconnectReason::UserUnavailable,
            Self::UserRejected => DisconnectReason::UserRejected,
            Self::AgentError => DisconnectReason::AgentError,
        }
    }

    /// The reason a client gives in its leave; anything unusual counts as its
    /// own wish.
    pub fn from_client(reason: DisconnectReason) -> Self {
        match reason {
            DisconnectReason::UserUnavailable => Self::UserUnavailable,
            DisconnectReason::UserRejected => Self::UserRejected,
            DisconnectReason::AgentError => Self::AgentError,
            _ => Self::ClientRequestLeave,
        }
    }

    /// Whether clients that recognise a participant by identity are not told of
    /// the departure, because a newer session has taken its place.
    pub fn is_replaced(self) -> bool {
        self == Self::DuplicateIdentity
    }

    /// Whether somebody wanted this end, as opposed to a failure.
    pub fn is_intentional(self) -> bool {
        matches!(
            self.disconnect_reason(),
            DisconnectReason::ClientInitiated
                | DisconnectReason::ServerShutdown
                | DisconnectReason::DuplicateIdentity
                | DisconnectReason::Migration
                | DisconnectReason::ParticipantRemoved
                | DisconnectReason::RoomDeleted
                | DisconnectReason::RoomClosed
        )
    }
}

/// What a leave tells the client to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaveAction {
    /// Stay away.
    Disconnect,
    /// Open a new WebSocket and resume this session.
    Resume,
    /// Start over with a new session.
    Reconnect,
}

impl LeaveAction {
    pub(super) fn to_proto(self) -> leave_request::Action {
        match self {
            Self::Disconnect => leave_request::Action::Disconnect,
            Self::Resume => leave_request::Action::Resume,
            Self::Reconnect => leave_request::Action::Reconnect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_reasons_are_kept_where_they_mean_something() {
        use DisconnectReason as D;
        assert_eq!(CloseReason::from_client(D::UserRejected), CloseReason::UserRejected);
        assert_eq!(CloseReason::from_client(D::RoomDeleted), CloseReason::ClientRequestLeave);
    }

    #[test]
    fn only_failures_are_unintentional() {
        assert!(CloseReason::RoomClosed.is_intentional());
        assert!(!CloseReason::PeerConnectionDisconnected.is_intentional());
        assert!(!CloseReason::NegotiateFailed.is_intentional());
    }
}
